import Foundation
import Gateway
import Outbox
import Readings
import TestSupport
import Testing

/// What the engine makes of the commands that tell of the broker.
@Suite struct BrokerGapTests {
  private let gateway: GatewayWorkshop

  init() throws { gateway = try GatewayWorkshop() }

  private func tell(_ command: String, at seconds: Int64) throws {
    #expect(gateway.engine.command(Array(command.utf8), at: GatewayWorkshop.time(seconds * 1000)) == .done)
  }

  private func uptime(_ evidence: BrokerStart.Evidence, startedAt: Int64, isClean: Bool = false, at seconds: Int64) throws {
    try tell(#"{"broker":{"started":\#(startedAt * 1000),"boot":"b","evidence":"\#(evidence.rawValue)","clean":\#(isClean)}}"#, at: seconds)
  }

  private func connect(at seconds: Int64) throws {
    try tell(#"{"session":"asked"}"#, at: seconds)
    try tell(#"{"session":"kept"}"#, at: seconds)
  }

  private func message(at seconds: Int64) { gateway.send(#"{"speed":40}"#, at: seconds * 1000) }

  /// `broker_restarted 10-101`, in seconds after the start.
  private func gaps() throws -> [String] {
    try gateway.commit()
    return try gateway.events.compactMap { event in
      let json = try JSONSerialization.jsonObject(with: Data(event.body)) as? [String: Any]
      guard json?["type"] as? String == "vn.thuong.gateway.gap", let data = json?["data"] as? [String: Any] else { return nil }
      let instants = ["from", "to"].map { key in
        (data[key] as? String).flatMap { Timestamp(rfc3339: $0) }.map { "\(($0.milliseconds - GatewayWorkshop.start) / 1000)" } ?? "?"
      }
      return "\(data["cause"] as? String ?? "?") \(instants.joined(separator: "-"))"
    }
  }

  @Test func `A restart lies behind the last connection that told the broker's start`() throws {
    try connect(at: 0)
    try uptime(.none, startedAt: -100, at: 1)
    message(at: 10)
    try connect(at: 50)
    try uptime(.same, startedAt: -100, at: 51)
    message(at: 60)
    // It was killed, and its first connection broke before it told how long it runs.
    try connect(at: 80)
    message(at: 90)
    try connect(at: 100)
    try uptime(.anew, startedAt: 70, at: 101)
    #expect(try gaps() == ["broker_restarted 60-101"])
  }

  @Test func `A new session whose connection broke before it was up may have had no subscription`() throws {
    try connect(at: 0)
    message(at: 10)
    for _ in 0..<2 {
      try tell(#"{"session":"asked"}"#, at: 50)
      try tell(#"{"session":"new"}"#, at: 50)
    }
    try connect(at: 60)
    gateway.engine.intake(up: true, at: GatewayWorkshop.time(61_000))
    try connect(at: 70)
    #expect(try gaps() == ["session_lost 10-50", "session_lost 50-50", "session_unproved 50-60"])
  }

  @Test func `A broker that took leave lost nothing, and one that is the same was not started anew`() throws {
    try connect(at: 0)
    try uptime(.none, startedAt: -100, at: 1)
    try connect(at: 50)
    try uptime(.anew, startedAt: 40, isClean: true, at: 51)
    try connect(at: 100)
    try uptime(.same, startedAt: 90, at: 101)
    #expect(try gaps() == [])
  }

  @Test func `What was dropped before a restart is told after it`() throws {
    try connect(at: 0)
    try uptime(.none, startedAt: -100, at: 1)
    try tell(#"{"broker":{"dropped":0}}"#, at: 2)
    try tell(#"{"broker":{"dropped":7}}"#, at: 12)
    try connect(at: 30)
    try uptime(.anew, startedAt: 20, isClean: true, at: 31)
    try tell(#"{"broker":{"dropped":0}}"#, at: 32)
    try tell(#"{"broker":{"dropped":2}}"#, at: 42)
    gateway.clock(at: 60_000)
    #expect(try gaps() == ["broker_dropped 2-60"])
    #expect(gateway.counters.gaps == ["broker_dropped": 1])
  }
}
