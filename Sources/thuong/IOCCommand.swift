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
    abstract: "A stand-in IOC that verifies and prints events.",
    discussion: """
      Listens on loopback, at any path. It answers 204 to what is signed by a secret of --secret-file, 401 to anything else, and says
      when an event comes again or a sequence has a gap. Point a sink at http://127.0.0.1:PORT/ with allow_private: true.
      """)

  @Option(help: "The port; 0 takes a free one.")
  var port = 9090
  @Option(help: ArgumentHelp("whsec_ and base64, one secret a line.", valueName: "file"))
  var secretFile: String
  @Option(help: "Print text for people, or the events as they came (json).")
  var format = Format.text

  enum Format: String, ExpressibleByArgument, CaseIterable { case text, json }

  func run() async throws {
    let secrets: [WebhookSecret]
    do { secrets = try WebhookSecret.load(file: secretFile) } catch { throw CommandFailure(code: 3, error.description) }
    let asJSON = format == .json
    let ioc = StandInIOC(
      secrets: secrets, port: port, logger: Log.logger("ioc", level: .warning), wallClock: { LiveClock.wall },
      refused: { refusal in FileHandle.standardError.write(Data("refused with \(refusal.status): \(refusal.text)\n".utf8)) },
      handler: { event in say(asJSON ? String(decoding: event.body, as: UTF8.self) : EventLine.text(event)) })
    let serving = Task { try await ioc.run() }
    do {
      let bound = try await ioc.boundPort()
      FileHandle.standardError.write(Data("listening on http://127.0.0.1:\(bound)/\n".utf8))
    } catch {
      throw CommandFailure(code: 3, "port \(port) cannot be listened on; name a free one with --port, or 0")
    }
    try await serving.value
  }
}

/// An event as one line for people.
enum EventLine {
  static func text(_ event: ReceivedEvent) -> String {
    var parts = [
      event.time?.forReaders ?? "", event.type.replacing("vn.thuong.", with: ""), event.severity?.name ?? "", event.subject ?? "",
    ]
    parts.append(event.messageVi ?? gap(event) ?? "")
    if let sequence = event.sequence { parts.append("#\(sequence)") }
    if event.isDuplicate { parts.append("(again)") }
    if case .gap(let missing) = event.order { parts.append("(gap: \(missing) missing)") }
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
