import Foundation
import NIOCore
import NIOHTTP1

/// Who asks for tokens, and where: client credentials, RFC 6749 section 4.4.
package struct OAuthClient: Sendable, CustomStringConvertible, CustomReflectable {
  package let tokenURL, host, id: String
  package let scope: String?
  private let secret: String

  package var description: String { "\(id) at \(tokenURL)" }
  package var customMirror: Mirror { Mirror(self, children: ["id": id, "tokenURL": tokenURL]) }

  /// - Parameter secretFile: its first line is the client's secret.
  package init(tokenURL: String, id: String, secretFile: String, scope: String?) throws(SinkConfigurationError) {
    host = try SinkConfiguration.host(of: tokenURL, of: "oauth: token_url")
    guard let line = try SecretFile.text(secretFile).split(whereSeparator: \.isNewline).first, !line.isEmpty else {
      throw SinkConfigurationError("\(secretFile): the secret is empty")
    }
    (self.tokenURL, self.id, self.scope, secret) = (tokenURL, id, scope, String(line))
  }

  var headers: HTTPHeaders {
    let credentials = "\(OAuthClient.form(id)):\(OAuthClient.form(secret))"
    return [
      "authorization": "Basic \(Data(credentials.utf8).base64EncodedString())",
      "content-type": "application/x-www-form-urlencoded", "accept": "application/json",
    ]
  }

  var body: [UInt8] {
    Array(("grant_type=client_credentials" + (scope.map { "&scope=\(OAuthClient.form($0))" } ?? "")).utf8)
  }

  private static func form(_ text: String) -> String {
    let plain = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
    return text.addingPercentEncoding(withAllowedCharacters: plain) ?? ""
  }
}

/// The token of a sink's requests: got when it is needed, by one request however many wait for it, and anew before it ends.
actor TokenSource {
  private struct Token {
    var text: String
    var renewAt: NIODeadline?
  }

  private let client: OAuthClient
  private let peer: HTTPPeer
  private var token: Token?
  private var fetching: Task<Token, any Error>?

  init(client: OAuthClient, peer: HTTPPeer) { (self.client, self.peer) = (client, peer) }

  /// - Throws: `PeerFailure` where the token endpoint gives none.
  func current(until deadline: NIODeadline) async throws -> String {
    if let token, token.renewAt.map({ $0 > .now() }) ?? true { return token.text }
    let task = fetching ?? Task { try await fetch(until: deadline) }
    fetching = task
    // A task of its own is not cancelled with those who wait for it: the gateway's end would wait for the endpoint.
    return try await withTaskCancellationHandler {
      try await task.value.text
    } onCancel: {
      task.cancel()
    }
  }

  /// The sink did not take it.
  func drop(_ text: String) { if token?.text == text { token = nil } }

  private func fetch(until deadline: NIODeadline) async throws -> Token {
    defer { fetching = nil }
    let answer: HTTPPeer.Answer
    do { answer = try await peer.post(client.headers, client.body, until: deadline) } catch let failure as PeerFailure {
      throw PeerFailure("no token from \(client.host): \(failure.text)")
    }
    let new = try read(answer)
    token = new
    return new
  }

  private struct Response: Decodable {
    var token, type, error: String?
    var seconds: Double?

    enum CodingKeys: String, CodingKey {
      case error
      case token = "access_token"
      case type = "token_type"
      case seconds = "expires_in"
    }
  }

  /// What it says is told, but for the token.
  private func read(_ answer: HTTPPeer.Answer) throws -> Token {
    let response = try? JSONDecoder().decode(Response.self, from: Data(answer.body))
    guard (200...299).contains(answer.status) else {
      let reason = response?.error.map { ": \(HTTPPeer.oneLine($0))" } ?? ""
      throw PeerFailure("no token from \(client.host): HTTP \(answer.status)\(reason)")
    }
    guard let text = response?.token, !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
      throw PeerFailure("no token from \(client.host): its answer holds no access_token")
    }
    if let type = response?.type, type.lowercased() != "bearer" {
      throw PeerFailure("no token from \(client.host): its token_type is not Bearer")
    }
    // A minute before its end, or a tenth of its life.
    let life = response?.seconds.map { max(0, min($0, 86_400)) }
    return Token(text: text, renewAt: life.map { .now() + .milliseconds(Int64(($0 - min(60, $0 / 10)) * 1000)) })
  }
}
