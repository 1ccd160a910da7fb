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

  init(store: GatewayStore) throws {
    var visitor = Visitor()
    var names: [(device: String, metric: String)] = []
    try store.file.read { db in
      names = try SeriesTable.all(db).map { ($0.device, $0.metric) }
      _ = try SeriesLog.read(db, into: &visitor)
      let rows = try Row.fetchAll(
        db, sql: "SELECT sink, sequence, event, state, body FROM delivery JOIN event ON event.id = delivery.event ORDER BY sink, sequence")
      for row in rows {
        let body: Data = row[4]
        deliveries[row[0], default: []].append(Delivery(sequence: row[1], event: row[2], state: row[3], body: [UInt8](body)))
      }
      stopped = try Set(String.fetchAll(db, sql: "SELECT id FROM sink WHERE stopped IS NOT NULL"))
    }
    inputs = visitor.inputs
    readings = visitor.readings.map { reading in
      let name = names[reading.series.int]
      return ModelReading(
        device: name.device, metric: name.metric, ts: reading.ts.milliseconds, value: reading.hasValue ? reading.value : nil,
        status: reading.quality.text, moved: reading.quality.isMoved)
    }
  }

  private struct Visitor: LogVisitor {
    var inputs: [Input] = []
    var readings: [Reading] = []

    mutating func input(_ kind: InputKind, at: Timestamp) { inputs.append(Input(kind: kind, at: at.milliseconds)) }
    mutating func command(_ json: [UInt8], at: Timestamp) {
      inputs[inputs.count - 1].command = String(decoding: json, as: UTF8.self)
    }
    mutating func reading(_ reading: Reading) { readings.append(reading) }
  }
}
