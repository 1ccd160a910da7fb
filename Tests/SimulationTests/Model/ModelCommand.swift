import Foundation

/// A time in which nobody is to be told of some alerts.
struct ModelSilence {
  var id: String
  /// What an alert must be one of, by what it is asked for; what is not there is not asked.
  var lists: [String: [String]]
  var from, until: Int64
  /// Days of the week, Monday is 0, and minutes of the day in Vietnam.
  var weekly: (days: [Int], from: Int, to: Int)?

  func isActive(at t: Int64) -> Bool {
    if t < from || t >= until { return false }
    guard let weekly else { return true }
    let minute = (t / 60_000 + 7 * 60)
    let (day, time) = (minute / 1440, Int(minute % 1440))
    func isMeant(_ day: Int64) -> Bool { weekly.days.contains(Int((day + 3) % 7)) }
    if weekly.from < weekly.to { return isMeant(day) && time >= weekly.from && time < weekly.to }
    return isMeant(day) && time >= weekly.from || isMeant(day - 1) && time < weekly.to
  }
}

/// What an operator says.
enum ModelCommand {
  case acknowledge(String)
  case close(String)
  case silence(ModelSilence)
  case unsilence(String)

  /// nil for other commands.
  init?(_ json: String) {
    guard let object = try? JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any] else { return nil }
    if let id = object["ack"] as? String {
      self = .acknowledge(id)
    } else if let id = object["close"] as? String {
      self = .close(id)
    } else if let id = object["unsilence"] as? String {
      self = .unsilence(id)
    } else if let silence = object["silence"] as? [String: Any] {
      self = .silence(Self.silence(silence))
    } else {
      return nil
    }
  }

  private static func silence(_ object: [String: Any]) -> ModelSilence {
    var silence = ModelSilence(
      id: object["id"] as? String ?? "", lists: object.compactMapValues { $0 as? [String] }, from: time(object["from"]) ?? .min,
      until: time(object["until"]) ?? 0)
    if let weekly = object["weekly"] as? [String: Any], let days = weekly["days"] as? [String] {
      let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
      silence.weekly = (days.compactMap { names.firstIndex(of: $0) }, minute(weekly["from"]), minute(weekly["to"]))
    }
    return silence
  }

  private static func minute(_ text: Any?) -> Int {
    let parts = (text as? String)?.split(separator: ":").compactMap { Int($0) } ?? []
    return parts.count == 2 ? parts[0] * 60 + parts[1] : 0
  }

  private static func time(_ text: Any?) -> Int64? {
    guard let text = text as? String else { return nil }
    let date =
      (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text)) ?? (try? Date.ISO8601FormatStyle().parse(text))
    return date.map { Int64(($0.timeIntervalSince1970 * 1000).rounded()) }
  }
}
