import Alerting
import ArgumentParser
import Console
import Foundation
import Gateway
import Logging
import Readings

struct Alerts: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "The operator's commands: what has rung, who has seen it, what is to be quiet.",
    discussion: """
      thuong alerts list
      thuong alerts show ID
      thuong alerts ack ID --by Lan --note "đã cử đội kiểm tra"
      thuong alerts silence --device bg-tr-001 --for 2h --by Lan --note "bảo trì"

      An ID may be given by its first \(ShortID.lengthMin) characters or more, as long as one alert alone begins so.

      Beside a running gateway they go through its socket, DIR/thuong.sock; without one they change the store, and what there is to tell \
      waits for the next thuong serve.
      """,
    subcommands: [
      AlertsList.self, AlertsShow.self, AlertsAck.self, AlertsClose.self, AlertsSilence.self, AlertsUnsilence.self, AlertsSilences.self,
    ])
}

extension StoreOptions {
  func alerts() throws -> AlertArchive { try AlertArchive(directory: configuration().dataDirectory) }

  /// Does a command: through the running gateway, or on its store.
  func obey(_ command: JSONWriter) throws {
    let configuration = try configuration()
    if let client = ControlClient(directory: configuration.dataDirectory) { return try client.ask(.command(command.bytes)) }
    do {
      try DirectCommand.run(command.bytes, configuration, logger: Log.logger("thuong", level: .error))
    } catch let refused as CommandRefused {
      throw CommandFailure(refused)
    }
  }
}

enum ListFormat: String, ExpressibleByArgument, CaseIterable { case text, json }

struct AlertsList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Alerts; those that are raised, unless told otherwise.",
    discussion: """
      As text those that are raised come first, the gravest first, then those that have ended; each newest first, so that --limit leaves out \
      the least urgent. As json they come newest first, as from the API.
      """)

  enum State: String, ExpressibleByArgument, CaseIterable { case raised, cleared, all }

  @OptionGroup var store: StoreOptions
  @Option(help: "raised, cleared or all.")
  var state = State.raised
  @Option(help: "info, minor, major or critical.")
  var severity: String?
  @Option var site: String?
  @Option var rule: String?
  @Option var device: String?
  @Option(help: "At most so many, 1 to 10000.")
  var limit = 100
  @Option(help: "text, or json: one alert a line.")
  var format = ListFormat.text

  func validate() throws {
    guard (1...10_000).contains(limit) else { throw ValidationError("--limit is 1 to 10000") }
    guard severity.map({ Severity(name: $0) != nil }) ?? true else { throw ValidationError("--severity is info, minor, major or critical") }
  }

  func run() throws {
    let filter = AlertFilter(
      state: AlertRecord.State(rawValue: state.rawValue), severity: severity.flatMap { Severity(name: $0) }, site: site, rule: rule,
      device: device)
    let archive = try store.alerts()
    if format == .json { return JSONLines.print(try archive.page(filter, limit: limit)) { AlertDocument.write($0, to: &$1) } }
    let alerts = try archive.byUrgency(filter, limit: limit)
    print(AlertText.text(alerts))
    if alerts.count == limit { print("the first \(limit); --limit shows more") }
  }
}

struct AlertsShow: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "show", abstract: "One alert, with every transition and its reason.")

  @OptionGroup var store: StoreOptions
  @Argument(help: "The alert's id, or its beginning.") var id: String
  @Option(help: "text or json.") var format = ListFormat.text

  func run() throws {
    let id = try store.alertID(id)
    guard let (alert, transitions) = try store.alerts().alert(id) else {
      throw CommandFailure(code: 2, "no alert of the id \(id) is stored")
    }
    if format == .json { return JSONLines.print([alert]) { AlertDocument.write($0, transitions: transitions, to: &$1) } }
    print(AlertText.text(alert, transitions))
  }
}

/// Who says it, and why.
struct WordOptions: ParsableArguments {
  @Option(help: "Who. Default: the user of this command.")
  var by: String = ProcessInfo.processInfo.environment["USER"] ?? NSUserName()
  @Option(help: "A note, at most 1000 characters.")
  var note: String?

  /// Says it of an alert.
  func say(_ verb: String, _ id: String, to store: StoreOptions) throws {
    var json = JSONWriter()
    json.object { json in
      json.field(verb, id)
      json.field("by", by)
      if let note { json.field("note", note) }
    }
    try store.obey(json)
  }
}

struct AlertsAck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ack", abstract: "Somebody has seen it: no more reminders, until it ends or escalates.")

  @OptionGroup var store: StoreOptions
  @OptionGroup var words: WordOptions
  @Argument(help: "The alert's id, or its beginning.") var id: String

  func run() throws {
    let id = try store.alertID(id)
    try words.say("ack", id, to: store)
    print("\(id): acknowledged by \(words.by)")
  }
}

struct AlertsClose: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "close", abstract: "Ends an alert by hand; where its condition still holds, a new one begins.")

  @OptionGroup var store: StoreOptions
  @OptionGroup var words: WordOptions
  @Argument(help: "The alert's id, or its beginning.") var id: String

  func run() throws {
    let id = try store.alertID(id)
    try words.say("close", id, to: store)
    print("\(id): closed by \(words.by)")
  }
}
