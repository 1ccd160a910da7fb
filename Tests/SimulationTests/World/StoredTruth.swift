import Database
import Foundation
import GRDB
import Gateway
import Readings
import SeriesStore

/// What stands in the gateway's store at the end, as read from its tables.
struct StoredTruth {
  struct Input: Equatable {
    var kind: InputKind
    var at: Int64
    var command: String?
  }

  struct Delivery {
    var sequence: Int64
    var event: String
    var state: Int64
    var body: [UInt8]
  }

  private(set) var inputs: [Input] = []
  private(set) var readings: [ModelReading] = []
  private(set) var deliveries: [String: [Delivery]] = [:]
  private(set) var stopped: Set<String> = []

  /// - Parameter cut: the inputs of the rows that were cut from the log.
  init(store: GatewayStore, cut: [Int64: [Input]]) throws {
    var visitor = Visitor()
    var names: [(device: String, metric: String)] = []
    try store.file.read { db in
      let series = try SeriesTable.all(db)
      names = series.map { ($0.device, $0.metric) }
      visitor.rings = try RingPlan(rings: ChunkTable.rings(db), series: series) { _ in 1 }.rings
      _ = try SeriesLog.read(db, into: &visitor)
      for (row, inputs) in cut where row <= (try SeriesLog.lastCut(db)?.number ?? 0) { visitor.inputs[row] = inputs }
      for ring in visitor.rings.all { try visitor.readings += Self.sealed(ring, db) }
      let rows = try Row.fetchAll(
        db, sql: "SELECT sink, sequence, event, state, body FROM delivery JOIN event ON event.id = delivery.event ORDER BY sink, sequence")
      for row in rows {
        let body: Data = row[4]
        deliveries[row[0], default: []].append(Delivery(sequence: row[1], event: row[2], state: row[3], body: [UInt8](body)))
      }
      stopped = try Set(String.fetchAll(db, sql: "SELECT id FROM sink WHERE stopped IS NOT NULL"))
    }
    inputs = visitor.inputs.sorted { $0.key < $1.key }.flatMap(\.value)
    readings = visitor.readings.map { reading in
      let name = names[reading.series.int]
      return ModelReading(
        device: name.device, metric: name.metric, ts: reading.ts.milliseconds, value: reading.hasValue ? reading.value : nil,
        status: reading.quality.text, moved: reading.quality.isMoved)
    }
    .sorted { ($0.device, $0.metric, $0.ts) < ($1.device, $1.metric, $1.ts) }
  }

  private static func sealed(_ ring: Ring, _ db: GRDB.Database) throws -> [Reading] {
    var readings: [Reading] = []
    for span in try ChunkTable.spans(ring: ring.id, in: ChunkTable.everySpan, db) {
      let row = try StoredSpan(try ChunkTable.parts(ring: ring.id, span: span, db), ring: ring, span: span)
      for series in ring.series {
        let chunk = try row.readings(of: series)
        for place in chunk.times.indices {
          readings.append(
            Reading(
              series: series, ts: Timestamp(milliseconds: chunk.times[place]), value: chunk.column.values[place],
              quality: Quality(byte: chunk.column.qualities[place])))
        }
      }
    }
    return readings
  }

  /// The inputs of rows of the log, by their numbers.
  static func inputs(of rows: ClosedRange<Int64>, store: GatewayStore) throws -> [Int64: [Input]] {
    var visitor = Visitor()
    try store.file.read { db in
      _ = try SeriesLog.read(db, after: rows.lowerBound - 1, limit: rows.count, into: &visitor)
    }
    return visitor.inputs
  }

  private struct Visitor: LogVisitor {
    var rings = Rings()
    var inputs: [Int64: [Input]] = [:]
    var readings: [Reading] = []
    private var row: Int64 = 0

    mutating func begins(row: Int64) { self.row = row }
    mutating func input(_ kind: InputKind, at: Timestamp) { inputs[row, default: []].append(Input(kind: kind, at: at.milliseconds)) }
    mutating func command(_ json: [UInt8], at: Timestamp) {
      let last = inputs[row, default: []].count - 1
      inputs[row]?[last].command = String(decoding: json, as: UTF8.self)
    }
    mutating func reading(_ reading: Reading) {
      if !rings.has(reading.series) || row > rings[of: reading.series].sealedThrough { readings.append(reading) }
    }
  }
}
