import GRDB
import Outbox
import Readings
import Testing

@Suite struct SequenceLeapTests {
  private let north = SinkFilter(sink: "north")
  private let south = SinkFilter(sink: "south")

  /// An outbox with these events for these sinks.
  private func outbox(_ events: ClosedRange<Int>, _ sinks: [SinkFilter]) throws -> OutboxFile {
    let outbox = try OutboxFile()
    try outbox.enqueue(events.map { Sample.record($0) }, to: sinks)
    return outbox
  }

  /// As a restore does it, beyond the outbox that is replaced.
  @discardableResult private func raise(_ backup: OutboxFile, replacing later: OutboxFile?) throws -> String {
    let own = try backup.write { try GivenSequences($0) }
    let known = try later?.write { try GivenSequences($0) }
    let isContinued = try known.map { known in try later?.write { try own.isContinued(by: known, in: $0) } ?? false } ?? false
    return try backup.write {
      try SequenceLeap.raise(beyond: isContinued ? known : nil, known: known, now: Timestamp(milliseconds: 0), in: $0)
    }
  }

  private func sequences(_ outbox: OutboxFile, _ sink: String) throws -> [Int64] {
    try outbox.rows("SELECT sequence FROM delivery WHERE sink = '\(sink)' ORDER BY sequence").map { $0[0] }
  }

  @Test func `beyond a store that went on from the backup sequences go on without a gap, also of sinks that the backup never knew`() throws
  {
    let backup = try outbox(1...5, [north])
    let later = try outbox(1...5, [north])
    try later.enqueue((6...9).map { Sample.record($0) }, to: [north, south])
    #expect(try raise(backup, replacing: later) == "north after 9 (the backup: 5), south after 4 (the backup: 0)")
    try backup.enqueue([Sample.record(20)], to: [north, south])
    #expect(try sequences(backup, "north") == [1, 2, 3, 4, 5, 10])
    #expect(try sequences(backup, "south") == [5])
  }

  @Test func `without such a store every sink leaps beyond all that is known, and new ones too`() throws {
    let backup = try outbox(1...5, [north])
    let told = try raise(backup, replacing: nil)
    #expect(told == "north after 10000005 (the backup: 5), new sinks after 10000005")
    try backup.enqueue([Sample.record(20), Sample.record(21)], to: [north, south])
    #expect(try sequences(backup, "north") == [1, 2, 3, 4, 5, 10_000_006, 10_000_007])
    #expect(try sequences(backup, "south") == [10_000_006, 10_000_007])
    // And again, over itself.
    let older = try outbox(1...5, [north])
    try raise(older, replacing: backup)
    try older.enqueue([Sample.record(30)], to: [north, south, SinkFilter(sink: "west")])
    #expect(try sequences(older, "north") == [1, 2, 3, 4, 5, 10_000_008])
    #expect(try sequences(older, "south") == [10_000_008])
    #expect(try sequences(older, "west") == [10_000_006])
  }

  @Test func `a store that is another's is no measure, but its sequences are passed over too`() throws {
    let backup = try outbox(1...5, [north])
    let other = try outbox(101...109, [north])
    try raise(backup, replacing: other)
    try backup.enqueue([Sample.record(20)], to: [north])
    #expect(try sequences(backup, "north").last == 10_000_010)
    // One that began anew has fewer: it proves nothing.
    let fresh = try outbox(1...3, [north])
    let again = try outbox(1...5, [north])
    try raise(again, replacing: fresh)
    try again.enqueue([Sample.record(20)], to: [north])
    #expect(try sequences(again, "north").last == 10_000_006)
  }

  @Test func `what is passed over is no event: figures balance, and what waits keeps its sequence`() async throws {
    let backup = try outbox(1...5, [north])
    try await backup.apply([DeliveryMark(sink: "north", sequence: 1, attempts: 1, outcome: .delivered)])
    try raise(backup, replacing: nil)
    try backup.enqueue([Sample.record(20)], to: [north, south])
    let figures = try backup.figures()
    #expect(figures.map(\.created) == [6, 1])
    #expect(figures.map(\.waiting) == [5, 1])
    #expect(figures.map(\.lastSequence) == [10_000_006, 10_000_006])
    #expect(try await backup.waiting(sink: "north", after: 0, limit: 9).deliveries.map(\.sequence) == [2, 3, 4, 5, 10_000_006])
  }
}
