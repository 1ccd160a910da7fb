import TestSupport
import Testing

/// The real engine on a real store, and the model, over the same random inputs: both store and tell the same.
@Suite struct ModelAgainstEngineTests {
  private let town: EngineRun.Town
  init() throws { town = try EngineRun.Town() }

  @Test(arguments: stride(from: UInt64(1), through: 200, by: 20).map { $0..<($0 + 20) })
  func `the engine stores and tells what the model says`(_ seeds: Range<UInt64>) throws {
    for seed in seeds {
      let inputs = RandomTrace(seed: seed, count: 600, hasPackets: seed % 2 == 0).modelInputs
      var model = GatewayModel(deviations: Set(EngineDeviation.allCases))
      for input in inputs { model.apply(input) }
      let engine = try EngineRun(town)
      try engine.apply(inputs, batch: Int(seed % 60) + 1)
      if let difference = try engine.outcome().difference(from: model.outcome) { Issue.record("seed \(seed): \(difference)") }
    }
  }

  /// No random trace holds that command.
  @Test func `so they do when the broker lost the session`() throws {
    let message = #"{"values":{"speed":50}}"#
    let inputs: [ModelInput] = [
      .connection(), .send(message, at: 0, packet: 7), ModelInput(.command(#"{"session":"new"}"#), at: 1000), .connection(),
      .send(message, at: 2000, packet: 7), .connection(), .send(message, at: 3000, packet: 7),
    ]
    var model = GatewayModel()
    for input in inputs { model.apply(input) }
    let engine = try EngineRun(town)
    try engine.apply(inputs)
    #expect(try engine.outcome().difference(from: model.outcome) == nil)
    #expect(model.outcome.stored.count == 2)
  }
}

extension RandomTrace {
  /// The trace as the model takes it, from the town's start.
  var modelInputs: [ModelInput] {
    items.map { item in
      let kind: ModelInput.Kind =
        switch item.input {
        case .message(let topic, let payload, let retain, let packet):
          .message(topic: topic, payload: payload, retain: retain, packet: packet)
        case .clock: .clock
        case .intake(let up): .intake(up: up)
        case .command(let json): .command(json)
        case .connection(let isSessionPresent): .connection(sessionPresent: isSessionPresent)
        }
      return ModelInput(at: SimulatedTown.start + item.at, kind: kind)
    }
  }
}
