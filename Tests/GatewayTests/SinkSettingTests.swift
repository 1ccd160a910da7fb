import DeviceRegistry
import Foundation
import Gateway
import Outbox
import TestSupport
import Testing

@Suite struct SinkSettingTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    try put("sink.secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n", mode: 0o600)
    try put("oauth.secret", "geheim\n", mode: 0o600)
    try put("lgsp.json", "{\"ma\": \"{data.alert}\"}")
  }

  private func put(_ name: String, _ text: String, mode: Int = 0o644) throws {
    try text.write(toFile: "\(directory.path)/\(name)", atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: "\(directory.path)/\(name)")
  }

  private func load(_ more: String, url: String = "https://ioc.example.vn/events") throws -> SinkConfiguration {
    let file = URL(fileURLWithPath: "\(directory.path)/thuong.yaml")
    try "sinks:\n  - {id: ioc, url: \"\(url)\", secret_file: sink.secret, \(more)}\n".write(to: file, atomically: true, encoding: .utf8)
    return try #require(try ConfigurationFile.load(file, environment: [:]).sinks.first)
  }

  @Test func `A sink has the pace that it says, or four requests at once without a limit`() throws {
    let plain = try load("allow_private: false")
    #expect(plain.concurrency == 4 && plain.rate == nil && plain.retry == RetryPolicy())
    let sink = try load("concurrency: 32, rate: 0.5, retry: {first: 2s, most: 10m}, give_up: 30d")
    #expect(sink.concurrency == 32 && sink.rate == 0.5)
    #expect(sink.retry == RetryPolicy(first: 2_000, most: 600_000, giveUp: 30 * 86_400_000))
  }

  @Test func `A sink has the token, the body and the headers that it says`() throws {
    let sink = try load(
      """
      oauth: {token_url: "https://id.example.vn/token", client_id: thuong, client_secret_file: oauth.secret, scope: events},
          body: {content_type: application/vnd.lgsp+json, template_file: lgsp.json}, headers: {X-Tenant: bac-giang}
      """)
    #expect(sink.oauth?.id == "thuong" && sink.oauth?.host == "id.example.vn" && sink.oauth?.scope == "events")
    #expect(sink.body?.contentType == "application/vnd.lgsp+json")
    #expect(try sink.headers == [SinkHeader(name: "X-Tenant", value: "bac-giang")])
  }

  @Test(arguments: [
    ("concurrency: 0", "expected a whole number from 1 to 32"), ("concurrency: 33", "expected a whole number from 1 to 32"),
    ("rate: 0", "rate is events a second"), ("retry: {first: 10s, most: 1s}", "first is from 100ms to 1h"),
    ("give_up: 1s", "give_up is at least 1m"),
    ("tls: {ca_file: none.pem}", "none.pem: no such file, or not readable"), ("tls: {certificate: a.pem}", "stand together or not at all"),
    ("oauth: {token_url: \"https://id.example.vn\"}", "oauth needs token_url, client_id and client_secret_file"),
    ("oauth: {token_url: \"http://10.0.0.1/t\", client_id: a, client_secret_file: oauth.secret}", "10.0.0.1 is private"),
    ("oauth: {token_url: \"http://id.vn/t\", client_id: a, client_secret_file: oauth.secret}", "token_url must be https"),
    ("oauth: {token_url: \"https://id.vn/t\", client_id: a, client_secret_file: lgsp.json}", "chmod 600"),
    ("oauth: {token_url: \"https://u:p@id.vn/t\", client_id: a, client_secret_file: oauth.secret}", "must not hold a user or a password"),
    ("body: {template_file: none.json}", "none.json: no such file, or no text"), ("body: {content_type: a/b}", "body needs template_file"),
    ("headers: {Authorization: Bearer x}", "would hold a secret"), ("speed: 3", "unknown key \"speed\""),
  ])
  func `What cannot work is refused where it stands, in one line`(more: String, text: String) throws {
    let error = #expect(throws: FileFaults.self) { try load(more) }
    let line = error?.description ?? ""
    #expect(line.contains("thuong.yaml:2:") && line.contains(text) && !line.contains("\n"), "\(line)")
  }

  @Test func `A template that names no field is refused with its own line`() throws {
    try put("lgsp.json", "{\n  \"ma\": \"{data.alrt}\"\n}")
    let error = #expect(throws: FileFaults.self) { try load("body: {template_file: lgsp.json}") }
    #expect(error?.description.contains("lgsp.json:2: no event has {data.alrt}") == true, "\(error?.description ?? "")")
  }

  @Test(arguments: ["http://169.254.169.254/", "http://[::ffff:127.0.0.1]/", "http://[64:ff9b::a00:1]/", "http://0.0.0.0/"])
  func `S19 An address inside is refused when the file is read`(url: String) throws {
    let error = #expect(throws: FileFaults.self) { try load("allow_private: false", url: url) }
    #expect(error?.description.contains("say allow_private: true") == true)
    #expect(try load("allow_private: true", url: url).allowPrivate)
  }
}
