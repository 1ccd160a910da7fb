import Readings
import Simulation
import Testing

@Suite struct SimulationPaceTests {
  @Test func `inputs are held back until they are due at the pace asked for`() throws {
    let wall = ManualWall()
    var schedule = PacedSchedule(
      pace: SimulationPace(speed: 60), now: { wall.instant },
      sleepUntil: {
        wall.slept.append($0); wall.instant = $0
      })
    let start = wall.instant
    for second in [0, 60, 60, 120, 30, 180] { try schedule.wait(for: Timestamp(milliseconds: Int64(second) * 1000)) }
    #expect(wall.slept == [1, 2, 3].map { start.advanced(by: .seconds($0)) })
  }

  @Test func `a pace of max never waits`() throws {
    var schedule = PacedSchedule(
      pace: .max, now: { ContinuousClock.now }, sleepUntil: { (_: ContinuousClock.Instant) in Issue.record("it slept") })
    for second in 0..<5 { try schedule.wait(for: Timestamp(milliseconds: Int64(second) * 1_000_000)) }
  }

  @Test(arguments: ["max", "1", "0.5", "120"]) func `a pace is read`(_ text: String) { #expect(SimulationPace(text: text) != nil) }
  @Test(arguments: ["", "0", "-1", "fast", "inf", "nan", "1e9"]) func `what is no pace is refused`(_ text: String) {
    #expect(SimulationPace(text: text) == nil)
  }

  private final class ManualWall {
    var instant = ContinuousClock.now
    var slept: [ContinuousClock.Instant] = []
  }
}
