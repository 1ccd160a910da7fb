import Alerting
import Database
import Foundation
import GRDB
import Readings
import Simulation
import Synchronization

/// An operator who acknowledges, closes and silences through the API, one order after the other, and keeps a ledger of the answers. Each order
/// is given by a name of its own, by which it is found again in the store.
final class OperatorDesk: Sendable {
  struct Outcome: CustomStringConvertible {
    /// Answered with success.
    var done = 0
    /// Without an answer: it may have been done, or not.
    var cut = 0
    var refused = 0
    /// What was answered with success and is not in force, was done though refused, or was done twice.
    var faults: [String] = []

    var description: String { "\(done) orders done, \(cut) cut off, \(refused) refused" }
  }

  private enum Verb: String { case ack, close, silence }

  private struct Order {
    var number: Int
    var verb: Verb
    /// The alert's id, or the silence's.
    var subject: String
    var json: String
    /// The status of the answer; nil for none.
    var status: Int?

    var by: String { "operator \(number)" }
  }

  private static let silencesMax = 20
  private static let until = "2026-06-30T00:00:00+07:00"

  private let gateway: DemoGateway
  private let random: Mutex<SeededGenerator>
  private let ledger = Mutex<[Order]>([])
  private let isOver = Box(false)

  init(gateway: DemoGateway, seed: UInt64) {
    self.gateway = gateway
    random = Mutex(SeededGenerator(seed: seed ^ 0x6465_736b))
  }

  /// No further order is given; the one that is on its way is answered.
  func close() { isOver.change { $0 = true } }

  /// Gives orders until it closes.
  func work() async {
    while !isOver.value {
      if let order = await next() {
        let status = await give(order)
        ledger.withLock { $0[order.number].status = status }
      }
      try? await Task.sleep(for: .milliseconds(10))
    }
  }

  // MARK: Orders

  /// An order for one of the raised alerts, noted in the ledger; nil where there is none, or nobody answers.
  private func next() async -> Order? {
    guard let answer = await gateway.get("/api/v1/alerts?state=raised&limit=100"), answer.status == 200,
      let list = try? JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any],
      let alerts = list["items"] as? [[String: Any]], !alerts.isEmpty
    else { return nil }
    let (place, kind) = random.withLock { (Int($0.below(Int64(alerts.count))), $0.below(10)) }
    guard let id = alerts[place]["id"] as? String, let device = alerts[place]["device"] as? String else { return nil }
    return ledger.withLock { ledger in
      let isSilenced = kind == 9 && ledger.count { $0.verb == .silence } < Self.silencesMax
      let verb: Verb = isSilenced ? .silence : kind >= 7 ? .close : .ack
      // Of two that acknowledge an alert the second would be in force.
      if verb == .ack, !(alerts[place]["acknowledged"] is NSNull) { return nil }
      var order = Order(number: ledger.count, verb: verb, subject: verb == .silence ? "s-\(ledger.count)" : id, json: "")
      order.json =
        verb == .silence
        ? #"{"silence":{"id":"\#(order.subject)","device":["\#(device)"],"until":"\#(Self.until)"},"by":"\#(order.by)"}"#
        : #"{"\#(verb.rawValue)":"\#(id)","by":"\#(order.by)"}"#
      ledger.append(order)
      return order
    }
  }

  private func give(_ order: Order) async -> Int? {
    guard order.verb == .silence else {
      return await gateway.post("/api/v1/alerts/\(order.subject)/\(order.verb.rawValue)", #"{"by":"\#(order.by)"}"#)?.status
    }
    let object = try? JSONSerialization.jsonObject(with: Data(order.json.utf8)) as? [String: Any]
    guard var body = object?["silence"] as? [String: Any] else { return nil }
    body["by"] = order.by
    guard let text = try? JSONSerialization.data(withJSONObject: body) else { return nil }
    return await gateway.post("/api/v1/silences", String(decoding: text, as: UTF8.self))?.status
  }

  // MARK: What became of them

  /// The ledger against a store that no gateway writes any more; and every order that was done, with the instant of the engine's clock.
  func compared(withStore directory: String) throws -> (outcome: Outcome, done: [(at: Timestamp, json: String)]) {
    let orders = ledger.withLock { $0 }
    let traces = try StoreReader(directory: directory).read { db in
      let silences = try SilenceTable.all(db)
      return try orders.map { try Self.trace(of: $0, silences, db) }
    }
    var outcome = Outcome()
    var found: [(at: Timestamp, json: String)] = []
    for (order, trace) in zip(orders, traces) {
      let isDone = order.status.map { (200...299).contains($0) }
      switch isDone {
      case true?: outcome.done += 1
      case false?: outcome.refused += 1
      case nil: outcome.cut += 1
      }
      let count = trace.instants.count
      if count > 1 || (count == 1 && !trace.isInForce) || isDone.map({ $0 != (count == 1) }) ?? false {
        outcome.faults.append("\(order.json): answered \(order.status ?? 0), done \(count) times, in force: \(trace.isInForce)")
      }
      found += trace.instants.map { ($0, order.json) }
    }
    // At one instant in the order in which they were given.
    return (outcome, found.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element))
  }

  /// When an order was done, by its name; and whether it still holds.
  private static func trace(of order: Order, _ silences: [Silence], _ db: GRDB.Database) throws -> (instants: [Timestamp], isInForce: Bool)
  {
    if order.verb == .silence {
      let instants = silences.filter { $0.id == order.subject && $0.by == order.by }.map(\.at)
      return (instants, !instants.isEmpty)
    }
    let kind: AlertTransition = order.verb == .ack ? .acknowledged : .closed
    let transitions = try AlertTable.transitions(of: order.subject, db).filter { $0.by == order.by && $0.kind == kind }
    let alert = try AlertTable.alert(order.subject, db)
    return (transitions.map(\.detectedAt), order.verb == .ack ? alert?.acknowledged?.by == order.by : alert?.endReason == .hand)
  }
}
