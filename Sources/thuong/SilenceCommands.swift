import Alerting
import ArgumentParser
import Console
import Foundation
import Gateway
import Readings

struct AlertsSilence: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "silence",
    abstract: "Nobody is told of these alerts for a while.",
    discussion: """
      An alert is silenced that all of the options match that are given, each by any of its values. Whoever was told of an alert is told the rest.

        thuong alerts silence --device bg-tr-001 --for 2h --note "bảo trì"
        thuong alerts silence --rule noise-high --until 2026-01-31T00:00:00+07:00 --weekly sat,sun --hours 22:00-05:00
      """)

  @OptionGroup var store: StoreOptions
  @OptionGroup var words: WordOptions
  @Option(parsing: .upToNextOption, help: "Rules, by id.") var rule: [String] = []
  @Option(parsing: .upToNextOption, help: "Devices, by id.") var device: [String] = []
  @Option(parsing: .upToNextOption, help: "Zones.") var zone: [String] = []
  @Option(parsing: .upToNextOption, help: "Sites.") var site: [String] = []
  @Option(parsing: .upToNextOption, help: "info, minor, major, critical.") var severity: [String] = []
  @Option(help: "From this instant on; default: now.", transform: TimeArgument.instant) var from: Timestamp?
  @Option(help: "Until this instant.", transform: TimeArgument.instant) var until: Timestamp?
  @Option(
    name: .customLong("for"), help: "In place of --until: for so long from now, or from --from.", transform: TimeArgument.length)
  var length: Milliseconds?
  @Option(help: "On these days alone: mon,tue,wed,thu,fri,sat,sun; with --hours.") var weekly: String?
  @Option(help: "In these hours of the days of --weekly: 22:00-05:00.") var hours: String?
  @Option(help: "Its name; one of that name is replaced. Default: one made of the time.") var id: String?

  func validate() throws {
    guard (until == nil) != (length == nil) else {
      throw ValidationError("say when it ends: --for 2h, or --until 2025-11-21T18:00:00+07:00")
    }
    guard (weekly == nil) == (hours == nil) else { throw ValidationError("--weekly and --hours go together") }
    if let hours, hours.split(separator: "-").count != 2 {
      throw ValidationError("--hours takes hours such as 22:00-05:00, got \(hours)")
    }
  }

  func run() throws {
    let now = LiveClock.wall
    let name = id ?? "s-\(now.fileName.lowercased())"
    let end = until ?? (from ?? now) + (length ?? 0)
    var json = JSONWriter()
    json.object { json in
      json.field("silence", object: { write(name, until: end, to: &$0) })
      json.field("by", words.by)
    }
    try store.obey(json)
    print("\(name): silent until \(end.forReaders)")
  }

  private func write(_ name: String, until end: Timestamp, to json: inout JSONWriter) {
    json.field("id", name)
    for (key, values) in [("rule", rule), ("device", device), ("zone", zone), ("site", site), ("severity", severity)] where !values.isEmpty
    {
      json.field(key, array: { json in for value in values { json.value(value) } })
    }
    if let from { json.field("from", from.rfc3339) }
    json.field("until", end.rfc3339)
    if let weekly, let hours {
      let ends = hours.split(separator: "-").map(String.init)
      json.field(
        "weekly",
        object: { json in
          json.field("days", array: { json in for day in weekly.split(separator: ",") { json.value(String(day)) } })
          json.field("from", ends.first)
          json.field("to", ends.last)
        })
    }
    if let note = words.note { json.field("note", note) }
  }
}

struct AlertsUnsilence: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unsilence", abstract: "Ends a silence: those who were not told are told now.")

  @OptionGroup var store: StoreOptions
  @Option(help: "Who. Default: the user of this command.")
  var by: String = ProcessInfo.processInfo.environment["USER"] ?? NSUserName()
  @Argument(help: "The silence's id.") var id: String

  func run() throws {
    var json = JSONWriter()
    json.object { json in
      json.field("unsilence", id)
      json.field("by", by)
    }
    try store.obey(json)
    print("\(id): over")
  }
}

struct AlertsSilences: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "silences", abstract: "Silences that are not over.")

  @OptionGroup var store: StoreOptions
  @Option(help: "text, or json: one silence a line.") var format = ListFormat.text

  func run() throws {
    let silences = try store.alerts().silences()
    if format == .json { return JSONLines.print(silences) { AlertDocument.write($0, to: &$1) } }
    print(TextTable.text(silences.map(Self.row), heads: ["id", "từ", "đến", "giờ", "của", "người đặt", "ghi chú"]))
  }

  private static func row(_ silence: Silence) -> [String] {
    let hours = silence.weekly.map { weekly in
      let days = weekly.days.map(weekly.name(ofDay:)).joined(separator: ",")
      return "\(days) \(weekly.text(ofMinute: weekly.from))-\(weekly.text(ofMinute: weekly.to))"
    }
    let matched = silence.rules + silence.devices + silence.zones + silence.sites + silence.severities.map(\.name)
    return [
      silence.id, silence.from.forReaders, silence.until.forReaders, hours ?? "", matched.joined(separator: ","), silence.by,
      silence.note ?? "",
    ]
  }
}
