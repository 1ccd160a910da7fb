import Foundation
import Glibc
package import Readings

/// Which events a sink gets. An empty list takes all; what an event does not have, passes.
package struct SinkFilter: Sendable, Equatable {
  package var sink: String
  package var sites: [String]
  package var domains: [String]
  package var leastSeverity: Severity

  package init(sink: String, sites: [String] = [], domains: [String] = [], leastSeverity: Severity = .info) {
    (self.sink, self.sites, self.domains, self.leastSeverity) = (sink, sites, domains, leastSeverity)
  }

  package func passes(_ event: EventRecord) -> Bool {
    if !sites.isEmpty, let site = event.site, !sites.contains(site) { return false }
    if !domains.isEmpty, let domain = event.domain, !domains.contains(domain) { return false }
    if let severity = event.severity, severity < leastSeverity { return false }
    return true
  }
}

/// An IOC's address and how it is spoken to.
package struct SinkConfiguration: Sendable {
  package var id: String
  /// `http` or `https`, with a host and without user or password: see `init(id:url:…)`.
  package let url: String
  /// The host of `url`, an IPv6 one without brackets.
  package let host: String
  /// Each signs every event, so that a rotation loses none. Empty where they were not read: nothing can be sent then.
  package var secrets: [WebhookSecret]
  /// Where they come from: read again when it changes. Nil: they stay.
  package var secretFile: String?
  package var filter: SinkFilter
  /// Whether private, loopback and link-local addresses may be spoken to.
  package var allowPrivate: Bool
  /// Requests in flight at once; as many connections are kept.
  package var concurrency = 4
  /// Requests begun in a second at most; nil for no limit.
  package var rate: Double?
  /// Whom `https` trusts, and the certificate shown to it; nil for the system's authorities and none.
  package var tls: SinkTLS?
  /// Where a token is got that every request carries; nil for none.
  package var oauth: OAuthClient?
  /// What is sent in place of the CloudEvent; nil for the CloudEvent.
  package var body: BodyTemplate?
  /// Sent with every event, beside the delivery's own.
  package var headers: [SinkHeader] = []
  /// How names become addresses before they are checked.
  package var resolve: @Sendable (String) async -> [[UInt8]]? = AddressRule.resolve
  /// An attempt from its start to the end of the answer, with all that it needs: names, tokens, connections.
  package var attemptMax: Milliseconds = 20_000
  package var connectMax: Milliseconds = 5_000
  package var retry = RetryPolicy()
  package var heartbeatEvery: Milliseconds = 300_000
  /// Something that has waited for longer puts the sink behind, which `/readyz` says.
  package var behindAfter: Milliseconds = 300_000

  /// Refuses an address that could not work, in one line that says why.
  package init(
    id: String, url: String, secrets: [WebhookSecret], filter: SinkFilter? = nil, allowPrivate: Bool = false
  ) throws(SinkConfigurationError) {
    host = try SinkConfiguration.host(of: url, of: "sink \(id): url")
    (self.id, self.url, self.secrets, self.allowPrivate) = (id, url, secrets, allowPrivate)
    self.filter = filter ?? SinkFilter(sink: id)
  }

  /// The host of an address that can be posted to, an IPv6 one without brackets. `what` names it in the error.
  package static func host(of url: String, of what: String) throws(SinkConfigurationError) -> String {
    guard let parsed = URL(string: url), let scheme = parsed.scheme?.lowercased(), ["http", "https"].contains(scheme),
      let host = parsed.host(percentEncoded: false), !host.isEmpty
    else { throw SinkConfigurationError("\(what) must be http:// or https:// with a host") }
    guard parsed.user == nil, parsed.password == nil else {
      throw SinkConfigurationError("\(what) must not hold a user or a password: events are signed instead")
    }
    return host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
  }
}

/// A header that every request to a sink carries. It holds no secret, and is none of those that delivery itself sends.
package struct SinkHeader: Sendable, Equatable {
  package let name, value: String

  private static let own = [
    "host", "content-type", "content-length", "transfer-encoding", "connection", "expect", "te", "trailer", "upgrade", "user-agent",
  ]
  private static let secret = ["authorization", "proxy-authorization", "cookie"]

  package init(name: String, value: String) throws(SinkConfigurationError) {
    let lower = name.lowercased()
    guard !name.isEmpty, name.utf8.allSatisfy({ isalnum(Int32($0)) != 0 && $0 < 0x80 || "!#$%&'*+-.^_`|~".utf8.contains($0) }) else {
      throw SinkConfigurationError("headers: \"\(name)\" is no name of a header")
    }
    guard !SinkHeader.own.contains(lower), !lower.hasPrefix("webhook-"), !lower.hasPrefix("thuong-") else {
      throw SinkConfigurationError("headers: \(name) is set by delivery itself")
    }
    guard !SinkHeader.secret.contains(lower) else {
      throw SinkConfigurationError("headers: \(name) would hold a secret: events are signed, and oauth gets a token")
    }
    guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
      throw SinkConfigurationError("headers: the value of \(name) has control characters")
    }
    (self.name, self.value) = (name, value)
  }
}

/// How long to wait for the next attempt, and when to stop trying.
package struct RetryPolicy: Sendable, Equatable {
  package var first: Milliseconds = 1_000
  package var most: Milliseconds = 300_000
  package var giveUp: Milliseconds = 7 * 86_400_000

  package init() {}
  package init(first: Milliseconds, most: Milliseconds, giveUp: Milliseconds) {
    (self.first, self.most, self.giveUp) = (first, most, giveUp)
  }

  /// The delay after that many failures in a row, the first being 1: it doubles up to `most`, and `jitter` in 0..<1 moves it by up to
  /// a quarter each way, so that sinks that failed together do not come back together.
  package func delay(afterFailures failures: Int, jitter: Double, atMost limit: Milliseconds = .max) -> Milliseconds {
    precondition(failures >= 1, "a delay follows a failure")
    precondition((0.0..<1.0).contains(jitter), "jitter is in 0..<1")
    let most = min(most, limit)
    let grown = failures > 40 ? most : min(most, first << Int64(failures - 1))
    return max(1, Milliseconds(Double(grown) * (0.75 + 0.5 * jitter)))
  }
}

/// A sink that cannot be used, in one line for the operator.
package struct SinkConfigurationError: Error, Equatable, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
}
