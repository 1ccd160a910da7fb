import Database
import Foundation
import GRDB
import Simulation
import Testing

/// Backups and restores that are killed at any call, and files that are no backup.
@Suite(.serialized) struct BackupFaultTests {
  private static let calls = ["pwrite64", "fdatasync", "fsync", "ftruncate", "rename", "unlink"]

  /// A store, killed so that its last commits stand in its write-ahead log, and a backup of it from before they were made.
  private struct Workshop {
    let run: TraceRun
    let backup: String
    /// Of the backup, and of the store.
    let (old, new): ([String], [String])

    init() async throws {
      run = try TraceRun(files: SmallTown.files)
      let messages = SmallTown.messages()
      try SmallTown.write(Array(messages[..<24]), to: run.path("first"))
      try SmallTown.write(Array(messages[24...]), to: run.path("rest"))
      try "{\"at\":\(SmallTown.start + 60_000)}\n".write(toFile: run.path("clock"), atomically: true, encoding: .utf8)
      _ = try await run.replay(["first"], into: "original", batch: 8)
      backup = run.path("backup")
      let made = try await ThuongCommand(["backup", backup, "--data", run.path("original")])
      let kill = SystemCallFault(effect: .kill, call: "pwrite64", number: 30)
      _ = try await run.replay(["rest"], into: "original", batch: 8, under: kill.wrapper)
      (old, new) = (messages[..<24].flatMap(\.readings).sorted(), try await run.export("original").readings)
      let log = try Data(contentsOf: URL(fileURLWithPath: run.path("original/thuong.sqlite-wal")))
      guard made.code == 0, new.count > old.count, !log.isEmpty else { throw KillFailure("no such store: \(new.count), \(made.text)") }
    }

    var store: String { run.path("store") }

    func place() throws {
      try? FileManager.default.removeItem(atPath: store)
      try FileManager.default.copyItem(atPath: run.path("original"), toPath: store)
      try? FileManager.default.removeItem(atPath: "\(store)/thuong.sqlite-shm")
    }

    func restore(_ file: String, into store: String? = nil, under wrapper: [String] = []) async throws -> ThuongCommand {
      try await ThuongCommand(["restore", file, "--data", store ?? self.store, "--replace"], under: wrapper)
    }

    func backUp(under wrapper: [String] = []) async throws -> ThuongCommand {
      try await ThuongCommand(["backup", run.path("new"), "--data", run.path("original")], under: wrapper)
    }

    /// Each call of a command, but of writes no more than some; those that were counted.
    func faults(_ command: ([String]) async throws -> ThuongCommand) async throws -> [SystemCallFault] {
      let log = run.path("calls")
      _ = try await command(SystemCallFault.counting(BackupFaultTests.calls, in: log))
      var counts = try await SystemCallFault.counts(in: log)
      let writes = counts.removeValue(forKey: "pwrite64") ?? 1
      return SystemCallFault.everywhere(.kill, ["pwrite64": writes]).sampled(6) + SystemCallFault.everywhere(.kill, counts)
    }

    /// Nil where the next start finds the one store or the other, whole.
    func problemOfStart() async throws -> String? {
      let between = try await run.export("store")
      let isRefused = between.ended.code == 3 && between.ended.text.contains("a restore was not finished")
      guard isRefused || between.ended.code == 0 && [old, new].contains(between.readings) else {
        return "before the start: \(between.readings.count) readings, exit \(between.ended.code), \(between.ended.text)"
      }
      let start = try await run.replay(["clock"], into: "store").command
      guard start.code == 0 else { return "the start: exit \(start.code), \(start.text)" }
      let found = try await run.export("store").readings
      let isRestored = try await DatabaseQueue(path: "\(store)/\(StoreFile.name)").read { db in
        try Int.fetchOne(db, sql: "SELECT count(*) FROM restore WHERE told_at IS NULL") == 1
      }
      if found != (isRestored ? old : new) { return "a mixture: \(found.count) readings, restored: \(isRestored)" }
      if !FileManager.default.fileExists(atPath: "\(store)/\(StoreFile.name)") { return "no store" }
      return nil
    }

    /// Of the store that was moved aside: nil where there is none.
    var replaced: String? {
      get throws {
        try FileManager.default.contentsOfDirectory(atPath: store).first { $0.hasPrefix("thuong.sqlite.replaced-") && $0.hasSuffix("Z") }
      }
    }
  }

  @Test func `A backup that is killed at any call leaves no file of its name, or a whole one, and the next one is made`() async throws {
    let workshop = try await Workshop()
    let target = workshop.run.path("new")
    let faults = try await workshop.faults { try await workshop.backUp(under: $0) }
    #expect(faults.count > 8)
    var whole = 0
    for fault in faults {
      try? FileManager.default.removeItem(atPath: target)
      let killed = try await workshop.backUp(under: fault.wrapper)
      #expect(killed.code == 128 + SIGKILL, "\(fault): \(killed.text)")
      if FileManager.default.fileExists(atPath: target) {
        whole += 1
        #expect(try await workshop.restore(target, into: workshop.run.path("other")).code == 0, "\(fault)")
      } else {
        #expect(try await workshop.backUp().code == 0, "\(fault)")
      }
      #expect(!FileManager.default.fileExists(atPath: "\(target).partial"))
    }
    Bench.say("backup: \(faults.count) kills, \(whole) of them after it had its name")
  }

  @Test func `A restore that is killed at any call leaves the one store or the other, and neither is lost`() async throws {
    let workshop = try await Workshop()
    try workshop.place()
    let faults = try await workshop.faults { try await workshop.restore(workshop.backup, under: $0) }
    #expect(faults.count > 12)
    var restored = 0
    for fault in faults {
      try workshop.place()
      let killed = try await workshop.restore(workshop.backup, under: fault.wrapper)
      #expect(killed.code == 128 + SIGKILL, "\(fault): \(killed.text)")
      #expect(try await workshop.problemOfStart() == nil, "\(fault)")
      if let replaced = try workshop.replaced {
        restored += 1
        // With its write-ahead log it is what it was.
        try FileManager.default.createDirectory(atPath: workshop.run.path("before"), withIntermediateDirectories: true)
        for ending in ["", "-wal"] {
          try? FileManager.default.moveItem(
            atPath: "\(workshop.store)/\(replaced)\(ending)", toPath: "\(workshop.run.path("before"))/thuong.sqlite\(ending)")
        }
        #expect(try await workshop.run.export("before").readings == workshop.new, "\(fault)")
        try FileManager.default.removeItem(atPath: workshop.run.path("before"))
      }
      #expect(try await workshop.restore(workshop.backup).code == 0, "\(fault)")
    }
    #expect((1..<faults.count).contains(restored))
    Bench.say("restore: \(faults.count) kills, \(restored) of them after the backup had become the store")
  }

  @Test func `A damaged backup is refused with 5 and changes nothing`() async throws {
    let workshop = try await Workshop()
    try workshop.place()
    let whole = try Data(contentsOf: URL(fileURLWithPath: workshop.backup))
    let bad = workshop.run.path("bad")
    var random = SeededGenerator(seed: Soak.seed)
    var damages: [Data] = [whole.prefix(whole.count / 2), whole.prefix(whole.count - 4096), Data(repeating: 7, count: 9000)]
    for page in (0..<whole.count / 4096).map({ $0 }).sampled(6) {
      var bytes = whole
      for place in page * 4096..<page * 4096 + 512 { bytes[place] = UInt8(random.below(256)) }
      damages.append(bytes)
    }
    // Inside of what is stored, where SQLite has no checksums.
    for (table, column) in [("log", "body"), ("chunk", "body"), ("log_cut", "state")] {
      if let bytes = try changed(table, column, of: workshop.backup, at: bad) { damages.append(bytes) }
    }
    #expect(damages.count >= 10)
    for (place, bytes) in damages.enumerated() {
      try bytes.write(to: URL(fileURLWithPath: bad))
      let refused = try await workshop.restore(bad)
      #expect(refused.code == 5, "damage \(place): \(refused.text)")
      #expect(refused.lines.count == 1 && refused.text.contains("the backup is damaged"), "damage \(place): \(refused.text)")
    }
    #expect(try workshop.replaced == nil)
    #expect(try await workshop.run.export("store").readings == workshop.new)
  }

  /// The file with a byte of a row changed, behind SQLite's back; nil where the table is empty.
  private func changed(_ table: String, _ column: String, of file: String, at path: String) throws -> Data? {
    try? FileManager.default.removeItem(atPath: path)
    try FileManager.default.copyItem(atPath: file, toPath: path)
    let queue = try DatabaseQueue(path: path)
    let isChanged = try queue.write { db in
      guard var body = try Data.fetchOne(db, sql: "SELECT \(column) FROM \(table) LIMIT 1") else { return false }
      body[body.count / 2] ^= 4
      try db.execute(sql: "UPDATE \(table) SET \(column) = ? WHERE rowid = (SELECT min(rowid) FROM \(table))", arguments: [body])
      return true
    }
    try queue.close()
    return isChanged ? try Data(contentsOf: URL(fileURLWithPath: path)) : nil
  }

  @Test func `What is newer, another program's or not there is refused with 3; what is older is brought up to date`() async throws {
    let workshop = try await Workshop()
    try workshop.place()
    let other = workshop.run.path("other.sqlite")
    func make(_ sql: String, from file: String? = nil) throws {
      try? FileManager.default.removeItem(atPath: other)
      if let file { try FileManager.default.copyItem(atPath: file, toPath: other) }
      let queue = try DatabaseQueue(path: other)
      try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
      try queue.close()
    }
    try make("CREATE TABLE cookies(host)")
    let foreign = try await workshop.restore(other)
    #expect(foreign.code == 3 && foreign.text.contains("another program"), "\(foreign.text)")
    try make("INSERT INTO grdb_migrations VALUES ('gateway-99'); PRAGMA user_version = 99", from: workshop.backup)
    let newer = try await workshop.restore(other)
    #expect(newer.code == 3 && newer.text.contains("later version of thuong") && newer.text.contains("format 99"), "\(newer.text)")
    let missing = try await workshop.restore(workshop.run.path("nothing"))
    #expect(missing.code == 3 && missing.lines.count == 1, "\(missing.text)")
    #expect(try await workshop.run.export("store").readings == workshop.new)

    try make(Self.withoutLastSteps, from: workshop.backup)
    let before = try Data(contentsOf: URL(fileURLWithPath: other))
    let older = try await workshop.restore(other)
    #expect(older.code == 0, "\(older.text)")
    #expect(try Data(contentsOf: URL(fileURLWithPath: other)) == before)
    #expect(try await workshop.problemOfStart() == nil)
  }

  /// What a store was before restores were known.
  private static let withoutLastSteps = """
    DROP TABLE restore; DROP TABLE sequence_floor; ALTER TABLE sink DROP COLUMN skipped;
    DELETE FROM grdb_migrations WHERE identifier IN ('gateway-3', 'outbox-2'); PRAGMA user_version = 0; PRAGMA application_id = 0;
    """

  @Test(.enabled(if: SmallDisk.isPossible, "mounting a small disk needs root"))
  func `An older store without room for its copy is not changed, and is brought up to date when there is room`() async throws {
    let workshop = try await Workshop()
    let disk = try SmallDisk(on: workshop.store, megabytes: 4)
    for name in ["thuong.sqlite", "thuong.sqlite-wal", "thuong.lock"] {
      try FileManager.default.copyItem(atPath: workshop.run.path("original/\(name)"), toPath: "\(workshop.store)/\(name)")
    }
    let queue = try DatabaseQueue(path: "\(workshop.store)/thuong.sqlite")
    try await queue.writeWithoutTransaction { try $0.execute(sql: Self.withoutLastSteps) }
    try queue.close()
    try disk.fill(leaving: 80)
    let full = try await workshop.run.replay(["clock"], into: "store").command
    #expect(full.code == 3 && full.text.contains("no space left") && full.text.contains("is unchanged"), "\(full.text)")
    let store = try DatabaseQueue(path: "\(workshop.store)/thuong.sqlite")
    #expect(try await store.read { db in try !db.tableExists("restore") })
    try store.close()
    #expect(try FileManager.default.contentsOfDirectory(atPath: workshop.store).filter { $0.contains("before") } == [])
    try disk.free()
    #expect(try await workshop.problemOfStart() == nil)
    let copy = try DatabaseQueue(path: "\(workshop.store)/thuong.sqlite.before-8")
    #expect(try await copy.read { db in try !db.tableExists("restore") })
  }
}
