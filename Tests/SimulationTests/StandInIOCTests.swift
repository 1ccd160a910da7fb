import Outbox
import Readings
import Simulation
import Testing

/// The stand-in's judgement, without a socket; over real HTTP it is used by the tests of the outbox.
@Suite struct StandInIOCTests {
  let secret = WebhookSecret(text: "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX")!
  let now = Timestamp(milliseconds: 1_763_683_200_000)
  let body = #"""
    {"specversion":"1.0","id":"e1","source":"/thuong/bg-vy","type":"vn.thuong.alert.raised","subject":"bac-giang/traffic/x",
    "time":"2025-11-21T07:32:00+07:00","data":{"alert":"a","revision":1,"state":"raised","severity":"major",
    "message":{"vi":"Chậm","en":"Slow"}}}
    """#

  @Test func `a signed event is read with the facts that people want`() throws {
    let event = try ReceivedEvent(request(body), secrets: [secret], now: now)
    #expect((event.id, event.type, event.source) == ("e1", "vn.thuong.alert.raised", "/thuong/bg-vy"))
    #expect((event.subject, event.severity, event.messageVi, event.sequence) == ("bac-giang/traffic/x", .major, "Chậm", 7))
    #expect(event.time == Timestamp(rfc3339: "2025-11-21T07:32:00+07:00"))
    #expect((event.alert?.id, event.alert?.revision, event.alert?.isRaised) == ("a", 1, true))
    #expect(event.body == Array(body.utf8))
  }

  @Test func `what is not signed, not fresh or not a CloudEvent is refused with its status`() {
    #expect(status { $0.webhookSignature = "v1,AAAA" } == 401)
    #expect(status { $0.webhookTimestamp = nil } == 401)
    #expect(status { $0.body.append(0x20) } == 401)
    #expect(status(now: now + 300_001) == 401)
    #expect(status { $0.contentType = "application/json" } == 415)
    #expect(status { $0.sequence = "0" } == 400)
    #expect(status("[]") == 400)
    #expect(status(body.replacing("\"1.0\"", with: "\"0.3\"")) == 422)
    #expect(status(body.replacing("\"source\"", with: "\"origin\"")) == 422)
    #expect(status(body.replacing("\"e1\"", with: "\"e2\"")) == 422)
    #expect(status(body.replacing("\"revision\":1,", with: "")) == 422)
    #expect(status(body) == nil)
  }

  private func request(_ text: String) -> ReceivedRequest {
    let body = Array(text.utf8)
    let seconds = now.milliseconds / 1000
    return ReceivedRequest(
      path: "/a", contentType: "application/cloudevents+json; charset=UTF-8", webhookID: "e1", webhookTimestamp: String(seconds),
      webhookSignature: Signature.header(id: "e1", seconds: seconds, body: body, secrets: [secret]), sequence: "7", body: body)
  }

  private func status(
    _ text: String? = nil, now: Timestamp? = nil, _ change: (inout ReceivedRequest) -> Void = { _ in }
  ) -> Int? {
    var request = request(text ?? body)
    change(&request)
    do {
      _ = try ReceivedEvent(request, secrets: [secret], now: now ?? self.now)
      return nil
    } catch {
      return error.status
    }
  }
}
