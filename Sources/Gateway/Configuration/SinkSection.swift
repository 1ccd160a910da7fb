import DeviceRegistry
import Foundation
import Outbox
import Readings

/// One entry of `sinks` in `thuong.yaml`. All keys:
///
///     id: ioc-bac-giang
///     url: "https://ioc.example.vn/events"
///     secret_file: sink.secret
///     filter: {site: [bac-giang], domain: [traffic], severity: minor}
///     allow_private: false
///     concurrency: 4                    # requests in flight, 1 to 32
///     rate: 50                          # requests begun in a second; none by default
///     retry: {first: 1s, most: 5m}      # the delay after a failure, and what it grows to
///     give_up: 7d
///     behind_after: 5m                  # /readyz says degraded when an event waits for longer
///     tls: {ca_file: ca.pem, certificate: client.pem, key: client.key}
///     oauth: {token_url: "https://id.example.vn/token", client_id: thuong, client_secret_file: oauth.secret, scope: events}
///     body: {content_type: application/json, template_file: lgsp.json}
///     headers: {X-Tenant: bac-giang}
struct SinkSection {
  let base: URL
  let secrets: SecretsWanted

  private static let keys: Set<String> = [
    "id", "url", "secret_file", "filter", "allow_private", "concurrency", "rate", "retry", "give_up", "tls", "oauth", "body", "headers",
    "behind_after",
  ]

  /// Nil where it has a fault, which is noted in the file's.
  func read(_ sink: YAMLValue) -> SinkConfiguration? {
    guard let map = sink.mapping(keys: Self.keys), let id = map["id"]?.identifier(), let url = map["url"]?.text(),
      let secretFile = map["secret_file"]?.text()
    else {
      sink.fault("a sink needs id, url and secret_file")
      return nil
    }
    let isPrivateAllowed = map["allow_private"]?.flag() ?? false
    let isSecretWanted = secrets == .all || secrets == .sink(id)
    do {
      var new = try SinkConfiguration(
        id: id, url: url, secrets: isSecretWanted ? try WebhookSecret.load(file: path(secretFile)) : [], filter: filter(id, map["filter"]),
        allowPrivate: isPrivateAllowed)
      new.secretFile = path(secretFile)
      refuse(new.host, unless: isPrivateAllowed, map["url"])
      readPace(map, into: &new)
      if isSecretWanted {
        try readToken(map["oauth"], into: &new)
        try readTLS(map["tls"], into: &new)
      }
      try readBody(map["body"], into: &new)
      try readHeaders(map["headers"], into: &new)
      return new
    } catch {
      sink.fault((error as? SinkConfigurationError)?.description ?? "\(error)")
      return nil
    }
  }

  private func filter(_ id: String, _ value: YAMLValue?) -> SinkFilter {
    var filter = SinkFilter(sink: id)
    let wanted = value?.mapping(keys: ["site", "domain", "severity"]) ?? [:]
    filter.sites = wanted["site"]?.listOrOne().compactMap { $0.identifier() } ?? []
    filter.domains = wanted["domain"]?.listOrOne().compactMap { $0.identifier() } ?? []
    filter.leastSeverity =
      wanted["severity"].flatMap { $0.word(["info": .info, "minor": .minor, "major": .major, "critical": Severity.critical]) } ?? .info
    return filter
  }

  private func readPace(_ map: [String: YAMLValue], into sink: inout SinkConfiguration) {
    if let most = map["concurrency"]?.integer(in: 1...32) { sink.concurrency = most }
    if let value = map["rate"], let rate = value.number() {
      if rate > 0, rate <= 100_000 { sink.rate = rate } else { value.fault("rate is events a second, above 0 and at most 100000") }
    }
    let retry = map["retry"]?.mapping(keys: ["first", "most"]) ?? [:]
    if let first = retry["first"]?.duration() { sink.retry.first = first }
    if let most = retry["most"]?.duration() { sink.retry.most = most }
    if let giveUp = map["give_up"]?.duration() { sink.retry.giveUp = giveUp }
    if !(100...3_600_000).contains(sink.retry.first) || !(sink.retry.first...86_400_000).contains(sink.retry.most) {
      map["retry"]?.fault("first is from 100ms to 1h, and most from first to 1d")
    }
    if let span = map["behind_after"]?.duration() { sink.behindAfter = span }
    if sink.retry.giveUp < 60_000 { map["give_up"]?.fault("give_up is at least 1m") }
  }

  private func readTLS(_ value: YAMLValue?, into sink: inout SinkConfiguration) throws {
    guard let value, let map = value.mapping(keys: ["ca_file", "certificate", "key"]) else { return }
    func file(_ key: String) -> String? { map[key]?.text().map(path) }
    sink.tls = try SinkTLS(caFile: file("ca_file"), certificate: file("certificate"), key: file("key"))
    if !([sink.url, sink.oauth?.tokenURL].contains { $0?.lowercased().hasPrefix("https:") ?? false }) {
      value.fault("tls is of no use where url is not https")
    }
  }

  private func readToken(_ value: YAMLValue?, into sink: inout SinkConfiguration) throws {
    guard let value, let map = value.mapping(keys: ["token_url", "client_id", "client_secret_file", "scope"]) else { return }
    guard let url = map["token_url"]?.text(), let id = map["client_id"]?.text(), let file = map["client_secret_file"]?.text() else {
      return value.fault("oauth needs token_url, client_id and client_secret_file")
    }
    let client = try OAuthClient(tokenURL: url, id: id, secretFile: path(file), scope: map["scope"]?.text())
    if refuse(client.host, unless: sink.allowPrivate, map["token_url"]) { return }
    if !sink.allowPrivate, !url.lowercased().hasPrefix("https:") {
      map["token_url"]?.fault("token_url must be https: the client's secret would go in clear")
    }
    sink.oauth = client
  }

  private func readBody(_ value: YAMLValue?, into sink: inout SinkConfiguration) throws {
    guard let value, let map = value.mapping(keys: ["content_type", "template_file"]) else { return }
    guard let file = map["template_file"]?.text() else { return value.fault("body needs template_file") }
    sink.body = try BodyTemplate(file: path(file), contentType: map["content_type"]?.text() ?? "application/json")
  }

  private func readHeaders(_ value: YAMLValue?, into sink: inout SinkConfiguration) throws {
    for (key, value) in value?.openMapping() ?? [] {
      if let name = key.text(), let text = value.text() { sink.headers.append(try SinkHeader(name: name, value: text)) }
    }
  }

  /// - Returns: whether it is refused.
  @discardableResult
  private func refuse(_ host: String, unless isAllowed: Bool, _ value: YAMLValue?) -> Bool {
    guard !isAllowed, let refusal = AddressRule.bytes(ofLiteral: host).flatMap(AddressRule.refusal) else { return false }
    value?.fault("\(host) is \(refusal); if that is meant, say allow_private: true")
    return true
  }

  private func path(_ text: String) -> String { URL(fileURLWithPath: text, relativeTo: base).path }
}
