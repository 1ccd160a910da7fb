import DeviceRegistry
import Foundation
import Gateway
import Outbox
import Readings
import SeriesStore
import TestSupport
import Testing

/// What `thuong.yaml` says of records and sinks.
@Suite struct RecordSettingTests {
  private static func load(_ lines: String, environment: [String: String] = [:]) throws -> GatewayConfiguration {
    let directory = try TemporaryDirectory()
    return try withExtendedLifetime(directory) {
      let (file, secret) = (URL(fileURLWithPath: "\(directory.path)/thuong.yaml"), "\(directory.path)/sink.secret")
      try "instance: x\n\(lines)\n".write(to: file, atomically: true, encoding: .utf8)
      try "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n".write(toFile: secret, atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: secret)
      return try ConfigurationFile.load(file, environment: environment)
    }
  }

  @Test func `Alerts are kept for five years and what was delivered for thirty days, or for as long as the file says`() throws {
    let usual = try Self.load("").recordRetention
    #expect(usual.alerts == 5 * 365 * 86_400_000 && usual.delivered == 30 * 86_400_000)
    let other = try Self.load("data: {retention: {alerts: 2y, delivered: 36h}}").recordRetention
    #expect(other.alerts == 2 * 365 * 86_400_000 && other.delivered == 36 * 3_600_000)
  }

  @Test func `A sink is behind after five minutes, or after what the file says`() throws {
    let sinks = try Self.load(
      """
      sinks:
        - {id: a, url: "https://ioc.example.vn/", secret_file: sink.secret}
        - {id: b, url: "https://ioc.example.vn/", secret_file: sink.secret, behind_after: 90s}
      """
    ).sinks
    #expect(sinks.map(\.behindAfter) == [300_000, 90_000])
  }

  @Test func `Every span of retention may come from the environment, which wins`() throws {
    let day: Int64 = 86_400_000
    let file = "data: {retention: {raw: 100d, 15m: 200d, alerts: 2y}}"
    let names = ["RAW": "90d", "15M": "180d", "1H": "4y", "1D": "20y", "ALERTS": "3y", "DELIVERED": "36h", "AUDIT": "1y"]
    let variables = Dictionary(uniqueKeysWithValues: names.map { ("THUONG_DATA_RETENTION_\($0.key)", $0.value) })
    for lines in ["", file] {
      let all = try Self.load(lines, environment: variables)
      #expect(all.rawRetention == 90 * day && all.rollupRetention == [.quarterHour: 180 * day, .hour: 1460 * day, .day: 7300 * day])
      #expect(all.recordRetention.alerts == 1095 * day && all.recordRetention.delivered == 36 * 3_600_000)
    }
    let one = try Self.load(file, environment: ["THUONG_DATA_RETENTION_RAW": "90d"])
    #expect(one.rawRetention == 90 * day && one.rollupRetention[.quarterHour] == 200 * day && one.recordRetention.alerts == 730 * day)
    for (variable, words) in [
      (["THUONG_DATA_RETENTION_RAW": "long"], "THUONG_DATA_RETENTION_RAW: expected a duration such as"),
      (["THUONG_DATA_RETENTION_1H": "1d"], "each kept at least as long"), (["THUONG_DATA_RETENTION_2H": "1d"], "is no setting"),
    ] {
      let faults = #expect(throws: FileFaults.self) { try Self.load("", environment: variable) }
      #expect(faults?.description.contains(words) == true, "\(faults?.description ?? "")")
    }
  }

  @Test func `Sinks may come from the environment, as YAML or JSON`() throws {
    let file = "sinks:\n  - {id: a, url: \"https://ioc.example.vn/\", secret_file: sink.secret}"
    let yaml = "[{id: b, url: 'https://b.example.vn/', secret_file: sink.secret, filter: {severity: major}}]"
    let json = #"[{"id": "b", "url": "https://b.example.vn/", "secret_file": "sink.secret", "filter": {"severity": "major"}}]"#
    for text in [yaml, json] {
      let sinks = try Self.load(file, environment: ["THUONG_SINKS": text]).sinks
      #expect(sinks.map(\.id) == ["b"] && sinks[0].secrets.count == 1 && sinks[0].filter.leastSeverity == .major)
    }
    let fault = #expect(throws: FileFaults.self) { try Self.load(file, environment: ["THUONG_SINKS": "[{id: b}]"]) }
    #expect(fault?.description.contains("THUONG_SINKS:1:") == true, "\(fault?.description ?? "")")
  }

  @Test func `A secret is read by those who need it, and stops nobody else`() throws {
    let directory = try TemporaryDirectory()
    let file = URL(fileURLWithPath: "\(directory.path)/thuong.yaml")
    let good = "\(directory.path)/good"
    try "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n".write(toFile: good, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: good)
    try """
    broker: {password_file: none-1}
    http: {token_file: none-2}
    sinks:
      - {id: a, url: "https://a.example.vn/", secret_file: good}
      - {id: b, url: "https://b.example.vn/", secret_file: none-3, tls: {certificate: none-4, key: none-5}}
      - id: c
        url: "https://c.example.vn/"
        secret_file: good
        oauth: {token_url: "https://c.example.vn/token", client_id: c, client_secret_file: none-6}
    """.write(to: file, atomically: true, encoding: .utf8)
    let all = #expect(throws: FileFaults.self) { try ConfigurationFile.load(file, environment: [:]) }
    for name in ["none-1", "none-2", "none-3", "none-6"] { #expect(all?.description.contains(name) == true, "\(name)") }
    let none = try ConfigurationFile.load(file, environment: [:], secrets: .none)
    #expect(none.sinks.map(\.id) == ["a", "b", "c"] && none.sinks.allSatisfy { $0.secrets.isEmpty } && none.http.token == nil)
    #expect(try ConfigurationFile.load(file, environment: [:], secrets: .sink("a")).sinks.map(\.secrets.count) == [1, 0, 0])
    let own = #expect(throws: FileFaults.self) { try ConfigurationFile.load(file, environment: [:], secrets: .sink("b")) }
    #expect(own?.description.contains("none-3") == true && own?.faults.count == 1, "\(own?.description ?? "")")
  }
}
