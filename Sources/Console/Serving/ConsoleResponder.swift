import Database
import HTTPTypes
import Hummingbird
import Logging

/// From a request to its answer, in one order for all: bounds, token, route, method, query, handler.
struct ConsoleResponder: Sendable {
  let routes: [Route]
  /// Nil where none is configured: then `/api` refuses everybody.
  let token: BearerToken?
  let logger: Logger

  func respond(to request: Request) async -> Response {
    let answer: Answer
    do {
      answer = try await self.answer(request.head)
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

  private func answer(_ head: HTTPRequest) async throws -> Answer {
    let target = try RequestTarget(head.path ?? "")
    // Segments are compared decoded, as the routes are, so that no spelling of /api passes by the token.
    if target.path.first == "api" { try authorize(head) }
    guard let (route, segments) = find(target.path) else {
      throw Problem.notFound("no such address; the API's begin with /api/v1/")
    }
    guard head.method == .get || head.method == .head else { throw Problem.methodNotAllowed }
    return try await route.handle(Call(segments: segments, query: Query(target.query, known: route.keys)))
  }

  private func authorize(_ head: HTTPRequest) throws(Problem) {
    guard let token else { throw .noTokenConfigured }
    if let refusal = token.refusal(of: head.headerFields[.authorization]) { throw refusal }
  }

  private func find(_ path: [String]) -> (Route, [String: String])? {
    for route in routes {
      if let segments = route.match(path) { return (route, segments) }
    }
    return nil
  }
}
