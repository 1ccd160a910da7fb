/// One thing that happens to a gateway. `at` is in milliseconds since the epoch.
struct ModelInput: Sendable {
  enum Kind: Sendable {
    /// `packet` is the broker's packet id, 0 where there is none.
    case message(topic: String, payload: [UInt8], retain: Bool, packet: UInt16)
    case clock
    case intake(up: Bool)
    case command(String)
    /// A new connection to the broker. It takes no time, whatever its `at`.
    case connection(sessionPresent: Bool)
  }

  var at: Int64
  var kind: Kind
}
