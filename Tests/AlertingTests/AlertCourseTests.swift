import Alerting
import DeviceRegistry
import Readings
import RuleEngine
import TestSupport
import Testing

@Suite struct AlertCourseTests {
  private static let minute: Int64 = 60_000

  private func at(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds) }

  /// What a rule says that escalates when its step has held for so many minutes.
  private func terms(hold: Int64 = 0, _ more: String = "") throws -> AlertCourse.Terms {
    let text = """
      rules:
        - {id: r, when: last(speed) < 1, severity: minor, escalate: [{severity: critical, when: last(speed) < 1, hold: \(hold)m}]\(more)}
        - {id: z, when: last(speed) < 1, severity: minor}
      """
    let book = try RuleFiles.read(sources: [("r.yaml", text)], registry: .empty)
    let rule = try #require(book.rules.first { $0.id == "r" })
    return AlertCourse.Terms(policy: rule.policy, interval: Self.minute)
  }

  /// Follows every sequence of truths, one or four minutes apart, tick by tick, beside the model.
  @Test(arguments: [Int64(0), 1, 2, 3, 5]) func `Every sequence of six escalates as the model says`(_ holdMinutes: Int64) throws {
    let hold = holdMinutes * Self.minute
    let terms = try terms(hold: holdMinutes)
    let model = EscalationModel(hold: hold, patience: max(hold, 3 * Self.minute))
    var stack: [(course: AlertCourse, history: [Said])] = [
      (AlertCourse(severity: .minor, isLate: false, clock: at(0), terms), [])
    ]
    var escalations = 0
    while let (course, history) = stack.popLast() {
      guard history.count < 6 else { continue }
      for truth in [Truth.true, .false, .unknown] {
        for gap in [Int64(1), 4] {
          var (course, history) = (course, history)
          let last = history.last?.t ?? 0
          let t = last + gap * Self.minute
          for tick in stride(from: last + Self.minute, through: t, by: Int(Self.minute)) {
            _ = course.handle(.tick(clock: at(tick), until: at(tick), AlertLife()), terms)
          }
          history.append(Said(t: t, when: truth, clear: !truth))
          let escalates = course.handle(.step(0, truth, t: at(t), clock: at(t)), terms) == .escalated
          guard escalates == (model.escalates(history) != nil) else {
            Issue.record("hold \(holdMinutes), after \(history.map { "\($0.t / Self.minute): \($0.when)" }): escalates is \(escalates)")
            return
          }
          #expect(course.severity == (escalates ? .critical : .minor))
          if escalates { escalations += 1 } else { stack.append((course, history)) }
        }
      }
    }
    #expect(escalations > 100)
  }

  @Test func `A step that would not raise the severity is passed over, and late data never rewinds one`() throws {
    let terms = try terms(hold: 2)
    var critical = AlertCourse(severity: .critical, isLate: false, clock: at(0), terms)
    #expect(critical.handle(.step(0, .true, t: at(0), clock: at(0)), terms) == .none)
    var minor = AlertCourse(severity: .minor, isLate: false, clock: at(0), terms)
    #expect(minor.handle(.step(0, .true, t: at(60_000), clock: at(60_000)), terms) == .changed)
    #expect(minor.handle(.step(0, .false, t: at(50_000), clock: at(61_000)), terms) == .none)
    #expect(minor.handle(.step(0, .true, t: at(180_000), clock: at(180_000)), terms) == .escalated)
  }

  /// Late before inhibited before silenced before waiting; told once, and then for good.
  @Test func `An alert is told as soon as nothing holds it back`() throws {
    let terms = try terms(", inhibited_by: [{rule: z, same: site}]")
    var course = AlertCourse(severity: .minor, isLate: true, clock: at(0), terms)
    func consider(_ clock: Int64, inhibited: Bool = false, silenced: Bool = false) -> AlertCourse.Action {
      course.handle(.considered(isInhibited: inhibited, isSilenced: silenced, clock: at(clock)), terms)
    }
    #expect(consider(0, inhibited: true, silenced: true) == .held(.late))
    #expect(course.handle(.tick(clock: at(59_999), until: at(59_999), AlertLife()), terms) == .none)
    #expect(course.handle(.evaluated(isLate: true, clock: at(59_999)), terms) == .changed)
    #expect(course.handle(.evaluated(isLate: false, clock: at(60_000)), terms) == .lateEnded)
    #expect(consider(60_000, inhibited: true, silenced: true) == .held(.inhibited))
    #expect(consider(61_000, silenced: true) == .held(.silenced))
    #expect(consider(62_000) == .held(.waiting))
    #expect(course.waitsUntil == at(241_000), "three intervals from the end of the inhibition")
    #expect(consider(240_999) == .none)
    #expect(consider(241_000) == .told)
    #expect(consider(300_000, inhibited: true, silenced: true) == .none)
    #expect(course.isTold && course.hold == nil)
  }

  @Test func `A reminder keeps its time, and an acknowledgement ends them`() throws {
    let terms = try terms(", remind: 90s")
    var course = AlertCourse(severity: .minor, isLate: false, clock: at(0), terms)
    #expect(course.handle(.considered(isInhibited: false, isSilenced: false, clock: at(10_000)), terms) == .told)
    var reminders: [Int64] = []
    for minute in Int64(1)...9 {
      if course.handle(.tick(clock: at(minute * Self.minute), until: at(minute * Self.minute), AlertLife()), terms) == .reminder {
        reminders.append(minute)
      }
    }
    #expect(reminders == [2, 4, 5, 7, 8])
    let acknowledgement = Acknowledgement(by: "Lan", at: at(541_000), note: nil)
    #expect(course.handle(.acknowledged(acknowledgement), terms) == .acknowledged)
    for minute in Int64(10)...30 {
      #expect(course.handle(.tick(clock: at(minute * Self.minute), until: at(minute * Self.minute), AlertLife()), terms) == .none)
    }
  }

  @Test func `Of reminders that are due at once the last is enough`() throws {
    let terms = try terms(", remind: 90s")
    var course = AlertCourse(severity: .minor, isLate: false, clock: at(0), terms)
    #expect(course.handle(.considered(isInhibited: false, isSilenced: false, clock: at(0)), terms) == .told)
    var reminders: [Int64] = []
    for minute in Int64(1)...100 {
      let action = course.handle(.tick(clock: at(minute * Self.minute), until: at(100 * Self.minute + 30_000), AlertLife()), terms)
      if action == .reminder { reminders.append(minute) }
    }
    #expect(reminders == [99])
    #expect(course.handle(.tick(clock: at(101 * Self.minute), until: at(101 * Self.minute), AlertLife()), terms) == .reminder)
  }

  @Test(arguments: [Int64(30_000), 61_000]) func `What is late all the time is told after a quarter of an hour`(_ step: Int64) throws {
    let terms = try terms("")
    var course = AlertCourse(severity: .critical, isLate: true, clock: at(0), terms)
    #expect(course.handle(.considered(isInhibited: false, isSilenced: false, clock: at(0)), terms) == .held(.late))
    var (clock, ended) = (Int64(0), Int64?.none)
    while ended == nil, clock < 3_600_000 {
      clock += step
      if course.handle(.evaluated(isLate: true, clock: at(clock)), terms) == .lateEnded { ended = clock }
    }
    #expect(ended == (900_000 + step - 1) / step * step)
    #expect(course.handle(.considered(isInhibited: false, isSilenced: false, clock: at(clock)), terms) == .told)
  }

  @Test func `Turns count where they lie within the time, and the oldest are forgotten`() throws {
    var turns = TurnMemory()
    let flapping = try #require(try terms(", flapping: {turns: 3, within: 100ms}").policy.flapping)
    let found = [Int64(0), 50, 100, 149, 400, 450, 499, 450].map { turns.turned(at: at($0), flapping) }
    #expect(found == [false, false, false, true, false, false, true, true])
    #expect(turns.times.count == 3)
  }
}
