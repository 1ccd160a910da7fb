import Alerting
import Readings
import Testing

@Suite struct SilenceTests {
  /// Friday 21 November 2025, 00:00 in Vietnam.
  private static let friday: Int64 = 1_763_683_200_000 - 7 * 3_600_000
  private static let hour: Int64 = 3_600_000

  private func at(_ hours: Double) -> Timestamp { Timestamp(milliseconds: Self.friday + Int64(hours * Double(Self.hour))) }

  private func silence(from: Double = 0, until: Double = 1000, weekly: Silence.Weekly? = nil) -> Silence {
    var silence = Silence(id: "s", from: at(from), until: at(until), by: "Lan", at: at(from))
    silence.weekly = weekly
    return silence
  }

  @Test func `A silence holds from its first instant until before its last`() {
    let silence = silence(from: 1, until: 2)
    #expect([0.99, 1, 1.99, 2].map { silence.isActive(at: at($0)) } == [false, true, true, false])
    #expect(silence.nextEnd(after: at(0)) == at(2))
    #expect(silence.nextEnd(after: at(2)) == nil)
  }

  @Test func `Hours that end on the next day belong to the day on which they begin`() {
    let night = silence(weekly: Silence.Weekly(days: [4], from: 22 * 60, to: 5 * 60))  // Friday
    #expect(
      [4, 21.99, 22, 24, 28.99, 29, 46, 167].map { night.isActive(at: at($0)) } == [false, false, true, true, true, false, false, false])
    #expect(night.nextEnd(after: at(3)) == at(29))
    #expect(night.nextEnd(after: at(29)) == at(29 + 168))
    #expect(silence(until: 24, weekly: night.weekly).nextEnd(after: at(3)) == at(24))
  }

  @Test func `Hours that follow one another without a break have no end between`() {
    let always = silence(weekly: Silence.Weekly(days: [0, 1, 2, 3, 4, 5, 6], from: 480, to: 480))
    #expect(always.isActive(at: at(8)) && always.isActive(at: at(7.99)))
    #expect(always.nextEnd(after: at(3)) == at(1000))
    let weekend = silence(weekly: Silence.Weekly(days: [5, 6], from: 0, to: 0))
    #expect(weekend.nextEnd(after: at(3)) == at(72), "Monday")
  }

  /// Every minute of three weeks, against the hours as people read them.
  @Test func `The next end is the first instant at which it is no longer active`() {
    let weekly = Silence.Weekly(days: [0, 2, 3], from: 20 * 60 + 30, to: 60)
    let silence = silence(weekly: weekly)
    var expected: Timestamp?
    for minute in stride(from: 21 * 1440, through: 0, by: -1) {
      let t = at(Double(minute) / 60)
      if silence.isActive(at: t - 1), !silence.isActive(at: t) { expected = t }
      if let expected, silence.nextEnd(after: t - 1) != expected {
        Issue.record("minute \(minute)")
        return
      }
    }
  }

  @Test func `Each list that is given must agree, by any of its values`() {
    var silence = silence()
    #expect(silence.matchesEverything)
    (silence.rules, silence.zones, silence.severities) = (["a", "b"], ["z"], [.minor, .major])
    func facts(_ rule: String, _ zone: String?, _ severity: Severity) -> Silence.Facts {
      Silence.Facts(rule: rule, device: nil, zone: zone, site: "s", severity: severity)
    }
    #expect(silence.matches(facts("a", "z", .minor)) && silence.matches(facts("b", "z", .major)))
    #expect(
      !silence.matches(facts("c", "z", .minor)) && !silence.matches(facts("a", nil, .minor)) && !silence.matches(facts("a", "z", .info)))
    silence.devices = ["d"]
    #expect(!silence.matches(facts("a", "z", .minor)), "a group has no device")
  }
}
