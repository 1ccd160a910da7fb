import HTTPTypes
import Readings

/// An error as RFC 9457 tells it: what is wrong with the request and what to do, never how the gateway is made.
struct Problem: Error, Sendable {
  /// The last part of the problem's type, `/problems/{kind}`: what programs look at.
  var kind: String
  var status: HTTPResponse.Status
  /// Of the kind, not of the occurrence.
  var title: String
  var detail: String
  var headers: HTTPFields = [:]

  var answer: Answer {
    var json = JSONWriter()
    json.object { json in
      json.field("type", "/problems/\(kind)")
      json.field("title", title)
      json.field("status", status.code)
      json.field("detail", detail)
    }
    return Answer(status: status, contentType: "application/problem+json", body: json.bytes, headers: headers)
  }
}

extension Problem {
  static func badRequest(_ detail: String) -> Problem {
    Problem(kind: "bad-request", status: .badRequest, title: "The request is not well-formed", detail: detail)
  }

  static func badQuery(_ detail: String) -> Problem {
    Problem(kind: "bad-query", status: .badRequest, title: "The query is not valid", detail: detail)
  }

  static func notSupported(_ detail: String) -> Problem {
    Problem(kind: "not-supported", status: .badRequest, title: "This is not yet supported", detail: detail)
  }

  static func notFound(_ detail: String) -> Problem {
    Problem(kind: "not-found", status: .notFound, title: "There is nothing here", detail: detail)
  }

  static let targetTooLong = Problem(
    kind: "target-too-long", status: .uriTooLong, title: "The address is too long",
    detail: "path and query together are at most \(RequestTarget.bytesMax) bytes")

  static let methodNotAllowed = Problem(
    kind: "method-not-allowed", status: .methodNotAllowed, title: "This method is not allowed here",
    detail: "GET and HEAD are all that is answered here", headers: [.allow: "GET, HEAD"])

  static let noTokenConfigured = unauthorized(
    "no token is configured, so the API refuses everybody: name a file that holds one as http.token_file and start the gateway again")
  static let tokenMissing = unauthorized("send the header Authorization: Bearer and the token of http.token_file")
  static let tokenWrong = unauthorized("this is not the token of http.token_file")

  private static func unauthorized(_ detail: String) -> Problem {
    Problem(
      kind: "unauthorized", status: .unauthorized, title: "A valid token is needed", detail: detail,
      headers: [.wwwAuthenticate: "Bearer realm=\"thuong\""])
  }

  static let storeUnreadable = Problem(
    kind: "unavailable", status: .serviceUnavailable, title: "The gateway cannot answer now",
    detail: "its store could not be read; the gateway's log says why")
  static let readsBusy = Problem(
    kind: "unavailable", status: .serviceUnavailable, title: "The gateway cannot answer now",
    detail: "too many reads of its store wait already; try again in a moment", headers: [.retryAfter: "1"])
  static let readTooLong = Problem(
    kind: "unavailable", status: .serviceUnavailable, title: "The gateway cannot answer now",
    detail: "the read of its store took too long and was cut off; ask for less at a time")
  static let writerSilent = Problem(
    kind: "unavailable", status: .serviceUnavailable, title: "The gateway cannot answer now",
    detail: "it is busy or ending and did not answer in \(WriterQuestion.patience)")
}
