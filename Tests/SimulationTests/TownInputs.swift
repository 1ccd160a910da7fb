import TestSupport

/// Inputs by hand; instants and times are milliseconds after the town's start.
extension ModelInput {
  init(_ kind: Kind, at: Int64) { self.init(at: SimulatedTown.start + at, kind: kind) }

  /// A device's telemetry.
  static func send(_ payload: String, from device: String = "tr-1", at: Int64, packet: UInt16 = 0) -> ModelInput {
    let subject = ModelTown.devices.first { $0.id == device }?.subject ?? "s/traffic/\(device)"
    return ModelInput(
      .message(topic: "thuong/v1/\(subject)/telemetry", payload: Array(payload.utf8), retain: false, packet: packet), at: at)
  }

  /// One object with a time of its own, which arrives then unless `at` says otherwise.
  static func send(_ values: String, ts: Int64, from device: String = "tr-1", at: Int64? = nil) -> ModelInput {
    send(object(values, ts: ts), from: device, at: at ?? ts)
  }

  static func object(_ values: String, ts: Int64) -> String { #"{"ts":\#(SimulatedTown.start + ts),"values":{\#(values)}}"# }

  static func clock(at: Int64) -> ModelInput { ModelInput(.clock, at: at) }
  static func doubtful(at: Int64) -> ModelInput { ModelInput(.command(#"{"clock":"doubtful"}"#), at: at) }
  static func connection(sessionPresent: Bool = true) -> ModelInput { ModelInput(.connection(sessionPresent: sessionPresent), at: 0) }
}
