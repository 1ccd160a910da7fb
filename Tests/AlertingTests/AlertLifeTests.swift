import Alerting
import Readings
import RuleEngine
import TestSupport
import Testing

@Suite struct AlertLifeTests {
  private static let minute: Int64 = 60_000
  private static let truths: [Truth] = [.true, .false, .unknown]

  /// One thing that is said, `gap` minutes after the one before.
  private struct Symbol {
    var when: Truth
    var clear: Truth
    var gap: Int64
  }

  /// Follows every sequence of at most `longest` symbols, tick by tick, beside the model.
  private func compare(_ alphabet: [Symbol], longest: Int, hold: Int64, clearHold: Int64, interval: Int64 = 1) {
    let timing = AlertLife.Timing(hold: hold * Self.minute, clearHold: clearHold * Self.minute, interval: interval * Self.minute)
    let model = AlertLifeModel(
      hold: timing.hold, clearHold: timing.clearHold, patience: max(timing.hold, 3 * interval * Self.minute),
      clearPatience: max(timing.clearHold, 3 * interval * Self.minute))
    #expect(timing.patience == model.patience && timing.clearPatience == model.clearPatience)
    var stack: [(life: AlertLife, history: [Said])] = [(AlertLife(), [])]
    while let (life, history) = stack.popLast() {
      guard history.count < longest else { continue }
      for symbol in alphabet {
        var (life, history) = (life, history)
        let last = history.last?.t ?? 0
        let t = last + symbol.gap * Self.minute
        for tick in stride(from: last + Self.minute, through: t, by: Int(Self.minute)) {
          _ = life.handle(.tick(clock: Timestamp(milliseconds: tick)), timing)
          guard agree(life, model.phase(history, clock: tick), history, tick, timing) else { return }
        }
        let said = Said(t: t, when: symbol.when, clear: symbol.clear)
        let before = life
        let time = Timestamp(milliseconds: t)
        let action = life.handle(.evaluated(when: said.when, clear: said.clear, t: time, clock: time), timing)
        history.append(said)
        guard agree(life, model.phase(history, clock: t), history, t, timing), explains(action, before, life, t) else { return }
        stack.append((life, history))
      }
    }
  }

  private func agree(_ life: AlertLife, _ expected: AlertLife.Phase, _ history: [Said], _ clock: Int64, _ timing: AlertLife.Timing) -> Bool
  {
    if life.phase == expected { return true }
    let said = history.map { "\($0.t / Self.minute): \($0.when)/\($0.clear)" }
    Issue.record("\(timing), after \(said) at minute \(clock / Self.minute): \(life.phase), expected \(expected)")
    return false
  }

  /// The action says what became of the phase.
  private func explains(_ action: AlertLife.Action, _ before: AlertLife, _ after: AlertLife, _ t: Int64) -> Bool {
    let expected: AlertLife.Action
    switch (before.phase, after.phase) {
    case (let a, let b) where a == b: expected = .none
    case (.raised, .inactive): expected = .clear(at: Timestamp(milliseconds: t))
    case (.inactive, .raised(let breachedAt, let at, _)), (.pending, .raised(let breachedAt, let at, _)):
      expected = .raise(breachedAt: breachedAt, at: at)
    default: expected = .changed
    }
    #expect(action == expected)
    return action == expected
  }

  @Test(arguments: [Int64(0), 1, 2, 3, 5], [Int64(0), 1, 2]) func everySequenceOfSixWithoutAClearConditionIsAsTheModelSays(
    _ hold: Int64, _ clearHold: Int64
  ) {
    compare(Self.truths.map { Symbol(when: $0, clear: !$0, gap: 1) }, longest: 6, hold: hold, clearHold: clearHold)
  }

  @Test(arguments: [Int64(0), 2], [Int64(0), 2]) func everySequenceOfFiveWithAClearConditionIsAsTheModelSays(
    _ hold: Int64, _ clearHold: Int64
  ) {
    compare(
      Self.truths.flatMap { when in Self.truths.map { Symbol(when: when, clear: $0, gap: 1) } }, longest: 5, hold: hold,
      clearHold: clearHold)
  }

  @Test(arguments: [Int64(0), 2, 6], [Int64(0), 4]) func everySequenceOfFiveWithSilencesBetweenIsAsTheModelSays(
    _ hold: Int64, _ clearHold: Int64
  ) {
    compare(
      [Int64(1), 3, 4, 7].flatMap { gap in Self.truths.map { Symbol(when: $0, clear: !$0, gap: gap) } }, longest: 5, hold: hold,
      clearHold: clearHold)
  }

  @Test func whenWinsOverClear() {
    var life = AlertLife()
    let timing = AlertLife.Timing(hold: 0, clearHold: 0, interval: 60_000)
    for t in Int64(1)...3 {
      _ = life.handle(.evaluated(when: .true, clear: .true, t: Timestamp(milliseconds: t), clock: Timestamp(milliseconds: t)), timing)
      #expect(life.isRaised)
    }
  }

  @Test func patienceIsTheHoldOrThreeIntervals() {
    #expect(AlertLife.Timing(hold: 10, clearHold: 0, interval: 3).patience == 10)
    #expect(AlertLife.Timing(hold: 8, clearHold: 0, interval: 3).patience == 9)
  }

  @Test func aRaisedAlertOfASilentDeviceStaysRaised() {
    var life = AlertLife()
    let timing = AlertLife.Timing(hold: 0, clearHold: 0, interval: 60_000)
    let start = Timestamp(milliseconds: 0)
    _ = life.handle(.evaluated(when: .true, clear: .false, t: start, clock: start), timing)
    for minute in Int64(1)...10_000 { #expect(life.handle(.tick(clock: start + minute * Self.minute), timing) == .none) }
    #expect(life.isRaised)
  }

  /// T goes back where two metrics of a rule come in any order: what has been told is never taken back, and no two alerts have one breach.
  @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6]) func alertsFollowOneAnotherInTimeWhateverTheOrderOfT(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let timing = AlertLife.Timing(
      hold: Int64.random(in: 0...2, using: &random), clearHold: Int64.random(in: 0...2, using: &random),
      interval: Int64.random(in: 1...4, using: &random))
    var life = AlertLife()
    var ended = Int64.min
    var raised: (breachedAt: Int64, at: Int64)?
    for clock in Int64(1)...20_000 {
      let t = clock - Int64.random(in: 0...8, using: &random)
      let truths = (Self.truths.randomElement(using: &random) ?? .true, Self.truths.randomElement(using: &random) ?? .true)
      let event = AlertLife.Event.evaluated(
        when: truths.0, clear: truths.1, t: Timestamp(milliseconds: t), clock: Timestamp(milliseconds: clock))
      switch life.handle(event, timing) {
      case .none, .changed: break
      case .raise(let breachedAt, let at):
        #expect(raised == nil)
        #expect(breachedAt.milliseconds > ended && at.milliseconds >= breachedAt.milliseconds + timing.hold, "seed \(seed), clock \(clock)")
        raised = (breachedAt.milliseconds, at.milliseconds)
      case .clear(let at):
        #expect(raised.map { at.milliseconds >= $0.at + timing.clearHold } == true, "seed \(seed), clock \(clock)")
        ended = at.milliseconds
        raised = nil
      }
    }
    #expect(ended > 0, "seed \(seed): some were raised and cleared")
  }
}
