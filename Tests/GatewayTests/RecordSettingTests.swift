import Foundation
import Gateway
import Outbox
import TestSupport
import Testing

/// What `thuong.yaml` says of records and sinks.
@Suite struct RecordSettingTests {
  private static func load(_ lines: String) throws -> GatewayConfiguration {
    let directory = try TemporaryDirectory()
    return try withExtendedLifetime(directory) {
      let (file, secret) = (URL(fileURLWithPath: "\(directory.path)/thuong.yaml"), "\(directory.path)/sink.secret")
      try "instance: x\n\(lines)\n".write(to: file, atomically: true, encoding: .utf8)
      try "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n".write(toFile: secret, atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: secret)
      return try ConfigurationFile.load(file, environment: [:])
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
}
