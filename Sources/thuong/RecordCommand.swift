import ArgumentParser
import DeviceRegistry
import Dispatch
import Foundation
import Gateway
import Readings
import Simulation

struct Record: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "The running gateway's own inputs, as a trace.",
    discussion: """
      Messages, commands, intake and clock lines with their instants, from now on, through the gateway's socket. Replayed into the state that \
      the gateway's store had when it began, the trace gives the same events, byte for byte. Ctrl-C or --for ends it.

        thuong record --to day.ndjson.zst --for 24h
        thuong replay day.ndjson.zst --events events.ndjson

      The gateway never waits for it: where the disk is full, or this command too slow by 16 MB, the recording ends with an error (6, 3), \
      and the trace is not complete; replay takes what is in it. A message that the broker sends a second time stands in it once.
      """)

  @OptionGroup var files: FileOptions
  @Option(help: "The data directory, in place of the configuration's.")
  var data: String?
  @Option(help: ArgumentHelp("The trace: .ndjson, .gz, .zst. An existing file is replaced.", valueName: "trace"))
  var to: String
  @Option(name: .customLong("for"), help: "End after this time: 60s, 24h.", transform: TimeArgument.length)
  var length: Milliseconds?

  func run() throws {
    let directory = try data ?? files.load().dataDirectory
    guard let client = ControlClient(directory: directory) else {
      throw CommandFailure(code: 6, "no gateway runs on \(directory): start thuong serve, or name its directory with --data")
    }
    let trace = try TraceRecording(file: URL(fileURLWithPath: to))
    let ends = ends(client)
    defer { for end in ends { end.cancel() } }
    var problem: ControlProblem?
    do { try client.record { try trace.append($0) } } catch let error as ControlProblem { problem = error }
    // Where another recording runs, perhaps into this very file, nothing of it is touched.
    if problem == nil || trace.lineCount > 0 {
      try trace.close()
      print("\(to): \(trace.lineCount) lines")
    }
    if let problem { throw CommandFailure(code: 6, "\(to): \(problem)") }
  }

  /// What ends the recording in good order.
  private func ends(_ client: ControlClient) -> [any DispatchSourceProtocol] {
    var sources: [any DispatchSourceProtocol] = [SIGINT, SIGTERM, SIGHUP].map { number in
      signal(number, SIG_IGN)
      return DispatchSource.makeSignalSource(signal: number, queue: .global())
    }
    if let length {
      let timer = DispatchSource.makeTimerSource(queue: .global())
      timer.schedule(deadline: .now() + .milliseconds(Int(length)))
      sources.append(timer)
    }
    for source in sources {
      source.setEventHandler { client.stop() }
      source.resume()
    }
    return sources
  }
}
