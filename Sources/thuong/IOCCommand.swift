import ArgumentParser
import Foundation
import Gateway
import Logging
import Outbox
import Readings
import Simulation

struct IOC: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ioc",
    abstract: "A stand-in IOC that verifies and prints events, and can be told to fail, hang, drop or lie.",
    discussion: """
      Listens on loopback, at any path. It answers 204 to what is signed by a secret of \
      --secret-file, 401 to anything else, and keeps account of what came again, what is \
      missing and each alert's state. Point a sink at http://127.0.0.1:PORT/ with \
      allow_private: true; in a browser the same address shows the open alerts and the last \
      events, and /state the figures as JSON. At the end (Ctrl-C) it prints a line of \
      figures. docs/ioc.md says how to write a receiver of one's own.

      --misbehave takes a list of KIND[:ARGUMENT][:CHANCE%]; what has no chance shares \
      evenly what the others leave:
        fail          500
        429:2s        that status, 300 to 599, here with Retry-After
        redirect:URL  302 to that place
        lie           204, and nothing is kept
        hang          never answers
        slow          keeps the event, answers a byte a second
        late:5s       keeps it, answers after 5 s
        big           keeps it, answers 200 without end
        drop          keeps it, closes before or within the answer
        reset         closes before the body is read
        down:30m/2h   closes every connection for the last 30 m of every 2 h

      Example: thuong ioc --secret-file sink.secret --store events.ndjson --seed 7 \
      --misbehave fail:30%,hang:5%,429:2s:10%,drop:5%
      """)

  @Option(help: "The port; 0 takes a free one.")
  var port = 9090
  @Option(help: ArgumentHelp("whsec_ and base64, one secret a line.", valueName: "file"))
  var secretFile: String
  @Option(
    help: ArgumentHelp(
      "Keep every event as a line of JSON, on the disk before it is answered; what the file holds already counts as received.",
      valueName: "file"))
  var store: String?
  @Option(help: ArgumentHelp("What to do wrong, and how often.", valueName: "faults"))
  var misbehave: String?
  @Option(help: "Makes the same choices again.")
  var seed: UInt64 = 1
  @Option(help: "Print text for people, or the events as they came (json).")
  var format = Format.text

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  func run() async throws {
    let ioc = try standIn()
    let (ended, ending) = AsyncStream.makeStream(of: Void.self)
    let signals = Interrupt.on { ending.yield() }
    defer { for signal in signals { signal.cancel() } }
    let serving = Task {
      defer { ending.finish() }
      try await ioc.run()
    }
    do {
      let bound = try await ioc.boundPort()
      tell("listening on http://127.0.0.1:\(bound)/")
    } catch {
      throw CommandFailure(code: 3, "port \(port) cannot be listened on; name a free one with --port, or 0")
    }
    var wasInterrupted = false
    for await _ in ended.prefix(1) { wasInterrupted = true }
    if !wasInterrupted { try await serving.value }
    tell(ioc.figures.text)
    // At once: an orderly end would wait for the requests that hang. What was answered is on the disk.
    fflush(nil)
    _exit(0)
  }

  private func standIn() throws -> StandInIOC {
    let secrets: [WebhookSecret]
    let file: ReceivedEventFile?
    do { secrets = try WebhookSecret.load(file: secretFile) } catch { throw CommandFailure(code: 3, error.description) }
    do { file = try store.map { try ReceivedEventFile($0) } } catch { throw CommandFailure(code: 3, "\(error)") }
    let asJSON = format == .json
    return StandInIOC(
      secrets: secrets, port: port, logger: Log.logger("ioc", level: .warning), wallClock: { LiveClock.wall },
      misbehaviour: try misbehaviour(), file: file,
      refused: { refusal in tell("refused with \(refusal.status): \(refusal.text)") },
      handler: { event in say(asJSON ? String(decoding: event.body, as: UTF8.self) : EventLine.text(event)) })
  }

  private func misbehaviour() throws -> Misbehaviour? {
    do throws(Misbehaviour.Malformed) {
      guard let misbehave else { return nil }
      return try Misbehaviour(misbehave, seed: seed)
    } catch {
      throw CommandFailure(code: 2, "--misbehave: \(error.description)")
    }
  }
}

/// A line on standard error, where standard output holds events.
private func tell(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }

/// An event as one line for people.
enum EventLine {
  static func text(_ event: ReceivedEvent) -> String {
    var parts = [
      event.time?.forReaders ?? "", event.type.replacing("vn.thuong.", with: ""), event.severity?.name ?? "", event.subject ?? "",
    ]
    parts.append(event.messageVi ?? gap(event) ?? "")
    if let sequence = event.sequence { parts.append("#\(sequence)") }
    if event.isDuplicate { parts.append("(again)") }
    if let misbehaviour = event.misbehaviour { parts.append("(\(misbehaviour))") }
    if event.isAltered { parts.append("(ALTERED: other bytes under the same id)") }
    if event.isEarly { parts.append("(before Retry-After)") }
    return parts.filter { !$0.isEmpty }.joined(separator: "  ")
  }

  /// What a gap event says: cause, from, to.
  private static func gap(_ event: ReceivedEvent) -> String? {
    guard event.type.hasSuffix("gateway.gap"), let body = try? JSONSerialization.jsonObject(with: Data(event.body)) as? [String: Any],
      let data = body["data"] as? [String: Any], let cause = data["cause"] as? String
    else { return nil }
    return "\(cause): \(data["from"] ?? "?") – \(data["to"] ?? "?")"
  }
}
