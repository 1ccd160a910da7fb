import ArgumentParser
import Database
import Foundation
import Gateway
import Readings

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Everything stored, on standard output.",
    discussion: """
      One reading a line, each series in order of time; ts is in milliseconds. Runs beside a gateway, or without one.

      ndjson   {"device","metric","ts","value","status"}
      csv      device,metric,ts,value,status
      influx   reading,device=…,metric=… value=…,status="…" …
      """)

  @OptionGroup var files: FileOptions
  @Option(help: "The data directory, in place of the configuration's.")
  var data: String?
  @Option(help: "Readings at or after this instant.", transform: TimeArgument.instant)
  var from: Timestamp?
  @Option(help: "Readings before this instant.", transform: TimeArgument.instant)
  var to: Timestamp?
  @Option(help: "ndjson, csv or influx; tt10 is not yet supported.")
  var format = ReadingFormat.ndjson
  @Option(help: "A file, in place of standard output.")
  var out = "-"

  func run() throws {
    BackgroundWork.begin()
    let directory = try data ?? files.load().dataDirectory
    let output = try EventFile(out)
    let export = ReadingExport(directory: directory)
    // What can be read of a damaged store is written before the damage is told.
    let result = Result { try export.run(from: from, to: to, format: format) { try output.append(lines: $0) } }
    try output.close()
    let count = try result.get()
    if out != "-" { print("\(count) readings") }
  }
}

extension ReadingFormat: ExpressibleByArgument {}
