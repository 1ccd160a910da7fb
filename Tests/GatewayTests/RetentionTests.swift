import Gateway
import Readings
import SeriesStore
import TestSupport
import Testing

/// What lies beyond retention goes, row by row, and nothing else does.
@Suite struct RetentionTests {
  private typealias Message = RollupTown.Message
  private static let day = RollupTown.day
  private static let hour: Int64 = 3_600_000
  private static let raw: Int64 = 2 * day
  private static let rollups: [Resolution: Milliseconds] = [.quarterHour: 10 * day, .hour: 40 * day, .day: 150 * day]
  /// A span of each device's ring: a sixteenth of retention, or 1,440 readings.
  private static let spans: [String: Int64] = ["second": 900_000, "minute": 3 * hour, "quarter": 3 * hour]

  private static func town(raw: Int64 = raw, rollups: [Resolution: Milliseconds] = rollups) throws -> RollupTown {
    try RollupTown(retention: raw, rollups: rollups)
  }

  /// All devices say something at `ts`, and everything is sealed. What expires goes with the first seal of a ring.
  private static func speak(_ town: RollupTown, _ devices: [String] = RollupTown.devices, at ts: Int64, _ value: Int64 = 1500) throws {
    for device in devices { town.send(device, [Message(ts: ts, values: [value, -value])], at: ts) }
    try town.sealAll()
  }

  /// Which rows are there that should not be, or are not there that should be.
  private static func check(_ town: RollupTown, now: Int64, place: String) throws {
    for device in RollupTown.devices {
      for resolution in [nil] + Resolution.allCases {
        let steps = resolution?.rows ?? Steps(length: spans[device] ?? 0)
        let kept = resolution.map { rollups[$0] ?? .max } ?? raw
        let said = Set(town.model.series["\(device)/a"]?.keys.map { steps.start(of: $0) } ?? []).sorted()
        let expected = said.filter { $0 >= steps.start(of: now - kept) }
        #expect(try town.rows(of: device, resolution) == expected, "\(place): \(device), \(resolution?.name ?? "raw")")
      }
    }
  }

  @Test func `Rows of each kind go when their own retention is over, those of a silent ring too`() throws {
    let town = try Self.town()
    let begin = RollupTown.midnight + 5 * Self.hour
    for turn in 0..<300 {
      let now = begin + Int64(turn) * 25 * Self.hour
      // One falls silent half way. The others are in a ring together.
      try Self.speak(town, turn < 150 ? RollupTown.devices : ["minute", "quarter"], at: now, Int64(turn))
      if turn % 47 == 0 || turn == 299 { try Self.check(town, now: now, place: "turn \(turn)") }
      if turn == 200 { try town.reopen() }
    }
    // Whole days are told for as long as their rows are kept, whatever became of the readings.
    let now = begin + 299 * 25 * Self.hour
    let from = Resolution.day.rowStart(of: now - 150 * Self.day)
    let week = Steps(length: 7 * Self.day).start(of: from + 7 * Self.day - 1)
    if let problem = try town.problem([(from..<(now + 1), Self.day), (week..<(now + 1), 7 * Self.day)]) { Issue.record("\(problem)") }
    let recent = Resolution.hour.rowStart(of: now - 40 * Self.day)
    if let problem = try town.problem([(recent..<(now + 1), Self.hour)]) { Issue.record("\(problem)") }
  }

  @Test func `A late reading next to readings that are gone leaves their buckets as they were`() throws {
    let town = try Self.town()
    let begin = RollupTown.midnight
    var random = SeededGenerator(seed: RollupTown.seed)
    for turn in 0..<400 {
      let now = begin + Int64(turn) * Self.hour
      try Self.speak(town, at: now, Int64.random(in: 0...9999, using: &random))
      guard turn > 60, turn % 3 == 0 else { continue }
      // As late as can be, sealed at once or with what comes later.
      let late = now - Self.raw + Int64.random(in: 0...6 * Self.hour, using: &random) + 1
      town.send(RollupTown.devices[turn % 9 / 3], [Message(ts: late, values: [77, 78])], at: now)
      if turn % 2 == 0 { try town.sealAll() } else { try town.commit() }
    }
    let all = begin..<(begin + 400 * Self.hour)
    if let problem = try town.problem([(all, Self.day), (all, 7 * Self.day), ((all.upperBound - 6 * Self.day)..<all.upperBound, 900_000)]) {
      Issue.record("seed \(RollupTown.seed): \(problem)")
    }
  }

  @Test func `A late reading that waits in the log while what is beside it expires changes its buckets alone`() throws {
    let town = try Self.town()
    let begin = RollupTown.midnight
    // A span of three hours, with something in each quarter of an hour.
    for quarter in 0..<12 { try Self.speak(town, at: begin + Int64(quarter) * 900_000, Int64(quarter)) }
    let late = begin + Self.raw + Self.hour
    town.send("second", [Message(ts: late, values: [1, 1])], at: late)
    try town.commit()
    town.send("minute", [1, 2].map { Message(ts: begin + 2 * Self.hour + $0, values: [5 * $0, 9]) }, at: late)
    // Its span ends two hours later; the other ring holds the oldest row of the log, and is sealed first.
    for hours in 3..<9 {
      town.send("second", [Message(ts: late + Int64(hours) * Self.hour, values: [1, 1])], at: late + Int64(hours) * Self.hour)
      try town.sealOne()
      let day: Range<Int64> = begin..<(begin + Self.day)
      if let problem = try town.problem([(day, Self.day), (day, Self.hour)]) { Issue.record("hour \(hours): \(problem)") }
    }
    #expect(try town.rows(of: "minute", nil).isEmpty, "what was late goes with the rest once it is sealed")
  }

  @Test func `A clock that is ahead, or is doubtful, lets nothing go`() throws {
    let town = try Self.town()
    for turn in 0..<8 { try Self.speak(town, at: RollupTown.start + Int64(turn) * 6 * Self.hour, Int64(turn)) }
    func rows() throws -> [[Int64]] {
      try RollupTown.devices.flatMap { device in try ([nil] + Resolution.allCases).map { try town.rows(of: device, $0) } }
    }
    let before = try rows()
    // A year ahead, and nobody says so: what devices tell of their own time decides.
    try town.reopen()
    let year = RollupTown.start + 365 * Self.day
    town.engine.clock(at: Timestamp(milliseconds: year))
    try town.sealOne()
    #expect(try rows() == before)
    // All devices are a year behind that clock: it is doubtful, and what they say is taken.
    let known = Message(ts: RollupTown.start + 42 * Self.hour, values: [7, -7])
    for device in RollupTown.devices { town.send(device, [known], at: year + 60_000) }
    let next = RollupTown.start + 43 * Self.hour
    for device in RollupTown.devices { town.send(device, [Message(ts: next, values: [1, 1])], at: year + 60_000) }
    #expect(town.engine.isDoubtful)
    try town.sealAll()
    for (found, old) in zip(try rows(), before) { #expect(Set(found).isSuperset(of: old)) }
    if let problem = try town.problem([900_000, Self.day]) { Issue.record("\(problem)") }
  }

  @Test func `Rollups that were to be kept for less time than readings are kept as long`() throws {
    let town = try Self.town(raw: 20 * Self.day, rollups: [.quarterHour: Self.day, .hour: Self.day, .day: 100 * Self.day])
    for turn in 0..<160 { try Self.speak(town, at: RollupTown.midnight + Int64(turn) * 3 * Self.hour + 900_000, Int64(turn)) }
    let now = RollupTown.midnight + 159 * 3 * Self.hour + 900_000
    for days in 1..<18 { town.send("second", [Message(ts: now - Int64(days) * Self.day + 1, values: [4, 4])], at: now) }
    try town.sealAll()
    if let problem = try town.problem([Self.day, 7 * Self.day]) { Issue.record("\(problem)") }
  }
}
