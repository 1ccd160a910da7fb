import Foundation
import Readings

/// What went in and what became of it. Committed with each batch, so that they balance after any crash:
/// messages received = accepted + rejected; readings received = stored + duplicate + rejected.
package struct Counters: Equatable, Sendable {
  package internal(set) var messagesReceived: Int64 = 0
  package internal(set) var messagesAccepted: Int64 = 0
  /// By `RejectReason`.
  package internal(set) var messagesRejected = [Int64](repeating: 0, count: RejectReason.allCases.count)
  package internal(set) var readingsReceived: Int64 = 0
  package internal(set) var readingsStored: Int64 = 0
  package internal(set) var readingsDuplicate: Int64 = 0
  package internal(set) var readingsRejected = [Int64](repeating: 0, count: RejectReason.allCases.count)
  package internal(set) var gaps: [String: Int64] = [:]

  package var balances: Bool {
    messagesReceived == messagesAccepted + messagesRejected.reduce(0, +)
      && readingsReceived == readingsStored + readingsDuplicate + readingsRejected.reduce(0, +)
  }

  /// As the store keeps them.
  var json: [UInt8] {
    var json = JSONWriter(reserving: 1024)
    json.object { json in
      json.field("messagesReceived", messagesReceived)
      json.field("messagesAccepted", messagesAccepted)
      json.field("readingsReceived", readingsReceived)
      json.field("readingsStored", readingsStored)
      json.field("readingsDuplicate", readingsDuplicate)
      json.field("messagesRejected", array: { json in for n in messagesRejected { json.value(n) } })
      json.field("readingsRejected", array: { json in for n in readingsRejected { json.value(n) } })
      json.field("gaps", object: { json in for (cause, n) in gaps.sorted(by: { $0.key < $1.key }) { json.field(cause, n) } })
    }
    return json.bytes
  }

  init() {}

  init?(json: Data) {
    guard let object = try? JSONSerialization.jsonObject(with: json) as? [String: Any] else { return nil }
    func number(_ key: String) -> Int64? { (object[key] as? NSNumber)?.int64Value }
    func numbers(_ key: String) -> [Int64]? {
      guard let list = object[key] as? [NSNumber], list.count <= RejectReason.allCases.count else { return nil }
      return list.map(\.int64Value) + [Int64](repeating: 0, count: RejectReason.allCases.count - list.count)
    }
    guard let received = number("messagesReceived"), let accepted = number("messagesAccepted"), let readings = number("readingsReceived"),
      let stored = number("readingsStored"), let duplicate = number("readingsDuplicate"), let messages = numbers("messagesRejected"),
      let rejected = numbers("readingsRejected"), let gaps = object["gaps"] as? [String: NSNumber]
    else { return nil }
    (messagesReceived, messagesAccepted, messagesRejected) = (received, accepted, messages)
    (readingsReceived, readingsStored, readingsDuplicate, readingsRejected) = (readings, stored, duplicate, rejected)
    self.gaps = gaps.mapValues(\.int64Value)
  }
}
