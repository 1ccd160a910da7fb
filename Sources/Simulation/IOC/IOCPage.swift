import Alerting
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Readings

/// What a stand-in IOC shows of itself: a page that needs nothing else and renews itself, and the same as JSON.
struct IOCPage {
  let ledger: ReceiverLedger
  let figures: StandInIOC.Figures
  /// As `--misbehave` has it; nil where it behaves.
  let misbehaviour: String?
  let now: Timestamp

  var response: Response {
    let nonce = String(UInt64.random(in: .min ... .max), radix: 16)
    return Response(
      status: .ok,
      headers: [
        .contentType: "text/html; charset=utf-8", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
        .contentSecurityPolicy: "default-src 'none'; style-src 'nonce-\(nonce)'; frame-ancestors 'none'; base-uri 'none'",
      ], body: .init(byteBuffer: ByteBuffer(string: html(nonce: nonce))))
  }

  func html(nonce: String) -> String {
    """
    <!DOCTYPE html>
    <html lang="vi"><head><meta charset="utf-8"><meta http-equiv="refresh" content="3">
    <meta name="viewport" content="width=device-width"><title>IOC giả lập – Stand-in IOC</title>
    <style nonce="\(nonce)">\(Self.style)</style></head><body>
    <header><h1>IOC giả lập <small lang="en">Stand-in IOC</small></h1><p>\(text(now.forReaders)) · tự làm mới mỗi 3 giây \
    <i lang="en">renews itself every 3 s</i></p></header>
    <section class="counts">\(counts)</section>
    \(faults)
    <h2>Cảnh báo đang mở <small lang="en">Open alerts</small> <b>\(ledger.openAlerts.count)</b></h2>
    \(alerts)
    <h2>\(ledger.recent.count) sự kiện gần nhất <small lang="en">Last events</small></h2>
    \(events)
    </body></html>
    """
  }

  // MARK: The parts

  private var counts: String {
    let counted = figures.ledger
    let rows: [(BilingualText, String, isBad: Bool)] = [
      (.init(vi: "Sự kiện khác nhau", en: "distinct events"), "\(counted.distinct)", false),
      (.init(vi: "Gửi lại", en: "again"), "\(counted.again)", false),
      (.init(vi: "Khác thứ tự số", en: "out of sequence"), "\(counted.outOfSequence)", false),
      (.init(vi: "Sai thứ tự trong cảnh báo", en: "out of order in an alert"), "\(counted.outOfOrder)", counted.outOfOrder > 0),
      (.init(vi: "Còn thiếu", en: "missing"), "\(counted.missing)", counted.missing > 0),
      (.init(vi: "Nội dung bị đổi", en: "altered"), "\(counted.altered)", counted.altered > 0),
      (.init(vi: "Gửi lại quá sớm", en: "too early"), "\(figures.early)", figures.early > 0),
      (.init(vi: "Từ chối", en: "refused"), "\(figures.refused)", figures.refused > 0),
      (.init(vi: "Nhịp báo sống", en: "heartbeats"), "\(counted.heartbeats)", false),
    ]
    return rows.map { words, number, isBad in
      "<div\(isBad ? " class=\"bad\"" : "")><b>\(number)</b>\(both(words))</div>"
    }.joined()
  }

  private var faults: String {
    guard let misbehaviour else { return "" }
    let done = figures.misbehaved.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    let words = BilingualText(vi: "Đang cố ý làm sai", en: "misbehaving on purpose")
    return "<p class=\"faults\">\(both(words)): <code>\(text(misbehaviour))</code> \(text(done))</p>"
  }

  private var alerts: String {
    let open = ledger.openAlerts
    guard !open.isEmpty else { return "<p class=\"none\">Không có <i lang=\"en\">none</i></p>" }
    let rows = open.map { alert in
      let seen = alert.isAcknowledged ? "✓" : ""
      let since = alert.raisedAt.flatMap { Timestamp(rfc3339: $0) }?.forReaders ?? ""
      return row([
        severity(alert.severity), both(alert.rule), both(alert.message), text(alert.subject), text(since), "\(alert.revision)", seen,
      ])
    }
    let heads: [BilingualText] = [
      .init(vi: "Mức", en: "severity"), .init(vi: "Quy tắc", en: "rule"), .init(vi: "Nội dung", en: "message"),
      .init(vi: "Đối tượng", en: "subject"), .init(vi: "Từ", en: "since"), .init(vi: "Lần", en: "revision"),
      .init(vi: "Tiếp nhận", en: "acknowledged"),
    ]
    return table(heads, rows)
  }

  private var events: String {
    let rows = ledger.recent.reversed().map { event in
      let kind = event.type.replacing("vn.thuong.alert.", with: "")
      let name = AlertTransition(rawValue: kind).map { both(OperatorText.name(of: $0)) } ?? text(event.type)
      return row([
        event.sequence.map { "#\($0)" } ?? "", text(event.time?.forReaders ?? ""), name, event.severity.map(severity) ?? "",
        text(event.subject ?? event.source), event.message.map(both) ?? "",
      ])
    }
    let heads: [BilingualText] = [
      .init(vi: "Số", en: "sequence"), .init(vi: "Lúc", en: "time"), .init(vi: "Loại", en: "type"), .init(vi: "Mức", en: "severity"),
      .init(vi: "Đối tượng", en: "subject"), .init(vi: "Nội dung", en: "message"),
    ]
    return rows.isEmpty ? "<p class=\"none\">Chưa có <i lang=\"en\">none yet</i></p>" : table(heads, rows)
  }

  // MARK: HTML

  private func severity(_ severity: Severity) -> String {
    let words: BilingualText =
      switch severity {
      case .info: .init(vi: "Thông tin", en: "info")
      case .minor: .init(vi: "Nhẹ", en: "minor")
      case .major: .init(vi: "Nặng", en: "major")
      case .critical: .init(vi: "Nghiêm trọng", en: "critical")
      }
    return "<span class=\"\(severity.name)\">\(both(words))</span>"
  }

  private func table(_ heads: [BilingualText], _ rows: [String]) -> String {
    "<table><thead><tr>\(heads.map { "<th>\(both($0))</th>" }.joined())</tr></thead><tbody>\(rows.joined())</tbody></table>"
  }

  private func row(_ cells: [String]) -> String { "<tr>\(cells.map { "<td>\($0)</td>" }.joined())</tr>" }

  private func both(_ words: BilingualText) -> String {
    "<span>\(text(words.vi))</span>\(words.vi == words.en ? "" : " <i lang=\"en\">\(text(words.en))</i>")"
  }

  /// What came from outside, made harmless.
  private func text(_ words: String) -> String {
    words.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
      .replacing("'", with: "&#39;")
  }

  private static let style = """
    body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;max-width:1200px;padding:16px 24px;color:#1d2733;background:#f5f7f9}\
    h1{font-size:24px;margin:0}h2{font-size:18px;margin:28px 0 8px}small,i{color:#66727f;font-weight:400;font-style:normal;font-size:85%}\
    header p{margin:2px 0 16px;color:#66727f}\
    .counts{display:flex;flex-wrap:wrap;gap:8px}.counts div{background:#fff;border:1px solid #dde3e8;border-radius:8px;padding:8px 12px;min-width:96px}\
    .counts b{display:block;font-size:22px}.counts i{display:block}.counts .bad{background:#fdecea;border-color:#e5a39b}\
    .faults{background:#fff6dd;border:1px solid #e8d48a;border-radius:8px;padding:8px 12px}.none{color:#66727f}\
    table{border-collapse:collapse;width:100%;background:#fff;border:1px solid #dde3e8}\
    th,td{text-align:left;vertical-align:top;padding:6px 10px;border-bottom:1px solid #e8ecef}th i,td i{display:block}\
    th{background:#eef2f5;font-weight:600}.critical,.major,.minor,.info{display:inline-block;border-radius:6px;padding:1px 8px}\
    .critical{background:#b3261e;color:#fff}.critical i{color:#f6d5d2}.major i,.minor i,.info i{color:#3c3420}.major{background:#f3a73b}.minor{background:#fbe08a}.info{background:#d7e6f5}
    """

  // MARK: JSON

  /// `figures`, `alerts` by id, `senders` with what is missing, and the ids of the last events.
  var json: JSONWriter {
    var json = JSONWriter(reserving: 8192)
    json.object { json in
      json.field("figures", object: { json in figures.write(to: &json) })
      json.field(
        "alerts",
        object: { json in
          for (id, alert) in ledger.alertStates.sorted(by: { $0.key < $1.key }) {
            json.field(
              id,
              object: { json in
                json.field("revision", alert.revision)
                json.field("state", alert.isRaised ? "raised" : "cleared")
                json.field("severity", alert.severity.name)
                json.field("subject", alert.subject)
              })
          }
        })
      json.field("senders", array: { json in for sender in ledger.bySender { Self.write(sender, to: &json) } })
      json.field("recent", array: { json in for event in ledger.recent { json.value(event.id) } })
      json.field("misbehaviour", misbehaviour)
    }
    return json
  }

  private static func write(
    _ sender: (name: String, sequences: SequenceSet, heartbeat: ReceiverLedger.Heartbeat?), to json: inout JSONWriter
  ) {
    json.object { json in
      json.field("name", sender.name)
      json.field("highest", sender.sequences.highest ?? 0)
      json.field(
        "missing",
        array: { json in
          for hole in sender.sequences.holes {
            json.array { json in
              json.value(hole.lowerBound)
              json.value(hole.upperBound)
            }
          }
        })
      json.key("heartbeat")
      guard let heartbeat = sender.heartbeat else { return json.null() }
      json.object { json in
        json.field("time", heartbeat.time?.rfc3339)
        json.field("lastSequence", heartbeat.lastSequence)
        json.field("waiting", heartbeat.waiting)
      }
    }
  }
}

extension Response {
  init(json: JSONWriter) {
    self.init(
      status: .ok, headers: [.contentType: "application/json", .cacheControl: "no-store", .xContentTypeOptions: "nosniff"],
      body: .init(byteBuffer: ByteBuffer(bytes: json.bytes)))
  }
}

extension StandInIOC.Figures {
  /// For people, in one line: what is said at the end.
  package var text: String {
    let done = misbehaved.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    return """
      \(ledger.events) events: \(ledger.distinct) distinct, \(ledger.again) again; \(ledger.outOfSequence) out of sequence, \
      \(ledger.outOfOrder) out of order, \(ledger.missing) missing, \(ledger.altered) altered; \(refused) refused, \(early) too early; \
      \(ledger.heartbeats) heartbeats; misbehaved: \(done.isEmpty ? "never" : done)
      """
  }

  func write(to json: inout JSONWriter) {
    json.field("events", ledger.events)
    json.field("distinct", ledger.distinct)
    json.field("again", ledger.again)
    json.field("outOfSequence", ledger.outOfSequence)
    json.field("outOfOrder", ledger.outOfOrder)
    json.field("missing", ledger.missing)
    json.field("altered", ledger.altered)
    json.field("heartbeats", ledger.heartbeats)
    json.field("refused", refused)
    json.field("early", early)
    json.field(
      "misbehaved", object: { json in for (kind, count) in misbehaved.sorted(by: { $0.key < $1.key }) { json.field(kind, count) } })
  }
}
