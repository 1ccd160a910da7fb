import Alerting
import ArgumentParser
import Console
import Foundation
import Gateway
import Outbox
import Readings

struct Sinks: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "The IOCs that events go to: how each stands, a test event, going on after a stop.",
    discussion: """
      thuong sinks list
      thuong sinks test ioc-bac-giang
      thuong sinks resume ioc-bac-giang
      """,
    subcommands: [SinksList.self, SinksTest.self, SinksResume.self])
}

struct SinksList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Each sink: its state, what waits and for how long, what is dead, the last error.",
    discussion: "Those of the configuration, then those that are gone from it while something waits for them.")

  @OptionGroup var store: StoreOptions
  @Option(help: "text, or json: one sink a line.") var format = ListFormat.text

  func run() throws {
    let configuration = try store.configuration()
    let figures = try store.outbox().figures()
    let now = LiveClock.wall
    let sinks = figures.all(configured: configuration.sinks.map(\.id)).map { figures in
      (configuration.sinks.first { $0.id == figures.sink }, figures)
    }
    if format == .json { return JSONLines.print(sinks) { SinkDocument.write($0.0, $0.1, now: now, to: &$1) } }
    print(
      TextTable.text(
        sinks.map { Self.row($0.0, $0.1, now) },
        heads: [
          "id", "máy", "tình trạng", "chờ", "lâu nhất", OperatorText.name(of: DeliveryState.delivered).vi,
          OperatorText.name(of: DeliveryState.dead).vi, "lần gửi", "lỗi cuối",
        ]))
  }

  private static func row(_ sink: SinkConfiguration?, _ figures: SinkFigures, _ now: Timestamp) -> [String] {
    [
      figures.sink, sink?.host ?? "", OperatorText.name(of: figures.condition(now: now, behindAfter: sink?.behindAfter ?? .max)).vi,
      String(figures.waiting), figures.waiting == 0 ? "" : "\(figures.age(now: now) / 1000) s", String(figures.delivered),
      String(figures.dead), String(figures.attemptsOfOldest), figures.stopped ?? figures.lastError ?? "",
    ]
  }
}

struct SinksTest: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "test",
    abstract: "Sends a signed test event now, and shows the answer.",
    discussion: """
      Its type is vn.thuong.gateway.test. It has no sequence, and is neither kept nor tried again. Exits with 6 unless the sink takes it.
      """)

  @OptionGroup var store: StoreOptions
  @Option(help: "Who. Default: the user of this command.")
  var by: String = ProcessInfo.processInfo.environment["USER"] ?? NSUserName()
  @Argument(help: "The sink's id.") var id: String

  func run() async throws {
    let configuration = try store.configuration()
    let test: SinkTest
    if let client = ControlClient(directory: configuration.dataDirectory) {
      test = try client.test(sink: id, by: by)
    } else {
      let configuration = try store.configuration(secrets: .sink(id))
      guard let sink = configuration.sinks.first(where: { $0.id == id }) else {
        throw CommandFailure(CommandRefused(unknownSink: id))
      }
      test = try await SinkTest.run(
        sink, instance: configuration.instance, wallClock: { LiveClock.wall }, uptime: { SystemClock().monotonic })
    }
    guard let status = test.status else { throw CommandFailure(code: 6, "\(id) was not reached: \(test.text) (\(test.taken) ms)") }
    let answer = "HTTP \(status)\(test.text.isEmpty ? "" : ": \(test.text)") in \(test.taken) ms"
    guard test.isTaken else { throw CommandFailure(code: 6, "\(id) refused the test event with \(answer)") }
    print("\(id) took the test event with \(answer)")
  }
}

struct SinksResume: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "A sink that was stopped, or is held up by a pause that it asked for, goes on at once.")

  @OptionGroup var store: StoreOptions
  @Option(help: "Who. Default: the user of this command.")
  var by: String = ProcessInfo.processInfo.environment["USER"] ?? NSUserName()
  @Argument(help: "The sink's id.") var id: String

  func run() throws {
    guard case .resumed(let waiting, let was) = try store.obey(.resume(sink: id), by: by) else { return }
    print("\(id): goes on; \(waiting) events wait; it had been held up by: \(was)")
  }
}
