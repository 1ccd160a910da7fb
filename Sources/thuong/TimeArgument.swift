import DeviceRegistry
import Readings

/// Times and lengths of time among the options: each is the `transform` of one.
enum TimeArgument {
  /// An instant: RFC 3339, or milliseconds since 1970.
  static func instant(_ text: String) throws -> Timestamp {
    if let instant = Timestamp(rfc3339: text) { return instant }
    guard let number = Int64(text), Timestamp.plausible.contains(number) else {
      throw WrongArgument("takes a time such as 2025-11-21T00:00:00+07:00")
    }
    return Timestamp(milliseconds: number)
  }

  static func length(_ text: String) throws -> Milliseconds {
    guard let length = DurationText.milliseconds(text) else { throw WrongArgument("takes a length of time such as 30s, 5m, 2h or 1d") }
    return length
  }
}

/// What an option takes, where it was given something else: see `UsageError`.
struct WrongArgument: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
