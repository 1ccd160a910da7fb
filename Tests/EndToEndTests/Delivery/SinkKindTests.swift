import Foundation
import Outbox
import Readings
import Simulation
import TestSupport
import Testing

/// A real gateway whose configuration has a sink with `tls`, one with `oauth` and one with `body`, before peers that are no code of ours.
@Suite struct SinkKindTests {
  private static let template = """
    {"ma": "{data.alert}", "muc": "{data.severity}", "gia_tri": "{data.value}", "noi_dung": "{data.message.vi} ({data.rule.id})", "loai": "{type}"}
    """

  /// One request as a peer kept it.
  private struct Request {
    var peer, path, body: String
    /// The common names of the client's certificate.
    var client: [String]
    var headers: [String: String]

    var json: [String: Any] {
      get throws { try #require(try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any], "\(body)") }
    }
  }

  /// Broker, gateway and the three peers.
  private struct Town {
    let city: QuietCity
    let peers: PythonReceiver
    var config: [String] { ["--config", "\(city.directory.path)/thuong.yaml"] }

    init() async throws {
      city = try QuietCity(prefix: "thuong-sinks")
      let (place, ports) = (city.directory.path, try (0..<3).map { _ in try LoopbackPort.free() })
      peers = try PythonReceiver(
        port: ports[2], log: "\(place)/peers.log",
        command: ["/usr/bin/python3", PythonTools.script("sink_peers.py"), place] + ports.map(String.init))
      try await peers.start()
      let secret = "\(place)/oauth.secret"
      try Bench.write(
        ["Rules/traffic.yaml": SlowRule.text, "body.json": SinkKindTests.template, "oauth.secret": "s3cret-of-the-client\n"],
        in: place)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: secret)
      let common = "secret_file: sink.secret, allow_private: true"
      let sinks = """
        sinks:
          - {id: mutual, url: "https://127.0.0.1:\(ports[0])/events", \(common), tls: {ca_file: ca.pem, certificate: client.pem, key: client.key}}
          - {id: bare, url: "https://127.0.0.1:\(ports[0])/bare", \(common), filter: {site: nowhere}, tls: {ca_file: ca.pem}}
          - {id: tokens, url: "http://127.0.0.1:\(ports[1])/events", \(common), oauth: {token_url: "http://127.0.0.1:\(ports[1])/token", client_id: bg-vy, client_secret_file: oauth.secret, scope: events}}
          - {id: rest, url: "http://127.0.0.1:\(ports[2])/su-kien", \(common), body: {content_type: "application/json; charset=utf-8", template_file: body.json}}

        """
      let file = "\(place)/thuong.yaml"
      try (try String(contentsOfFile: file, encoding: .utf8) + sinks).write(toFile: file, atomically: true, encoding: .utf8)
    }

    /// What the peers got, without requests for tokens.
    func requests(at peer: String? = nil, isToken: Bool = false) throws -> [Request] {
      let text = try String(contentsOfFile: "\(city.directory.path)/requests.ndjson", encoding: .utf8)
      return try text.split(separator: "\n").map { line in
        let fields = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        return Request(
          peer: fields["peer"] as? String ?? "", path: fields["path"] as? String ?? "", body: fields["body"] as? String ?? "",
          client: fields["client"] as? [String] ?? [], headers: fields["headers"] as? [String: String] ?? [:])
      }.filter { (peer ?? $0.peer) == $0.peer && ($0.path == "/token") == isToken }
    }

    func test(_ sink: String) async throws -> ThuongCommand { try await ThuongCommand(["sinks", "test", sink] + config) }
  }

  @Test func `sinks with a client certificate, with a token and with a template of their own get events and test events of a real gateway`()
    async throws
  {
    let town = try await Town()
    defer { town.city.broker.end() }
    let gateway = town.city.gateway
    let child = try gateway.start()
    defer { child.end() }
    #expect(await gateway.waitUntilReady(child), "\(Self.log(gateway))")
    try await Self.testAll(town, "beside the gateway")

    try town.city.publish(#"{"values":{"speed":4.5}}"#)
    let isDelivered = await Bench.wait(seconds: 60, every: .milliseconds(20)) {
      await gateway.metric("thuong_events_delivered_total") == 3
    }
    #expect(isDelivered, "\(Self.log(gateway))")
    let events = try town.requests().filter { $0.headers["thuong-sequence"] != nil }
    #expect(events.map(\.peer).sorted() == ["mutual", "rest", "tokens"])
    for event in events { try Self.check(event) }
    #expect(try town.requests(at: "tokens", isToken: true).allSatisfy { $0.body == "grant_type=client_credentials&scope=events" })

    child.end()
    #expect(child.exitCode == 0)
    try await Self.testAll(town, "without a gateway")
    let said = Self.log(gateway)
    #expect(!said.contains("s3cret") && !said.contains("token-"), "secrets are nowhere in the log")
  }

  private static func log(_ gateway: DemoGateway) -> String { (try? String(contentsOfFile: gateway.logFile, encoding: .utf8)) ?? "" }

  /// `thuong sinks test` of each, and the one that the HTTPS peer must refuse.
  private static func testAll(_ town: Town, _ how: Comment) async throws {
    for sink in ["mutual", "tokens", "rest"] {
      let test = try await town.test(sink)
      #expect(test.code == 0 && test.text.hasPrefix("\(sink) took the test event with HTTP 204"), "\(how): \(test.text)")
      let last = try #require(try town.requests(at: sink).last)
      if sink == "rest" {
        let body = try last.json
        #expect(body["loai"] as? String == "vn.thuong.gateway.test" && body["ma"] is NSNull, "\(how): \(last.body)")
      } else {
        #expect(try last.json["type"] as? String == "vn.thuong.gateway.test", how)
      }
      try checkSignature(of: last)
    }
    let bare = try await town.test("bare")
    #expect(bare.code == 6 && bare.text.contains("client certificate") && bare.lines.count == 1, "\(how): \(bare.text)")
    #expect(try town.requests().allSatisfy { $0.path != "/bare" }, "nothing was sent without the certificate")
  }

  private static func check(_ event: Request) throws {
    try checkSignature(of: event)
    #expect(event.headers["thuong-sequence"] == "1")
    #expect(event.client == (event.peer == "mutual" ? ["client"] : []))
    guard event.peer == "rest" else {
      #expect(event.path == "/events" && event.headers["content-type"] == "application/cloudevents+json; charset=UTF-8")
      #expect(try event.json["type"] as? String == "vn.thuong.alert.raised")
      #expect(event.peer != "tokens" || event.headers["authorization"]?.hasPrefix("Bearer token-") == true)
      return
    }
    #expect(event.path == "/su-kien" && event.headers["content-type"] == "application/json; charset=utf-8")
    let body = try event.json
    #expect(Set(body.keys) == ["ma", "muc", "gia_tri", "noi_dung", "loai"])
    #expect((body["ma"] as? String)?.utf8.count == 26)
    #expect(body["muc"] as? String == "major" && body["loai"] as? String == "vn.thuong.alert.raised")
    #expect(body["gia_tri"] as? Double == 4.5 && body["noi_dung"] as? String == "Radar 0: 4,5 km/h (slow)", "\(event.body)")
  }

  /// Of the very bytes that arrived, whatever a template made of the event.
  private static func checkSignature(of request: Request) throws {
    let secret = try #require(WebhookSecret(text: DemoGateway.secret))
    let fault = Signature.fault(
      id: request.headers["webhook-id"], timestamp: request.headers["webhook-timestamp"], header: request.headers["webhook-signature"],
      body: Array(request.body.utf8), secrets: [secret], now: Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)))
    #expect(fault == nil, "\(request.peer)")
  }
}
