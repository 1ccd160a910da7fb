import ArgumentParser
import Foundation
import Logging

@main
struct Thuong: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "thuong",
    abstract: "The gateway between a city's sensors and its operations centre (IOC).",
    discussion: """
      Try it:          thuong demo --for 60s
      Bring it up:     thuong check && thuong serve --config thuong.yaml
      Test rules:      thuong simulate Simulator/two-towns.yaml --out day.ndjson && thuong replay day.ndjson --events events.ndjson
      Keep a copy:     thuong backup day.sqlite, and thuong restore day.sqlite --replace when it is needed

      Exit codes: 0 done; 1 an expectation failed; 2 usage; 3 cannot start; 4 the data directory is in use;
      5 the store is damaged; 6 a peer refused or cannot be reached.
      """,
    version: "0.1.0",
    subcommands: [
      Serve.self, Demo.self, Check.self, Simulate.self, Replay.self, Record.self, Alerts.self, OutboxCommand.self, Sinks.self, Query.self,
      Export.self, Backup.self,
      Restore.self,
      IOC.self,
    ])

  static func main() async {
    // A file that grows beyond what its owner is allowed is an error of the write, told as any other.
    signal(SIGXFSZ, SIG_IGN)
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand { try await asynchronous.run() } else { try command.run() }
    } catch {
      end(with: error)
    }
  }

  /// Help goes to stdout; anything else to stderr, one line for each thing that is wrong.
  private static func end(with error: any Error) -> Never {
    if let failure = CommandFailure(error) {
      failure.print()
      Foundation.exit(failure.code)
    }
    let code = exitCode(for: error)
    let message = fullMessage(for: error)
    if code == .success {
      print(message)
    } else {
      let line = UsageError.line(self.message(for: error), full: message) ?? message
      FileHandle.standardError.write(Data((line + "\n").utf8))
    }
    Foundation.exit(code == .success ? 0 : code == .validationFailure ? 2 : code.rawValue)
  }
}
