import Database
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// From a request to its answer, in one order for all: bounds, token, route, method, query, handler.
struct ConsoleResponder: Sendable {
  let routes: [Route]
  /// Nil where none is configured: then `/api` refuses everybody.
  let token: BearerToken?
  let logger: Logger

  func respond(to request: Request) async -> Response {
    let answer: Answer
    do {
      answer = try await self.answer(request)
    } catch let problem as Problem {
      answer = problem.answer
    } catch StoreError.tooManyReads {
      answer = Problem.readsBusy.answer
    } catch StoreError.readTooLong {
      answer = Problem.readTooLong.answer
    } catch {
      logger.error("A request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
      answer = Problem.storeUnreadable.answer
    }
    return answer.response(headOnly: request.method == .head)
  }

  private func answer(_ request: Request) async throws -> Answer {
    let head = request.head
    let target = try RequestTarget(head.path ?? "")
    // Segments are compared decoded, as the routes are, so that no spelling of /api passes by the token.
    if target.path.first == "api" { try authorize(head) }
    let here = routes.compactMap { route in route.match(target.path).map { (route, $0) } }
    guard !here.isEmpty else { throw Problem.notFound("no such address; the API's begin with /api/v1/") }
    guard let (route, segments) = here.first(where: { $0.0.answers(head.method) }) else {
      throw Problem.methodNotAllowed(here.flatMap { $0.0.method == .get ? [.get, .head] : [$0.0.method] })
    }
    let query = try Query(target.query, known: route.keys)
    return try await route.handle(Call(segments: segments, query: query, body: body(of: request, as: route.body)))
  }

  private func body(of request: Request, as form: BodyForm) async throws -> [UInt8] {
    if case .none = form { return [] }
    if let refusal = form.refusal(of: request.headers[.contentType]) { throw refusal }
    do {
      return Array(buffer: try await request.body.collect(upTo: form.bytesMax))
    } catch is NIOTooManyBytesError {
      throw Problem.bodyTooLarge(form.bytesMax)
    }
  }

  private func authorize(_ head: HTTPRequest) throws(Problem) {
    guard let token else { throw .noTokenConfigured }
    if let refusal = token.refusal(of: head.headerFields[.authorization]) { throw refusal }
  }
}
