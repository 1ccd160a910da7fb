import Foundation
import Outbox
import Simulation
import Testing

/// PyPI's `cloudevents` and `standardwebhooks` as the receiver of a real gateway.
@Suite(.serialized) struct PublicLibraryTests {
  private struct Judged: Decodable {
    /// How many of the secrets that it knew verify the request.
    var verified: Int
    var sequence: String?
    var id: String?
    var type: String?
    var subject: String?
    var time: String?
    /// Both libraries read the same, and the id is that of the header.
    var same: Bool?
    /// Altered copies of the request that verified too.
    var taken: [String]

    var line: String { "\(type ?? "") \(subject ?? "") \(time ?? "")" }
  }

  private static let other = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="

  /// A gateway with a Python receiver, and the file of the secrets that this knows.
  private struct City {
    let town: LedgerCity
    let receiver: PythonReceiver
    var secrets: String { "\(town.directory.path)/receiver.secrets" }
    var log: String { "\(town.directory.path)/judged.ndjson" }

    init(files: [String: String]) async throws {
      let port = try LoopbackPort.free()
      town = try LedgerCity(files: files, clock: "sender", sinkURL: "http://127.0.0.1:\(port)/events")
      let place = town.directory.path
      let python = try await PythonTools.interpreter()
      receiver = try PythonReceiver(
        port: port, log: "\(place)/receiver.log",
        command: [
          python, PythonTools.script("library_receiver.py"), "\(place)/receiver.secrets", "\(place)/judged.ndjson", "\(port)",
        ])
    }

    func know(_ secrets: [String]) throws {
      try secrets.joined(separator: "\n").write(toFile: self.secrets, atomically: true, encoding: .utf8)
    }

    func judged() throws -> [Judged] {
      let text = String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self)
      return try text.split(separator: "\n").map { try JSONDecoder().decode(Judged.self, from: Data($0.utf8)) }
    }

    func isDelivered(_ created: Int) async -> Bool {
      await Bench.wait(seconds: 60, every: .milliseconds(20)) {
        guard await town.gateway.metric("thuong_events_created_total") ?? 0 >= Double(created) else { return false }
        return await town.gateway.metric("thuong_events_pending") == 0
      }
    }
  }

  @Test func `S20 Every kind of event parses and verifies with the public libraries, and nothing that was altered does`() async throws {
    let city = try await City(files: EveryKind.files)
    try city.know([Self.other, DemoGateway.secret])
    try await city.receiver.start()
    let child = try await city.town.start()
    defer { child.end() }
    try city.town.publish(EveryKind.messages(seconds: 0..<EveryKind.acknowledgedAfter))
    #expect(await city.town.isStored())
    let acknowledged = try await ThuongCommand([
      "alerts", "ack", EveryKind.acknowledged(instance: "demo"), "--by", "Lan", "--config", "\(city.town.directory.path)/thuong.yaml",
    ])
    #expect(acknowledged.code == 0, "\(acknowledged.text)")
    try city.town.publish(EveryKind.messages(seconds: EveryKind.acknowledgedAfter..<EveryKind.seconds))
    #expect(await city.town.isStored())
    #expect(await city.isDelivered(20))
    child.end()
    try await judgeGatewayEvents(city)

    let judged = try city.judged()
    let types = Set(judged.compactMap(\.type))
    #expect(types == Set(EveryKind.types + ["vn.thuong.gateway.gap", "vn.thuong.gateway.alive"]))
    #expect(judged.allSatisfy { $0.verified == 1 && $0.same == true }, "one of the two secrets is the gateway's")
    #expect(judged.flatMap(\.taken) == [], "no altered copy verifies")
    let sequences = judged.compactMap(\.sequence).compactMap { Int($0) }
    #expect(Set(sequences) == Set(1...sequences.count))
  }

  /// Gaps and heartbeats, signed as the sink's client signs.
  private func judgeGatewayEvents(_ city: City) async throws {
    let secret = try #require(WebhookSecret(text: DemoGateway.secret))
    let seconds = Int64(Date().timeIntervalSince1970)
    let requests = try EveryKind.gatewayEvents(instance: "demo").map { event in
      let headers = [
        "content-type": "application/cloudevents+json; charset=UTF-8", "webhook-id": event.id, "webhook-timestamp": String(seconds),
        "webhook-signature": Signature.header(id: event.id, seconds: seconds, body: event.body, secrets: [secret]),
      ]
      let line = try JSONSerialization.data(withJSONObject: ["headers": headers, "body": String(decoding: event.body, as: UTF8.self)])
      return String(decoding: line, as: UTF8.self)
    }
    let file = "\(city.town.directory.path)/requests.ndjson"
    try requests.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
    _ = try await PythonTools.run("library_receiver.py", [city.secrets, city.log], input: file)
  }

  @Test func `S20 Changing a running sink from one secret over both to the other loses no event, whichever the receiver knows`()
    async throws
  {
    let city = try await City(files: AlertTown.files)
    let (old, new) = (DemoGateway.secret, Self.other)
    let steps: [(gateway: [String], receiver: [String])] = [
      ([old], [old]), ([old, new], [old]), ([old, new], [new]), ([old, new], [old, new]), ([new], [new]),
    ]
    var verified: [Int] = []
    for (number, step) in steps.enumerated() {
      try step.gateway.joined(separator: "\n").write(toFile: "\(city.town.directory.path)/sink.secret", atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: "\(city.town.directory.path)/sink.secret")
      try city.know(step.receiver)
      if number == 0 { try await city.receiver.start() }
      let child = try await city.town.start()
      defer { child.end() }
      let before = try city.judged().count
      try city.town.publish(AlertTown.messages(rounds: number..<number + 1))
      #expect(await city.isDelivered((number + 1) * AlertTown.devices))
      verified += try city.judged().dropFirst(before).map(\.verified)
    }
    let judged = try city.judged()
    #expect(judged.map(\.line).sorted() == AlertTown.expected(rounds: 0..<steps.count))
    #expect(Set(judged.compactMap(\.id)).count == judged.count)
    let each = [Int](repeating: 1, count: AlertTown.devices)
    #expect(verified == each + each + each + each.map { $0 + 1 } + each)
  }
}
