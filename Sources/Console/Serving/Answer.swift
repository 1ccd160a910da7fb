import HTTPTypes
import Hummingbird
import NIOCore
import Readings

/// What a handler answers with. Every answer leaves with the same protective headers.
struct Answer: Sendable {
  var status: HTTPResponse.Status
  var contentType: String
  var body: [UInt8]
  var headers: HTTPFields = [:]

  static func json(_ json: JSONWriter, status: HTTPResponse.Status = .ok) -> Answer {
    Answer(status: status, contentType: "application/json", body: json.bytes)
  }

  static func text(_ text: String, contentType: String = "text/plain; charset=utf-8") -> Answer {
    Answer(status: .ok, contentType: contentType, body: Array(text.utf8))
  }

  /// A page of a list: `{"items": […], "next": cursor|null}`.
  static func list(next: Cursor?, _ items: (inout JSONWriter) -> Void) -> Answer {
    var json = JSONWriter(reserving: 16 << 10)
    json.object { json in
      json.field("items", array: items)
      json.field("next", next?.text)
    }
    return .json(json)
  }

  /// For HTTP; `headOnly` leaves the body out and its length in.
  func response(headOnly: Bool) -> Response {
    var fields = headers
    fields[.contentType] = contentType
    fields[.contentLength] = String(body.count)
    fields[.xContentTypeOptions] = "nosniff"
    fields[.contentSecurityPolicy] = "default-src 'none'; frame-ancestors 'none'"
    fields[.cacheControl] = "no-store"
    return Response(status: status, headers: fields, body: headOnly ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
  }
}
