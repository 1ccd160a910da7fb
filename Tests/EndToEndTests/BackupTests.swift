import Foundation
import GRDB
import Logging
import Outbox
import Readings
import Simulation
import Testing

/// A gateway under load, backed up, lost and restored: its readings, its IOC and its sequences.
@Suite(.serialized) struct BackupTests {
  /// What the IOC got, in order, each as often as it came.
  private final class IOCLog: Sendable {
    struct Told: Sendable {
      var id: String
      var sequence: Int64
      /// Nil of alerts.
      var gap: [String: String]?
    }
    private let all = Box<[Told]>([])
    private let task: Task<Void, any Error>
    let port: Int

    init() async throws {
      let secret = try #require(WebhookSecret(text: DemoGateway.secret))
      let ioc = StandInIOC(
        secrets: [secret], logger: Logger(label: "ioc"), wallClock: { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) },
        handler: { [all] event in
          guard let sequence = event.sequence else { return }
          let data = (try? JSONSerialization.jsonObject(with: Data(event.body)) as? [String: Any])?["data"] as? [String: Any]
          let gap = event.type.hasSuffix(".gap") ? data?.compactMapValues { $0 as? String } : nil
          all.change { $0.append(Told(id: event.id, sequence: sequence, gap: gap)) }
        })
      task = Task { try await ioc.run() }
      port = try await ioc.boundPort()
    }

    deinit { task.cancel() }

    var told: [Told] { all.value }
    var restores: [Told] { told.filter { $0.gap?["cause"] == "restored" } }
    /// No two events ever had the same sequence.
    var areSequencesOfOneEvent: Bool {
      Dictionary(grouping: told, by: \.sequence).values.allSatisfy { Set($0.map(\.id)).count == 1 }
    }
  }

  /// A city whose two hundred detectors are congested in turn, so that there are events all the time.
  private final class City {
    let directory: TemporaryDirectory
    let broker: PrivateBroker
    let ioc: IOCLog
    let gateway: DemoGateway
    let sender: LoadSender

    init() async throws {
      directory = try TemporaryDirectory(prefix: "thuong-backup")
      try Bench.write(RushHour.files, in: directory.path)
      broker = try PrivateBroker(directory: directory.path)
      ioc = try await IOCLog()
      var settings = DemoGateway.Settings(
        brokerPort: broker.port, sinkURL: "http://127.0.0.1:\(ioc.port)/", devices: URL(fileURLWithPath: "\(directory.path)/Devices"),
        rules: URL(fileURLWithPath: "\(directory.path)/Rules"))
      settings.clock = "gateway"
      gateway = try DemoGateway(executable: Bench.executable, directory: directory.path, settings: settings)
      // The detectors' clocks run fast, and stay within the five minutes that are no doubt of the gateway's.
      let begin = Int64(Date().timeIntervalSince1970 * 1000) - 240_000
      sender = try LoadSender(seed: 7, port: broker.port, start: begin)
    }

    deinit { broker.end() }

    var store: String { gateway.storeDirectory }
    func path(_ name: String) -> String { "\(directory.path)/\(name)" }
    var log: String { String(((try? String(contentsOfFile: gateway.logFile, encoding: .utf8)) ?? "").suffix(1500)) }

    func start() async throws -> ChildProcess {
      let child = try gateway.start()
      guard await gateway.waitUntilReady(child) else { throw KillFailure("not ready: \(log)") }
      return child
    }

    /// Sends so many messages more; returns when they are committed and their events taken.
    func send(_ count: Int) async throws {
      let before = await gateway.metric("thuong_messages_accepted_total") ?? 0
      try await sender.send(count)
      let isDone = await Bench.wait(seconds: 30, every: .milliseconds(20)) {
        guard await self.gateway.metric("thuong_messages_accepted_total") ?? 0 >= before + Double(count) else { return false }
        return await self.gateway.metric("thuong_events_pending") == 0
      }
      if !isDone { throw KillFailure("not settled: \(log)") }
    }

    /// Starts after a restore: the first is killed as soon as it has begun, or a little later.
    func startAfterRestore(killedAfter milliseconds: [Int]) async throws -> ChildProcess {
      for pause in milliseconds {
        let first = try gateway.start()
        try await Task.sleep(for: .milliseconds(pause))
        first.send(SIGKILL)
        first.wait()
      }
      let child = try await start()
      let isTold = await Bench.wait(seconds: 10) { await self.gateway.metric("thuong_events_pending") == 0 }
      if !isTold { throw KillFailure("events wait: \(log)") }
      return child
    }
  }

  @Test func `A backup beside a busy gateway has all that was acknowledged; restored, it tells the gap once and its sequences rise`()
    async throws
  {
    let city = try await City()
    var child = try await city.start()
    defer { child.send(SIGKILL) }
    try await city.send(16_000)
    let acknowledged = try await ThuongCommand.export(city.store).readings
    #expect(acknowledged.count == 48_000)

    city.sender.begin()
    let accepted = Int(await city.gateway.metric("thuong_messages_accepted_total") ?? 0)
    let began = ContinuousClock.now
    let backup = try await ThuongCommand(["backup", city.path("b"), "--data", city.store])
    let seconds = Bench.seconds(since: began)
    #expect(backup.code == 0, "\(backup.text)")
    let meanwhile = Int(await city.gateway.metric("thuong_messages_accepted_total") ?? 0)
    try await city.sender.finish()
    #expect(backup.lines.count == 1 && backup.text.contains(" bytes, log row "), "\(backup.text)")
    try holdsNoSecrets(city.path("b"))
    // A while later the gateway is far ahead of the backup.
    try await city.send(8000)
    let highest = city.ioc.told.map(\.sequence).max() ?? 0
    #expect(highest > 200)
    let refused = try await ThuongCommand(["restore", city.path("b"), "--data", city.store, "--replace"])
    #expect(refused.code == 4, "\(refused.text)")
    child.send(SIGKILL)
    child.wait()

    // Beside the store that went on from it.
    let there = try await ThuongCommand(["restore", city.path("b"), "--data", city.store])
    #expect(there.code == 3 && there.text.contains("--replace"), "\(there.text)")
    let restore = try await ThuongCommand(["restore", city.path("b"), "--data", city.store, "--replace"])
    #expect(restore.code == 0, "\(restore.text)")
    let restored = try await ThuongCommand.export(city.store).readings
    #expect(LineBalance(expected: acknowledged, found: restored).missing == 0)
    #expect(restored.count >= 3 * accepted, "\(accepted) messages were committed before the backup began")
    child = try await city.startAfterRestore(killedAfter: [5, 30, 60, 90, 150, 300])
    #expect(await city.gateway.metric("thuong_gaps_total{cause=\"restored\"}") == 1)
    try await city.send(8000)
    #expect(Set(city.ioc.restores.map(\.id)).count == 1)
    let gap = try #require(city.ioc.restores.first)
    let given = try givenSequence(in: city.store, replaced: true)
    #expect(gap.sequence == given + 1, "sequences go on where the lost store was: \(restore.text)")
    #expect(city.ioc.areSequencesOfOneEvent)
    #expect(city.ioc.told.map(\.sequence).max() ?? 0 > gap.sequence + 10)
    try isSpan(gap.gap, from: backup.text)
    child.end()
    #expect(child.exitCode == 0)
    Bench.say(
      "backup of \(size(city.path("b"))) bytes in \(seconds) s beside \(meanwhile - accepted) messages; \(acknowledged.count) readings acknowledged before, \(restored.count) in it; sequence \(given) lost with the store, the gap has \(gap.sequence)"
    )

    try await restoreIntoNothing(city, alreadyTold: gap.id)
  }

  /// The store is lost, and the backup is all there is.
  private func restoreIntoNothing(_ city: City, alreadyTold: String) async throws {
    let highest = city.ioc.told.map(\.sequence).max() ?? 0
    try FileManager.default.removeItem(atPath: city.store)
    let restore = try await ThuongCommand(["restore", city.path("b"), "--data", city.store])
    #expect(restore.code == 0, "\(restore.text)")
    let child = try await city.startAfterRestore(killedAfter: [100])
    defer { child.send(SIGKILL) }
    try await city.send(4000)
    #expect(city.ioc.areSequencesOfOneEvent)
    let gap = try #require(city.ioc.restores.last)
    #expect(gap.id != alreadyTold && gap.sequence > 10_000_000 && gap.sequence > highest)
    #expect(gap.gap?["detail"]?.contains("ioc after \(gap.sequence - 1) ") == true, "\(gap)")
    #expect(Set(city.ioc.restores.map(\.id)).count == 2)
    let created = await city.gateway.metric("thuong_events_created_total") ?? 0
    #expect(created < 1_000_000, "what was passed over is no event")

    // A store that lost its tail does not know what it gave.
    child.send(SIGKILL)
    child.wait()
    let log = URL(fileURLWithPath: "\(city.store)/thuong.sqlite-wal")
    try Data(contentsOf: log).prefix(100_000).write(to: log)
    let again = try await ThuongCommand(["restore", city.path("b"), "--data", city.store, "--replace"])
    #expect(again.code == 0)
    let next = try await DatabaseQueue(path: "\(city.store)/thuong.sqlite").read { db in
      try Int64.fetchOne(db, sql: "SELECT last_sequence FROM sink") ?? 0
    }
    #expect(next > 20_000_000, "\(again.text)")
  }

  private func holdsNoSecrets(_ path: String) throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    for secret in [DemoGateway.secret, String(DemoGateway.secret.dropFirst(6)), DemoGateway.token] {
      #expect(bytes.range(of: Data(secret.utf8)) == nil)
    }
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
  }

  /// The sequence that was given last in the store that was moved aside, whose write-ahead log was moved with it.
  private func givenSequence(in store: String, replaced: Bool) throws -> Int64 {
    let names = try FileManager.default.contentsOfDirectory(atPath: store)
    let name = try #require(names.first { $0.contains(".replaced-") && $0.hasSuffix("Z") })
    return try DatabaseQueue(path: "\(store)/\(name)").read { db in
      try Int64.fetchOne(db, sql: "SELECT last_sequence FROM sink") ?? 0
    }
  }

  /// From the backup's newest input to a moment ago.
  private func isSpan(_ gap: [String: String]?, from backup: String) throws {
    let from = try #require(gap?["from"])
    #expect(backup.contains("newest commit \(from)"), "\(from), \(backup)")
    let to = try #require(gap?["to"].flatMap { Timestamp(rfc3339: $0) })
    let now = Int64(Date().timeIntervalSince1970 * 1000)
    #expect((now - 60_000...now).contains(to.milliseconds))
  }

  private func size(_ path: String) -> Int {
    ((try? FileManager.default.attributesOfItem(atPath: path)[.size]) as? NSNumber)?.intValue ?? 0
  }
}
