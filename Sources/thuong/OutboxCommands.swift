import Alerting
import ArgumentParser
import Console
import Foundation
import Gateway
import Outbox
import Readings

struct OutboxCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "outbox",
    abstract: "Events that were not delivered, and how they are sent again.",
    discussion: """
      thuong outbox list --state dead
      thuong outbox show ID
      thuong outbox redrive ID
      thuong outbox redrive --sink ioc-bac-giang --dead --since 2025-11-21T00:00:00+07:00

      An ID may be given by its first \(ShortID.lengthMin) characters or more, as long as one event alone begins so. A redriven event is sent as it \
      was recorded: its id, its revision, its sequence. Beside a running gateway these go through its socket, \
      DIR/thuong.sock; without one they change the store, and the next thuong serve sends.
      """,
    subcommands: [OutboxList.self, OutboxShow.self, OutboxRedrive.self])
}

extension StoreOptions {
  func outbox() throws -> OutboxArchive { try OutboxArchive(directory: configuration().dataDirectory) }

  /// Does an order: through the running gateway, or on its store.
  func obey(_ order: OutboxOrder, by: String) throws -> OutboxAnswer {
    let configuration = try configuration()
    if let client = ControlClient(directory: configuration.dataDirectory) { return try client.obey(order, by: by) }
    do { return try DirectCommand.run(order, configuration) } catch let refused as CommandRefused { throw CommandFailure(refused) }
  }
}

struct OutboxList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Deliveries by sink and sequence; what waits and what is dead, unless told otherwise.")

  enum State: String, ExpressibleByArgument, CaseIterable { case waiting, dead, delivered }

  @OptionGroup var store: StoreOptions
  @Option(help: "To one sink alone.") var sink: String?
  @Option(help: "waiting, dead or delivered.") var state: State?
  @Option(help: "At most so many, 1 to 10000.") var limit = 100
  @Option(help: "text, or json: one delivery a line.") var format = ListFormat.text

  func validate() throws {
    guard (1...10_000).contains(limit) else { throw ValidationError("--limit is 1 to 10000") }
  }

  func run() throws {
    let states = state.map { state in DeliveryState.allCases.filter { $0.name == state.rawValue } } ?? [.waiting, .dead]
    let found = try store.outbox().page(sink: sink, states: Set(states), limit: limit)
    if format == .json { return JSONLines.print(found) { DeliveryDocument.write($0, to: &$1) } }
    print(OutboxText.text(found))
    if found.count == limit { print("the first \(limit); --limit shows more") }
    let figures = try store.outbox().figures().all(configured: store.configuration().sinks.map(\.id))
    for figures in figures where !figures.isConfigured && sink ?? figures.sink == figures.sink {
      print(OperatorText.unconfigured(sink: figures.sink, waiting: figures.waiting).vi)
    }
  }
}

struct OutboxShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "One event: its way to each sink, attempts and last error, and its body.")

  @OptionGroup var store: StoreOptions
  @Argument(help: "The event's id, or its beginning.") var id: String
  @Option(help: "text or json.") var format = ListFormat.text

  func run() throws {
    let id = try store.eventID(id)
    let found = try store.outbox().deliveries(of: id)
    guard let first = found.first else { throw CommandFailure(code: 2, "no event of the id \(id) is kept") }
    if format == .json { return JSONLines.print([found]) { DeliveryDocument.write(event: $0, to: &$1) } }
    print(OutboxText.text(found))
    if !first.body.isEmpty { print("\n\(String(decoding: first.body, as: UTF8.self))") }
  }
}

struct OutboxRedrive: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "redrive",
    abstract: "Dead letters wait again: one event's, or those of a sink.",
    discussion: """
      Many are taken in steps of \(OutboxOrder.redriveMax), each done whole or not at all: after an interruption the same command does the rest.
      """)

  @OptionGroup var store: StoreOptions
  @Option(help: "Who. Default: the user of this command.")
  var by: String = ProcessInfo.processInfo.environment["USER"] ?? NSUserName()
  @Argument(help: "The event's id, or its beginning.") var id: String?
  @Option(help: "At this sink alone; with --dead, all of its dead letters.") var sink: String?
  @Flag(help: "All dead letters of --sink.") var dead = false
  @Option(help: "With --dead: of events recorded at this instant or later.", transform: TimeArgument.instant) var since: Timestamp?

  func validate() throws {
    guard (id == nil) == dead else { throw ValidationError("name an event's id, or --sink S --dead") }
    guard !dead || sink != nil else { throw ValidationError("--dead wants --sink S") }
    guard since == nil || dead else { throw ValidationError("--since goes with --dead") }
  }

  func run() throws {
    if let given = id {
      let id = try store.eventID(given)
      guard case .redriven(let count, _) = try store.obey(.redrive(event: id, sink: sink), by: by) else { return }
      return print("\(id): \(count == 1 ? "waits again" : "waits again at \(count) sinks")")
    }
    guard let sink else { return }
    var (all, after) = (0, Int64?.some(0))
    while let from = after {
      guard case .redriven(let count, let next) = try store.obey(.redriveDead(sink: sink, since: since, after: from), by: by)
      else { break }
      (all, after) = (all + count, next)
    }
    print("\(sink): \(all) dead letters wait again")
  }
}

/// Deliveries as operators read them.
enum OutboxText {
  static func text(_ deliveries: [DeliveryRecord]) -> String {
    TextTable.text(deliveries.map(row), heads: ["id", "IOC", "số", "tình trạng", "lần gửi", "ghi lúc", "loại", "đối tượng", "lỗi cuối"])
  }

  private static func row(_ delivery: DeliveryRecord) -> [String] {
    let headline = delivery.headline
    return [
      delivery.event, delivery.sink, String(delivery.sequence), OperatorText.name(of: delivery.state).vi, String(delivery.attempts),
      delivery.recordedAt.forReaders, headline.type.replacing("vn.thuong.", with: ""), headline.subject, delivery.lastError ?? "",
    ]
  }
}
