import TestSupport
import Testing

/// The model alone, by cases that were worked out by hand: so that it is not right only because the engine agrees.
@Suite struct GatewayModelTests {
  private func outcome(_ inputs: [ModelInput]) -> ModelOutcome {
    var model = GatewayModel()
    for input in inputs { model.apply(input) }
    return model.outcome
  }

  /// The transitions of one rule: `raised@T<breachedAt`, in seconds after the start.
  private func turns(_ rule: String, _ inputs: [ModelInput]) -> [String] {
    outcome(inputs).transitions.filter { $0.rule == rule }.map { turn in
      let (t, breach) = (turn.t - SimulatedTown.start, turn.breachedAt - SimulatedTown.start)
      return "\(turn.kind.rawValue)@\(Double(t) / 1000)<\(Double(breach) / 1000)"
    }
  }

  private func door(_ state: String, _ ts: Int64) -> ModelInput { .send(#""door":"\#(state)""#, ts: ts, from: "cab-1") }
  private func speed(_ value: Double, _ ts: Int64, at: Int64? = nil) -> ModelInput { .send(#""speed":\#(value)"#, ts: ts, at: at) }

  // MARK: Hold

  @Test func `an alert is raised at the first true at or after the end of its hold`() {
    #expect(turns("door", [door("OPEN", 1000), door("OPEN", 60_999)]) == [])
    #expect(turns("door", [door("OPEN", 1000), door("OPEN", 61_000)]) == ["raised@61.0<1.0"])
    #expect(turns("door", [door("OPEN", 1000), door("OPEN", 70_500), door("OPEN", 80_000)]) == ["raised@70.5<1.0"])
  }

  @Test func `a false within the hold begins it anew`() {
    #expect(turns("door", [door("OPEN", 0), door("CLOSED", 30_000), door("OPEN", 40_000), door("OPEN", 99_999)]) == [])
    #expect(
      turns("door", [door("OPEN", 0), door("CLOSED", 30_000), door("OPEN", 40_000), door("OPEN", 100_000)]) == ["raised@100.0<40.0"])
  }

  @Test func `a pending that hears nothing true for three intervals begins anew`() {
    #expect(turns("door", [door("OPEN", 0), door("OPEN", 180_000)]) == ["raised@180.0<0.0"])
    #expect(turns("door", [door("OPEN", 0), door("OPEN", 180_001)]) == [])
    let silent = outcome([door("OPEN", 1000), .clock(at: 180_000)]).alerts.filter { $0.rule == "door" }
    #expect(silent == [ModelAlert(rule: "door", subject: "s/lighting/cab-1", breachedAt: SimulatedTown.start + 1000, raisedAt: nil)])
    #expect(outcome([door("OPEN", 1000), .clock(at: 240_000)]).alerts.filter { $0.rule == "door" } == [])
  }

  @Test func `what was raised is cleared at the first evaluation at or after the end of clear_hold, unless it was true between`() {
    let raised = [door("OPEN", 0), door("OPEN", 60_000)]
    #expect(turns("door", raised + [door("CLOSED", 70_000), door("CLOSED", 99_999)]).count == 1)
    #expect(turns("door", raised + [door("CLOSED", 70_000), door("CLOSED", 100_000)]).last == "cleared@100.0<0.0")
    let again = [door("CLOSED", 70_000), door("OPEN", 90_000), door("CLOSED", 95_000)]
    #expect(turns("door", raised + again + [door("CLOSED", 110_000)]).count == 1)
    #expect(turns("door", raised + again + [door("CLOSED", 125_000)]).last == "cleared@125.0<0.0")
  }

  @Test func `a clear condition of its own leaves an alert raised between the two limits`() {
    func volume(_ value: Int, _ ts: Int64) -> ModelInput { .send(#""volume":\#(value)"#, ts: ts) }
    func occupancy(_ value: Int, _ ts: Int64) -> ModelInput { .send(#""occupancy":\#(value)"#, ts: ts) }
    let inputs = [speed(50, 0), volume(95, 1000), volume(0, 2000), occupancy(50, 3000), occupancy(49, 4000)]
    #expect(turns("either", inputs) == ["raised@1.0<1.0", "cleared@4.0<1.0"])
    #expect(turns("either", [volume(95, 1000), occupancy(1, 2000)]) == ["raised@1.0<1.0"], "if both are true, `when` wins")
  }

  // MARK: Unknown

  @Test func `unknown starts nothing: a window of three minutes needs two readings of a minute each`() {
    func jam(_ count: Int64) -> [ModelAlert] {
      let inputs = (0..<count).map { ModelInput.send(#""speed":5,"occupancy":41"#, ts: $0 * 10_000) }
      return outcome(inputs).alerts.filter { $0.rule == "jam" }
    }
    #expect(jam(1) == [])
    #expect(jam(2).map(\.breachedAt) == [SimulatedTown.start + 10_000])
  }

  @Test func `unknown ends nothing`() {
    let jam = (0..<7).map { ModelInput.send(#""speed":5,"occupancy":41"#, ts: $0 * 12_000) }
    // Ten minutes later one reading covers too little: neither `when` nor `clear` is known.
    #expect(turns("jam", jam + [speed(99, 700_000)]) == ["raised@72.0<12.0"])
    #expect(
      turns("jam", jam + [speed(99, 700_000), speed(99, 710_000), speed(99, 770_000)]) == ["raised@72.0<12.0", "cleared@770.0<12.0"])
  }

  @Test func `or is true where one side is, and unknown where the other is not known`() {
    #expect(turns("either", [.send(#""volume":95"#, ts: 0)]).count == 1)
    #expect([Kleene.or(nil, true), Kleene.or(nil, false), Kleene.and(nil, false), Kleene.and(nil, true)] == [true, nil, false, nil])
    #expect(Kleene.not(nil) == nil)
  }

  @Test func `what is not measured well is not seen by values`() {
    #expect(turns("slow-now", [.send(#"{"values":{"speed":1},"status":"02"}"#, at: 0), speed(-1, 1000), speed(50, 2000)]) == [])
  }

  // MARK: Ticks and age

  @Test func `clock rules are evaluated at whole minutes, before the input of that instant`() {
    // Silent since 10 s: older than two minutes at the tick of 180 s, for a minute at that of 240 s.
    let first = speed(50, 10_000)
    #expect(turns("silent", [first, .clock(at: 239_999)]).isEmpty)
    let inputs = [first, speed(50, 240_000)]
    let tr1 = outcome(inputs).transitions.filter { $0.rule == "silent" && $0.subject == "s/traffic/tr-1" }
    #expect(tr1.map(\.kind) == [.raised, .cleared])
    #expect(tr1.map { $0.t - SimulatedTown.start } == [240_000, 240_000])
    #expect(tr1.map { $0.breachedAt - SimulatedTown.start } == [180_000, 180_000])
    let order = outcome(inputs).transitions.filter { $0.rule == "silent" && $0.kind == .raised }.map(\.subject)
    #expect(order == ["s/traffic/tr-1", "s/traffic/tr-2", "z/traffic/tr-3"], "the others never spoke: they count from the first input")
  }

  @Test func `age leaves out the time in which the intake was down`() {
    let inputs = [speed(50, 0), ModelInput(.intake(up: false), at: 30_000), ModelInput(.intake(up: true), at: 3_600_000)]
    #expect(turns("silent", inputs + [.clock(at: 3_720_000)]) == [])
    // 30 s before the outage and two minutes after it are more than two minutes.
    #expect(turns("silent", inputs + [.clock(at: 3_780_000)]).first == "raised@3780.0<3720.0")
  }

  @Test func `clock rules hold still while the clock is doubtful`() {
    #expect(turns("silent", [speed(50, 0), .doubtful(at: 1000), .clock(at: 900_000)]) == [])
    let ahead = ["tr-1", "tr-2", "tr-3"].map { ModelInput.send(#""speed":1"#, ts: 600_000, from: $0, at: 0) }
    #expect(outcome(Array(ahead.prefix(2))).isDoubtful == false, "two prove nothing")
    #expect(outcome(ahead).isDoubtful)
  }

  // MARK: Late data

  @Test func `a reading behind its series enters windows and rewinds nothing`() {
    let inputs = [speed(5, 60_000), speed(50, 30_000, at: 61_000)]
    #expect(turns("slow-now", inputs) == ["raised@60.0<60.0"])
    #expect(outcome(inputs).stored.count == 2)
    let spread = [speed(10, 0), speed(50.01, 60_000), speed(50, 120_000)]
    #expect(outcome(spread).alerts.filter { $0.rule == "spread" }.map(\.breachedAt) == [SimulatedTown.start + 120_000])
    #expect(
      outcome([speed(10, 1000), speed(50, 60_000), speed(9.9, 0, at: 61_000), speed(50, 120_000)]).alerts.contains { $0.rule == "spread" })
  }

  // MARK: Readings

  @Test func `times are moved, refused or made`() {
    let found = outcome([
      .send(#""speed":1"#, ts: 300_000, at: 0), .send(#""volume":2"#, ts: 300_001, at: 0),
      .send(#""speed":3"#, ts: -400 * 86_400_000, at: 0),
      .send(#""speed":4"#, ts: -400 * 86_400_000 - 1, at: 0), .send(#"{"values":{"volume":5,"speed":5}}"#, at: 0),
      .send(#"{"ts":"2025-11-21T07:00:00.250+07:00","values":{"speed":6}}"#, at: 300),
    ])
    #expect(
      found.stored.map { "\($0.metric) \($0.ts - SimulatedTown.start) \($0.moved)" } == [
        "speed 300000 false", "volume 0 true", "speed -34560000000 false", "volume 1 false", "speed 1 false", "speed 250 false",
      ])
    #expect(found.counters.readingsRejected == ["too_old": 1])
  }

  @Test func `the first reading of a ts stands, and everything is counted`() {
    let found = outcome([
      .send(#""speed":1,"pm25":2,"volume":null,"occupancy":1e999"#, ts: 0), .send(#""speed":1"#, ts: 0, at: 1),
      .send(#""speed":2"#, ts: 0, at: 2),
      .send(#""door":"AJAR","power":true"#, ts: 0, from: "cab-1", at: 3), .send("{", at: 4), .send("{}", from: "tr-9", at: 5),
      .send(#"[7,{"device":"tr-2","values":{}},{"values":{"speed":null},"status":{"speed":"01"}}]"#, at: 6),
    ])
    #expect(
      found.stored.map { "\($0.device) \($0.metric) \($0.value ?? -1) \($0.status)" } == [
        "tr-1 speed 1.0 00", "cab-1 power 1.0 00", "tr-1 speed -1.0 01",
      ])
    #expect(
      found.counters
        == ModelCounters(
          messagesReceived: 7, messagesAccepted: 5, messagesRejected: ["malformed": 1, "unknown_device": 1], readingsReceived: 10,
          readingsStored: 3, readingsDuplicate: 1,
          readingsRejected: ["unknown_metric": 1, "not_finite": 1, "conflict": 1, "malformed": 2, "wrong_topic": 1]))
  }

  @Test func `what comes again on a later connection is known by packet and content, until the broker forgot`() {
    let message = #"{"values":{"speed":50}}"#
    for forgetting in [ModelInput.connection(sessionPresent: false), ModelInput(.command(#"{"session":"new"}"#), at: 3500)] {
      let found = outcome([
        .connection(), .send(message, at: 0, packet: 7), .send(message, at: 1000, packet: 7), .connection(),
        .send(message, at: 2000, packet: 7), .send(message, at: 3000, packet: 8), forgetting, .connection(),
        .send(message, at: 4000, packet: 7),
      ])
      #expect(found.stored.map { $0.ts - SimulatedTown.start } == [0, 1000, 3000, 4000])
      #expect(found.counters.readingsDuplicate == 1)
    }
  }

  // MARK: Ids

  /// Expected values: Python, `base64.b32encode(hashlib.sha256("\n".join(parts).encode()).digest()).decode().lower()[:26]`.
  @Test func `ids are those of the formula`() {
    let alert = outcome([speed(5, 0)]).transitions.first { $0.rule == "slow-now" }
    #expect(alert?.alert == "jgk4qupwvo477kuy3nvirxh3sk")
    #expect(alert?.event == "5u7mx66ffsl7bcqrqm77rxsk34")
  }
}
