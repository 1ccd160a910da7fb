import HTTPTypes
import Readings

/// An error as RFC 9457 tells it: what is wrong with the request and what to do, never how the gateway is made.
package struct Problem: Error, Sendable {
  /// The last part of the problem's type, `/problems/{kind}`: what programs look at.
  var kind: String
  var status: HTTPResponse.Status
  /// Of the kind, not of the occurrence.
  var title: String
  package var detail: String
  var headers: HTTPFields = [:]
  /// What is wrong with files, each in one line with its place.
  var faults: [Fault] = []

  struct Fault: Sendable, Equatable {
    var file: String
    /// From 1; 0 where the fault is the file's as a whole.
    var line: Int
    var column: Int
    var message: String

    func write(to json: inout JSONWriter) {
      json.object { json in
        json.field("file", file)
        json.field("line", line)
        json.field("column", column)
        json.field("message", message)
      }
    }
  }

  var answer: Answer {
    var json = JSONWriter()
    json.object { json in
      json.field("type", "/problems/\(kind)")
      json.field("title", title)
      json.field("status", status.code)
      json.field("detail", detail)
      if !faults.isEmpty { json.field("faults", array: { json in for fault in faults { fault.write(to: &json) } }) }
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

  /// - Parameter allowed: in the order in which they are told.
  static func methodNotAllowed(_ allowed: [HTTPRequest.Method]) -> Problem {
    let names = allowed.map(\.rawValue)
    return Problem(
      kind: "method-not-allowed", status: .methodNotAllowed, title: "This method is not allowed here",
      detail: "\(names.joined(separator: " and ")) \(names.count == 1 ? "is" : "are") all that is answered here",
      headers: [.allow: names.joined(separator: ", ")])
  }

  static func badBody(_ detail: String) -> Problem {
    Problem(kind: "bad-body", status: .badRequest, title: "The body is not valid", detail: detail)
  }

  static func conflict(_ detail: String) -> Problem {
    Problem(kind: "conflict", status: .conflict, title: "This cannot be done as things are", detail: detail)
  }

  static func unsupportedMediaType(_ wanted: String) -> Problem {
    Problem(
      kind: "unsupported-media-type", status: .unsupportedMediaType, title: "A body of this kind is not taken",
      detail: "send it as Content-Type: \(wanted)")
  }

  static func bodyTooLarge(_ most: Int) -> Problem {
    Problem(
      kind: "body-too-large", status: .contentTooLarge, title: "The body is too large", detail: "it may have \(most >> 10) KB at most")
  }

  static func badFiles(_ faults: [Fault]) -> Problem {
    Problem(
      kind: "bad-files", status: .unprocessableContent, title: "Files do not load",
      detail: "nothing has changed; mend the faults and try again", faults: faults)
  }

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
