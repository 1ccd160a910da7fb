import TestSupport
import Testing

/// Corners of the contract, by the fewest inputs that show them: the engine against the model, and where it is known to do otherwise.
@Suite struct ContractCornerTests {
  private let town: EngineRun.Town
  init() throws { town = try EngineRun.Town() }

  /// How the engine differs from the model.
  private func difference(_ inputs: [ModelInput], deviations: Set<EngineDeviation> = Set(EngineDeviation.allCases)) throws -> String? {
    let engine = try EngineRun(town)
    try engine.apply(inputs)
    var model = GatewayModel(deviations: deviations)
    for input in inputs { model.apply(input) }
    return try engine.outcome().difference(from: model.outcome)
  }

  /// Contract, section 4: "clock rules hold still".
  @Test func `while the clock is doubtful no clock rule is raised by a reading`() throws {
    #expect(
      try difference([
        .send(#""power":5"#, ts: 0, from: "cab-1"), .doubtful(at: 1000),
        .send(#""door":"OPEN""#, ts: 600_000, from: "cab-1", at: 2000),
      ]) == nil)
  }

  /// Contract, section 4: "nothing is rejected or expired for its time".
  @Test func `while the clock is doubtful a pending is not dropped`() throws {
    #expect(try difference([.send(#""door":"OPEN""#, ts: 0, from: "cab-1"), .doubtful(at: 1000), .clock(at: 300_000)]) == nil)
  }

  /// Contract, section 3: "one bad object of an array that object alone"; section 4: "so that its newest reading has the arrival time".
  @Test(arguments: [#""values":7"#, #""values":{"speed":1},"device":"tr-2""#, #""values":{"speed":1},"status":"?""#, #""values":{}"#])
  func `an object that brings no reading moves no other`(_ fields: String) throws {
    let bad = #"{"ts":\#(SimulatedTown.start + 3_600_000),\#(fields)}"#
    #expect(try difference([.send("[\(bad),\(ModelInput.object(#""speed":50"#, ts: 0))]", at: 0)]) == nil)
  }

  /// Contract, section 7: "with the condition true throughout".
  @Test func `an alert is not raised by a hold in which its condition was false`() throws {
    let slow = [Int64(0), 30_000].map { ModelInput.send(#""speed":5"#, ts: $0) }
    // At 100, 105 and 110 s the mean is 20 km/h or more; at 120 s it is below, as it was at 60 s, of which is only heard then.
    let free = [ModelInput.send(#""speed":90"#, ts: 100_000), .send(#""speed":0"#, ts: 105_000), .send(#""speed":0"#, ts: 110_000)]
    let full = [Int64(20_000), 60_000].map { ModelInput.send(#""occupancy":41"#, ts: $0, at: 111_000) }
    let inputs = slow + free + full + [.send(#""speed":0"#, ts: 120_000)]
    #expect(try difference(inputs) == nil)
    let contract = try difference(inputs, deviations: [])
    withKnownIssue("jam is raised at 120 s with its breach at 60 s, though it was false between") { #expect(contract == nil) }
  }

  /// Contract, section 3: "the same again is a duplicate".
  @Test func `zero is zero whatever its sign`() throws {
    #expect(try difference([.send(#""volume":0"#, ts: 0), .send(#""volume":-0"#, ts: 0, at: 1000)]) == nil)
  }

  /// Contract, section 7: "an alert both raised and cleared that way is recorded, not told".
  @Test func `an alert that began and ended long ago is not told`() throws {
    let objects = [(5, -1_800_000), (50, -1_200_000)].map { ModelInput.object(#""speed":\#($0)"#, ts: $1) }
    let inputs: [ModelInput] = [.send("[\(objects.joined(separator: ","))]", at: 0), .clock(at: 600_000)]
    let engine = try EngineRun(town)
    try engine.apply(inputs)
    #expect(try engine.outcome().transitions.filter { $0.rule == "slow-now" }.isEmpty)
    #expect(try difference(inputs) == nil)
  }
}
