import Alerting
import Foundation
import Outbox
import Readings
import Testing

@Suite struct BodyTemplateTests {
  /// An event of every kind, with every field that it can have.
  private var events: [EventRecord] {
    let whole = AlertEvent.Transition.allCases.map { transition in
      var event = Sample.alert(transition)
      event.zone = "hung-vuong"
      event.ward = .init(code: "07210", validFrom: "2025-07-01", name: "Phường \"Bắc Giang\"\n")
      event.device = .init(
        id: "bg-tr-001", name: "Hùng Vương – Lý Thái Tổ", profile: "traffic-radar", latitude: 21.2745, longitude: 106.199)
      event.members = .init(devices: ["a", "b"], count: 2)
      (event.metric, event.unit, event.value, event.decimals) = ("speed", "km/h", 12.4, 1)
      event.conditionValues = [.init(text: "mean(speed, 5m)", value: 12.4, decimals: 1)]
      event.limit = .init(regulation: "QCVN 05:2023", value: 50, unit: "µg/m³", validFrom: "2023-09-12")
      event.forecast = .init(metric: "level", limit: 90, crossesAt: Sample.time, slopePerHour: 1.5, fit: 0.98, decimals: 1)
      (event.raisedAt, event.clearedAt) = (Sample.time, Sample.time)
      event.acknowledged = .init(by: "Lan", at: Sample.time, note: "đã cử {đội}")
      event.advice = BilingualText(vi: "Cử đội \\ xe", en: "Send a team")
      event.evidence = [.init(metric: "speed", decimals: 1, points: [(Sample.time, 14.1), (Sample.time + 60_000, 11)])]
      return event.record
    }
    return whole + [
      Sample.alert().record,
      GatewayEvent.gap(
        instance: "bg-vy", cause: "session_lost", from: Sample.time, to: Sample.time + 5, count: 3, detail: "x", detectedAt: Sample.time),
      GatewayEvent.gap(
        instance: "bg-vy", cause: "restored", from: Sample.time, to: Sample.time + 5, count: nil, detail: nil, detectedAt: Sample.time),
      GatewayEvent.alive(instance: "bg-vy", sink: "ioc", lastSequence: 7, waiting: 2, now: Sample.time),
    ]
  }

  private func json(_ bytes: [UInt8]) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any], "\(String(decoding: bytes, as: UTF8.self))")
  }

  private func sorted(_ value: [Any]) throws -> Data { try JSONSerialization.data(withJSONObject: value, options: .sortedKeys) }

  /// Every path to a value in a JSON object, those to objects among them.
  private func paths(_ object: [String: Any], _ prefix: String = "") -> Set<String> {
    var found: Set<String> = []
    for (key, value) in object {
      found.insert(prefix + key)
      if let inner = value as? [String: Any], prefix + key != "data.condition.values" { found.formUnion(paths(inner, prefix + key + ".")) }
    }
    return found
  }

  @Test func `every field of every event may stand in a template, whole, and is what the event says`() throws {
    for event in events {
      let object = try json(event.body)
      for path in paths(object) {
        #expect(EventFields.kind(of: path) != nil, "\(path) of \(object["type"] ?? "")")
        let template = try BodyTemplate(text: "{\"a\": [\"{\(path)}\"]}", name: "t.json")
        let got = try #require(try json(template.render(event.body))["a"] as? [Any])
        var value: Any = object
        for part in path.split(separator: ".") { value = try #require((value as? [String: Any])?[String(part)]) }
        #expect(try sorted(got) == sorted([value]), "\(path)")
      }
    }
  }

  @Test func `every event through one template gives valid JSON: what it has not is null, and left out within a text`() throws {
    let template = try BodyTemplate(
      text: """
        {"ma": "{id}", "loai": "Loại: {type}", "muc": "{data.severity}", "gia_tri": "{data.value}", "cho": "{data.device.location}",
         "nd": "\\"{data.message.vi}\\" / {data.device.name} {{{data.cause}}} {data.late} {data.value}", "{id}": 5, "tt": ["{data.waiting}"],
         "ghi_chu": "{data.acknowledged.note}", "phuong": "{data.ward.name}!"}
        """, name: "t.json")
    for event in events {
      let (object, got) = (try json(event.body), try json(template.render(event.body)))
      let data = try #require(object["data"] as? [String: Any])
      #expect(got["ma"] as? String == event.id)
      #expect(got["loai"] as? String == "Loại: \(object["type"] as? String ?? "")")
      #expect(got["gia_tri"] as? Double == data["value"] as? Double)
      #expect(got["ghi_chu"] as? String == (data["acknowledged"] as? [String: Any])?["note"] as? String)
      #expect((got["nd"] as? String)?.contains("{\(data["cause"] as? String ?? "")}") == true, "\(got["nd"] ?? "")")
      #expect(got["{id}"] as? Int == 5)
      #expect((got["phuong"] as? String) == "\((data["ward"] as? [String: Any])?["name"] as? String ?? "")!")
    }
    let location = try json(template.render(events[0].body))["cho"] as? [String: Double]
    #expect(location == ["lat": 21.2745, "lon": 106.199])
  }

  @Test func `numbers are taken over as they are written`() throws {
    let template = try BodyTemplate(text: #"["{data.value}", "{data.count}", "{data.from}"]"#, name: "t.json")
    let event = Array(#"{"data":{"value":0.30000000000000004,"count":9007199254740993,"from":"a\u00e9\"b"}}"#.utf8)
    #expect(String(decoding: template.render(event), as: UTF8.self) == #"[0.30000000000000004, 9007199254740993, "a\u00e9\"b"]"#)
  }

  @Test(arguments: [
    ("{\"a\":\n \"{data.sevrity}\"}", "t.json:2: no event has {data.sevrity}; see /schemas/alert-1.json"),
    ("{\"a\": \"{severity}\"}", "t.json:1: no event has {severity}; there is {data.severity}"),
    (
      "{\"a\": \"x {data.message}\"}",
      "t.json:1: {data.message} is an object or a list: it can be a whole text, \"{data.message}\", and not a part of one"
    ),
    ("{\"a\": \"x {id\"}", "t.json:1: a { stands alone; write it twice if it is meant"),
    ("{\"a\": \"x}\"}", "t.json:1: a } stands alone; write it twice if it is meant"),
    ("{\"a\": \"{}\"}", "t.json:1: no event has {}; see /schemas/alert-1.json"),
  ])
  func `what could not work is refused with its line`(text: String, error: String) {
    #expect(throws: SinkConfigurationError(error)) { try BodyTemplate(text: text, name: "t.json") }
  }

  @Test(arguments: ["{\"a\": {id}}", "{\"a\": 1,}", "[\"{id}\",]", "\u{feff}{\"a\": \"{id}\"}", "\"\0a\0\"\0"])
  func `what is not JSON is refused, also where a generous reader would take it`(text: String) {
    let error = #expect(throws: SinkConfigurationError.self) { try BodyTemplate(text: text, name: "t.json") }
    #expect(error?.description.hasPrefix("t.json: is not JSON: ") == true)
  }

  @Test func `a sink with a template gets it signed, under its own content type and headers`() async throws {
    let peer = try await TestPeer { _ in .answer(204) }
    var sink = try DeliveryRun.sink("ioc", peer.port)
    sink.body = try BodyTemplate(text: #"{"ma": "{data.alert}"}"#, name: "t.json", contentType: "application/vnd.lgsp+json")
    sink.headers = [try SinkHeader(name: "X-Tenant", value: "bac-giang")]
    try await DeliveryRun.deliver(1, to: sink)
    let request = try #require(peer.requests.first)
    #expect(String(decoding: request.body, as: UTF8.self) == #"{"ma": "alert-1"}"#)
    #expect(request.header("content-type") == "application/vnd.lgsp+json")
    #expect(request.header("x-tenant") == "bac-giang")
    let fault = Signature.fault(
      id: request.header("webhook-id"), timestamp: request.header("webhook-timestamp"), header: request.header("webhook-signature"),
      body: request.body, secrets: [Sample.secret], now: Wall.now())
    #expect(fault == nil)
  }

  @Test(arguments: [
    ("Authorization", "x"), ("Cookie", "x"), ("Host", "x"), ("webhook-id", "x"), ("a b", "x"), ("X-A", "a\r\nb"), ("", "x"),
  ])
  func `headers that hold secrets, are delivery's own, or are none, are refused`(name: String, value: String) {
    #expect(throws: SinkConfigurationError.self) { try SinkHeader(name: name, value: value) }
  }
}
