import Alerting
import Outbox
import Readings
import Testing

@Suite struct AlertEventTests {
  @Test func `a full event is written in the order of the contract`() {
    var event = Sample.alert()
    event.zone = "hung-vuong"
    event.ward = .init(code: "07210", validFrom: "2025-07-01", name: "Phường Bắc Giang")
    event.device = .init(
      id: "bg-tr-001", name: "Hùng Vương – Lý Thái Tổ", profile: "traffic-radar", latitude: 21.2745, longitude: 106.199)
    (event.metric, event.unit, event.value, event.decimals) = ("speed", "km/h", 12.400_049, 1)
    event.conditionValues = [
      .init(text: "mean(speed, 5m)", value: 12.4, decimals: 1), .init(text: "slope(speed, 1h)", value: nil, decimals: 1),
    ]
    event.limit = .init(regulation: "QCVN 05:2023", value: 50, unit: "µg/m³", validFrom: "2023-09-12")
    event.forecast = .init(
      metric: "speed", limit: 5, crossesAt: Sample.time + 3_600_000, slopePerHour: -3.141_59, fit: 0.987_654, decimals: 1)
    event.raisedAt = Sample.time + 300_000
    event.acknowledged = .init(by: "lan", at: Sample.time + 400_000, note: nil)
    event.advice = BilingualText(vi: "Điều tiết", en: "Direct the traffic")
    event.evidence = [
      .init(metric: "speed", decimals: 1, points: [(ts: Sample.time, value: 14.1), (ts: Sample.time + 60_000, value: 10.0004)])
    ]
    let id = AlertIdentity.event(alert: "alert-1", transition: "raised", nth: 1)
    let expected = """
      {"specversion":"1.0","id":"\(id)","source":"/thuong/bg-vy","type":"vn.thuong.alert.raised",\
      "subject":"bac-giang/traffic/bg-tr-001","time":"2025-11-21T07:32:00+07:00","datacontenttype":"application/json",\
      "dataschema":"/schemas/alert-1.json","data":{"alert":"alert-1","revision":1,"state":"raised","severity":"major","late":false,\
      "rule":{"id":"traffic-congestion","version":"v1","name":{"vi":"Ùn tắc giao thông","en":"Traffic congestion"}},\
      "site":"bac-giang","zone":"hung-vuong","ward":{"code":"07210","valid_from":"2025-07-01","name":"Phường Bắc Giang"},\
      "device":{"id":"bg-tr-001","name":"Hùng Vương – Lý Thái Tổ","profile":"traffic-radar","location":{"lat":21.2745,"lon":106.199}},\
      "metric":"speed","unit":"km/h","value":12.4,"condition":{"text":"mean(speed, 5m) < 15","values":\
      {"mean(speed, 5m)":12.4,"slope(speed, 1h)":null}},\
      "limit":{"regulation":"QCVN 05:2023","value":50,"unit":"µg/m³","valid_from":"2023-09-12"},\
      "forecast":{"metric":"speed","limit":5,"crossesAt":"2025-11-21T08:27:00+07:00","slopePerHour":-3.142,"fit":0.9877},\
      "breachedAt":"2025-11-21T07:27:00+07:00","raisedAt":"2025-11-21T07:32:00+07:00","clearedAt":null,\
      "detectedAt":"2025-11-21T07:32:00.250+07:00",\
      "acknowledged":{"by":"lan","at":"2025-11-21T07:33:40+07:00","note":null},\
      "message":{"vi":"Tốc độ trung bình 12,4 km/h","en":"Mean speed 12.4 km/h"},\
      "advice":{"vi":"Điều tiết","en":"Direct the traffic"},\
      "evidence":{"speed":[[1763684820000,14.1],[1763684880000,10]]}}}
      """
    #expect(String(decoding: event.cloudEvent(), as: UTF8.self) == expected)
  }

  @Test func `a group's event lists at most fifty devices and counts all`() {
    var event = Sample.alert()
    event.members = .init(devices: (1...80).map { "d\($0)" }, count: 80)
    let text = String(decoding: event.cloudEvent(), as: UTF8.self)
    #expect(text.contains(#""device":null,"devices":["d1","d2","#))
    #expect(text.contains(#""d50"],"deviceCount":80,"metric":null"#))
    #expect(text.contains(#""zone":null,"ward":null"#))
  }

  @Test(arguments: [1_000, 5_000, 50_000])
  func `evidence is thinned to the size limit, its first and last points kept`(count: Int) throws {
    var event = Sample.alert()
    let points = (0..<count).map { (ts: Sample.time + Int64($0) * 1000, value: Double($0) / 100) }
    event.evidence = [
      .init(metric: "speed", decimals: 2, points: points), .init(metric: "flow", decimals: 2, points: Array(points.prefix(3))),
    ]
    let bytes = event.cloudEvent()
    #expect(bytes.count <= AlertEvent.sizeMax)
    if count > 5_000 { #expect(bytes.count > AlertEvent.sizeMax / 2) }
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.contains(#""speed":[[\#(Sample.time.milliseconds),0]"#))
    #expect(text.contains("[\((Sample.time + Int64(count - 1) * 1000).milliseconds),\(JSONWriter.number(Double(count - 1) / 100))]]"))
  }

  @Test func `a gap and a heartbeat are CloudEvents of the gateway`() {
    let gap = GatewayEvent.gap(
      instance: "bg-vy", cause: "broker-session-lost", from: Sample.time, to: Sample.time + 60_000, count: nil, detail: nil,
      detectedAt: Sample.time + 61_000)
    #expect(
      String(decoding: gap.body, as: UTF8.self) == """
        {"specversion":"1.0","id":"\(gap.id)","source":"/thuong/bg-vy","type":"vn.thuong.gateway.gap",\
        "time":"2025-11-21T07:28:01+07:00","datacontenttype":"application/json","dataschema":"/schemas/gap-1.json",\
        "data":{"cause":"broker-session-lost","from":"2025-11-21T07:27:00+07:00","to":"2025-11-21T07:28:00+07:00",\
        "count":null,"detail":null}}
        """)
    #expect(SinkFilter(sink: "x", sites: ["viet-yen"], domains: ["water"], leastSeverity: .critical).passes(gap))
    let alive = GatewayEvent.alive(instance: "bg-vy", sink: "ioc", lastSequence: 7, waiting: 2, now: Sample.time)
    #expect(String(decoding: alive.body, as: UTF8.self).hasSuffix(#""data":{"sink":"ioc","lastSequence":7,"waiting":2}}"#))
  }
}
