import ArgumentParser
import Database
import DeviceRegistry
import Foundation
import Gateway
import Readings
import SeriesStore

struct Query: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "The readings of some series, or what they come to step by step.",
    discussion: """
      thuong query bg-tr-001/speed                                     its last day
      thuong query bg-tr-001/speed --step 15m --fn max                 the greatest of each quarter of an hour
      thuong query bg-aq-01/pm25 bg-aq-02/pm25 --step 1d --from 2025-01-01T00:00:00+07:00 --format csv

      Steps begin at multiples of their length from midnight in Vietnam; --from and --to are widened to whole ones. Steps without a good
      reading are left out, and numbers rounded to two decimals more than the metric's. Whole \
      quarters of an hour, hours and days come from rollups, which are kept for longer than readings.
      Runs beside a gateway, or without one.
      """)

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, csv, json }

  @OptionGroup var files: FileOptions
  @Option(help: "The data directory, in place of the configuration's.")
  var data: String?
  @Argument(help: ArgumentHelp("Series: the device's id, a slash, the metric's name.", valueName: "device/metric"))
  var series: [String]
  @Option(help: "At or after this instant. Default: a day before --to.", transform: TimeArgument.instant)
  var from: Timestamp?
  @Option(help: "Before this instant. Default: right after the newest reading.", transform: TimeArgument.instant)
  var to: Timestamp?
  @Option(help: "The length of a step: 5m, 1h, 1d. Default: each reading.", transform: TimeArgument.length)
  var step: Milliseconds?
  @Option(help: "What is told of a step: \(AggregateFunction.allCases.map(\.rawValue).joined(separator: ", ")).")
  var fn: AggregateFunction?
  @Flag(help: "Readings that are not good, too. Not with --step, which sees good ones alone.")
  var all = false
  @Option(help: "text, csv or json (one line a series; ts in milliseconds).")
  var format = Format.text

  func validate() throws {
    if fn != nil, step == nil { throw ValidationError("--fn needs --step: --step 15m --fn \(fn?.rawValue ?? "mean")") }
    if all, step != nil { throw ValidationError("--all is for readings: leave --step out") }
    if let step, !(1000...3650 * 86_400_000).contains(step) { throw ValidationError("--step is from 1s to 3650d") }
    if let from, let to, from >= to { throw ValidationError("--from is not before --to") }
  }

  func run() throws {
    let configuration = try files.load()
    let directory = data ?? configuration.dataDirectory
    let stored = try StoredReadings(directory: directory, priority: .niced)
    let wanted = try series.map { try find($0, in: stored) }
    let end = try to ?? stored.end(of: wanted.map(\.id)) ?? Timestamp(milliseconds: 0)
    let range = min(from ?? end - 86_400_000, end).milliseconds..<end.milliseconds
    // What a unit is stands in the devices' files; without them numbers stand alone.
    var output = QueryOutput(format, try? RegistryFiles.load(directory: configuration.devices))
    if let step {
      let function = fn ?? .mean
      let found = try stored.buckets(of: wanted.map(\.id), in: range, steps: Steps(length: step))
      for (series, buckets) in zip(wanted, found) { output.write(series, buckets, function) }
    } else {
      for series in wanted {
        var chunk = SeriesChunk()
        try stored.visit(series.id, in: range) { chunk = chunk.merged(with: $1) }
        output.write(series, chunk, all: all)
      }
    }
    try FileHandle.standardOutput.write(contentsOf: Data(output.text.utf8))
  }

  private func find(_ name: String, in stored: StoredReadings) throws -> StoredSeries {
    if let found = stored.series.first(where: { "\($0.device)/\($0.metric)" == name }) { return found }
    let device = name.split(separator: "/").first.map(String.init) ?? name
    let metrics = stored.series.filter { $0.device == device }.map(\.metric)
    let hint = metrics.isEmpty ? "no device \(device) has anything stored" : "\(device) has \(metrics.joined(separator: ", "))"
    throw CommandFailure(code: 2, "no series \(name): \(hint); name it as device/metric")
  }
}

extension AggregateFunction: ExpressibleByArgument {}
