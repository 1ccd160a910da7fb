import Alerting
import Database
import Foundation
import GRDB
import Outbox
import Readings
import Synchronization

/// A real outbox in a real SQLite file of its own, with one writer; removed at the end.
final class OutboxFile: OutboxReader {
  private let path: String
  private let queue: DatabaseQueue
  /// One element after each commit of marks, the newest kept.
  private let commits = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
  private let marks = Mutex<[DeliveryMark]>([])

  /// So many may wait for a sink; nil where commits of marks do nothing about it, and tell of no losses.
  private let waitingMax: Int64?

  /// - Parameter tellsLosses: as the gateway's commits do, with so many that may wait for a sink.
  init(tellsLosses: Bool = false, most: Int64 = OutboxTable.waitingMax) throws {
    waitingMax = tellsLosses ? most : nil
    path = FileManager.default.temporaryDirectory.appending(path: "outbox-\(UUID()).sqlite").path
    var configuration = Configuration()
    configuration.journalMode = .wal
    queue = try DatabaseQueue(path: path, configuration: configuration)
    try queue.write { db in
      for migration in AlertSchema.migrations + OutboxSchema.migrations { try db.execute(sql: migration.sql) }
    }
  }

  deinit {
    for ending in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + ending) }
  }

  /// Every mark that was committed, in order.
  var committed: [DeliveryMark] { marks.withLock { $0 } }

  @discardableResult
  func enqueue(_ events: [EventRecord], to sinks: [SinkFilter]) throws -> GivenDeliveries {
    try queue.write { try OutboxTable.enqueue(events, to: sinks, realNow: Wall.now(), in: $0) }
  }

  @discardableResult
  func apply(_ marks: [DeliveryMark]) async throws -> [DeliveryMark] {
    let lost = try await queue.write { [waitingMax] db in
      let lost = try OutboxTable.apply(marks, realNow: Wall.now(), in: db)
      if let waitingMax {
        let moment = SinkLoss.Moment(instance: "bg-vy", clock: Sample.time, realNow: Wall.now(), waitingMax: waitingMax)
        _ = try SinkLoss.settle(marks, lost: lost, at: moment, in: db)
      }
      return lost
    }
    self.marks.withLock { $0 += marks }
    commits.continuation.yield()
    return lost
  }

  func resume(_ sink: String) throws { try obey(.resume(sink: sink)) }

  @discardableResult
  func obey(_ order: OutboxOrder, most: Int64 = OutboxTable.waitingMax) throws -> OutboxAnswer {
    try queue.write { try OutboxTable.obey(order, realNow: Wall.now(), most: most, in: $0) }
  }

  func waiting(sink: String, after sequence: Int64, limit: Int) async throws -> SinkBacklog {
    try await queue.read { try OutboxTable.waiting(sink: sink, after: sequence, limit: limit, in: $0) }
  }

  func waiting(sink: String, sequences: [Int64]) async throws -> SinkBacklog {
    try await queue.read { try OutboxTable.waiting(sink: sink, sequences: sequences, in: $0) }
  }

  func figures() throws -> [SinkFigures] { try queue.read { try OutboxTable.figures(in: $0) } }

  func figures(sink: String) async throws -> SinkFigures? {
    try await queue.read { try OutboxTable.figures(in: $0) }.first { $0.sink == sink }
  }

  func write<T>(_ body: (GRDB.Database) throws -> T) throws -> T { try queue.write(body) }

  func rows(_ sql: String) throws -> [Row] { try queue.read { try Row.fetchAll($0, sql: sql) } }

  /// Waits, over commits of marks, until the sink's figures are so.
  func until(_ sink: String, _ holds: (SinkFigures) -> Bool) async throws {
    var commits = commits.stream.makeAsyncIterator()
    while !holds(try await figures(sink: sink) ?? SinkFigures(neverUsed: sink)) {
      if await commits.next() == nil { throw CancellationError() }
    }
  }
}

/// The machine's clock, for signatures and delays.
enum Wall {
  static func now() -> Timestamp { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }
}
