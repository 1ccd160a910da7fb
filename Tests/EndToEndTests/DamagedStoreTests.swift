import Alerting
import Database
import DeviceRegistry
import Foundation
import GRDB
import Gateway
import Outbox
import Readings
import RuleEngine
import Simulation
import Testing

/// Bytes of the store's files changed behind the gateway's back: found at the start or on reading, with exit 5, or without effect.
@Suite(.serialized) struct DamagedStoreTests {
  private enum Damage: CaseIterable { case bit, sector, page, truncation }

  /// A directory with the store of a run, which is put back before each damage.
  private struct Workshop {
    let sweep: ReplaySweep
    let store: String
    let readings: [String]
    let files: [String: Data]

    /// - Parameter killed: leave the last commits in the write-ahead log.
    /// - Parameter sealed: everything stands in chunks.
    init(killed: Bool, sealed: Bool = false) async throws {
      sweep = try await ReplaySweep()
      store = sweep.run.path("damaged")
      let kill = SystemCallFault(effect: .kill, call: "pwrite64", number: sweep.counts["pwrite64", default: 0] - 30)
      _ = try await sweep.replay("damaged", under: killed ? kill.wrapper : [])
      try "{\"at\":\(SmallTown.start + 60_000)}\n".write(toFile: sweep.run.path("clock"), atomically: true, encoding: .utf8)
      let rows = StoreContents.committedRows(store)
      if sealed { try Self.seal(sweep.run) }
      readings = sweep.readings.prefix(rows * sweep.readingsPerRow).sorted()
      var files: [String: Data] = [:]
      for name in ["thuong.sqlite", "thuong.sqlite-wal", "thuong.lock"] {
        files[name] = try? Data(contentsOf: URL(fileURLWithPath: "\(store)/\(name)"))
      }
      self.files = files
      guard rows > 5, killed == (files["thuong.sqlite-wal"] != nil) else { throw KillFailure("no such store: \(rows) rows, \(files)") }
    }

    /// As a gateway does that ends.
    private static func seal(_ run: TraceRun) throws {
      let registry = try RegistryFiles.load(directory: URL(fileURLWithPath: run.path("Devices")))
      let book = try RuleFiles.load(directory: URL(fileURLWithPath: run.path("Rules")), registry: registry)
      let store = try GatewayStore(directory: run.path("damaged"), durability: .full, sinks: [])
      try store.sealAll(
        try store.openEngine(registry: registry, book: book, settings: EngineSettings(instance: "thuong")), realNow: LiveClock.wall)
      store.file.checkpoint()
    }

    /// The store as the run left it, but for one file.
    func place(_ file: String, _ bytes: Data) throws {
      sweep.remove("damaged")
      try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: true)
      for (name, original) in files { try (name == file ? bytes : original).write(to: URL(fileURLWithPath: "\(store)/\(name)")) }
    }

    /// What is wrong: nil where export and start each refuse with 5 and one line, or find what was committed.
    func problem() async throws -> String? {
      let read = try await sweep.run.export("damaged")
      if let problem = Self.problem(of: read.ended) { return "export: \(problem)" }
      if read.ended.code == 0, read.readings != readings {
        return "export says nothing of \(LineBalance(expected: readings, found: read.readings))"
      }
      let start = try await sweep.run.replay(["clock"], into: "damaged").command
      if let problem = Self.problem(of: start) { return "start: \(problem)" }
      guard start.code == 0 else { return nil }
      let stored = try await sweep.run.export("damaged").readings
      if stored != readings { return "the start says nothing of \(LineBalance(expected: readings, found: stored))" }
      let contents: StoreContents
      do { contents = try StoreContents(store) } catch is StoreError { return nil }  // found by whoever reads that table
      return contents.balances && contents.counters["readingsStored"] == readings.count ? nil : "other counters: \(contents.counters)"
    }

    private static func problem(of command: ThuongCommand) -> String? {
      if command.code == 0 { return nil }
      let told = command.lines.filter { $0.hasPrefix("thuong: ") }
      let isClear = told.count == 1 && told[0].contains("the store is damaged") && told[0].contains("restore a backup")
      return command.code == 5 && isClear ? nil : "exit \(command.code): \(command.text)"
    }
  }

  private func damaged(_ bytes: Data, _ damage: Damage, at place: Int, _ random: inout SeededGenerator) -> Data {
    var bytes = bytes
    switch damage {
    case .bit: bytes[place] ^= 1 << UInt8(random.below(8))
    case .sector: for i in place & ~511..<min(bytes.count, (place & ~511) + 512) { bytes[i] = UInt8(random.below(256)) }
    case .page: for i in place & ~4095..<min(bytes.count, (place & ~4095) + 4096) { bytes[i] = 0 }
    case .truncation: bytes = bytes.prefix(place)
    }
    return bytes
  }

  @Test(arguments: ["thuong.sqlite", "thuong.sqlite-wal"])
  func `F12 Damage anywhere in a file is found, or does no harm to a reading`(_ file: String) async throws {
    let workshop = try await Workshop(killed: file.hasSuffix("-wal"))
    let bytes = try #require(workshop.files[file])
    var random = SeededGenerator(seed: Soak.seed)
    var found = 0
    let points = Soak.isOn ? 1200 : 24
    for point in 0..<points {
      let damage = Damage.allCases[point % Damage.allCases.count]
      // A page of the database after the other; anywhere in the log.
      let page = file.hasSuffix("-wal") ? 0 : point / Damage.allCases.count % (bytes.count / 4096) * 4096
      let place = page + Int(random.below(Int64(file.hasSuffix("-wal") ? bytes.count : 4096)))
      let changed = damaged(bytes, damage, at: place, &random)
      try workshop.place(file, changed)
      let problem = try await workshop.problem()
      #expect(problem == nil, "\(damage) at \(place) of \(bytes.count) (seed \(Soak.seed))")
      if try await workshop.sweep.run.export("damaged").ended.code == 5 { found += 1 }
    }
    #expect(found > points / 8, "damage is found")
    print("damage to \(file): \(found) of \(points) found, the rest without effect on readings; seed \(Soak.seed)")
  }

  @Test func `F12 A flipped bit in any log row is found by its number`() async throws {
    let workshop = try await Workshop(killed: false)
    var random = SeededGenerator(seed: Soak.seed)
    for row in 1...8 {
      try workshop.place("", Data())
      try await DatabaseQueue(path: "\(workshop.store)/thuong.sqlite").write { [bit = random.below(8), place = random.below(1000)] db in
        var body = try #require(try Data.fetchOne(db, sql: "SELECT body FROM log WHERE number = ?", arguments: [row]))
        body[Int(place) % body.count] ^= 1 << UInt8(bit)
        try db.execute(sql: "UPDATE log SET body = ? WHERE number = ?", arguments: [body, row])
      }
      for command in [
        try await workshop.sweep.run.export("damaged").ended, try await workshop.sweep.run.replay(["clock"], into: "damaged").command,
      ] {
        #expect(command.code == 5)
        #expect(command.text.contains("log row \(row) cannot be read"), "\(command.text)")
      }
    }
  }

  @Test func `F12 A flipped bit in any chunk row is found by who exports, and told as a gap by who evaluates`() async throws {
    let workshop = try await Workshop(killed: false, sealed: true)
    #expect(try await workshop.problem() == nil)
    var random = SeededGenerator(seed: Soak.seed)
    let later = SmallTown.messages().suffix(4).map { message in
      SmallTown.message(
        at: message.at.milliseconds + 60_000, device: "k-1000", ts: message.at.milliseconds + 60_000, values: [("speed", 50)])
    }
    try SmallTown.write(later, to: workshop.sweep.run.path("later"))
    for _ in 0..<(Soak.isOn ? 400 : 20) {
      try workshop.place("", Data())
      try await DatabaseQueue(path: "\(workshop.store)/thuong.sqlite").write { [bit = random.below(8), place = random.below(1 << 20)] db in
        let row = try #require(try Row.fetchOne(db, sql: "SELECT id, body FROM chunk"))
        var body: Data = row[1]
        body[Int(place) % body.count] ^= 1 << UInt8(bit)
        try db.execute(sql: "UPDATE chunk SET body = ? WHERE id = ?", arguments: [body, row[0] as Int64])
      }
      let export = try await workshop.sweep.run.export("damaged").ended
      #expect(export.code == 5)
      #expect(export.text.contains("the chunk row of ring 0, span "), "\(export.text)")
      // Whoever needs the row goes on without it, and says so.
      let replay = try await workshop.sweep.run.replay(["later"], into: "damaged")
      #expect(replay.command.code == 0, "\(replay.command.text)")
      let gaps = replay.events.filter { $0.contains("vn.thuong.gateway.gap") }
      #expect(gaps.count == 1 && gaps[0].contains("\"cause\":\"damaged\""), "\(gaps)")
      #expect(gaps.first?.contains("the chunk row of ring 0, span ") == true, "\(gaps)")
      let rest = try await workshop.sweep.run.export("damaged")
      #expect(
        rest.ended.code == 0 && LineBalance(expected: workshop.readings, found: rest.readings).foreign <= later.count, "\(rest.ended.text)")
    }
  }

  @Test func `F12 A changed name of a series is found, and no reading is taken for another's`() async throws {
    let workshop = try await Workshop(killed: false)
    let database = try #require(workshop.files["thuong.sqlite"])
    var places: [Int] = []
    var from = database.startIndex
    while let found = database.range(of: Data("k-1001speed".utf8), in: from..<database.endIndex) {
      places.append(found.lowerBound + 7)
      from = found.upperBound
    }
    #expect(places.count == 2, "in the table and in its index")
    for place in places {
      var changed = database
      changed[place] ^= 1
      try workshop.place("thuong.sqlite", changed)
      #expect(try await workshop.problem() == nil)
      #expect(try await workshop.sweep.run.export("damaged").ended.code == 5)
    }
  }

  @Test func `F12 Damage that a commit meets ends it with 5`() async throws {
    let workshop = try await Workshop(killed: false)
    let database = try #require(workshop.files["thuong.sqlite"])
    try workshop.place("", Data())
    let page = try await DatabaseQueue(path: "\(workshop.store)/thuong.sqlite").read { db in
      try Int.fetchOne(db, sql: "SELECT rootpage FROM sqlite_schema WHERE name = 'alert_transition'") ?? 0
    }
    var changed = database
    for i in (page - 1) * 4096..<page * 4096 { changed[i] = 0xa5 }
    try workshop.place("thuong.sqlite", changed)
    let later = SmallTown.messages().map { message in
      SmallTown.message(
        at: message.at.milliseconds + 60_000, device: "k-1000", ts: nil, values: [("speed", 8), ("occupancy", 62.5)])
    }
    try SmallTown.write(later, to: workshop.sweep.run.path("later"))
    let command = try await workshop.sweep.run.replay(["later"], into: "damaged", batch: 4).command
    #expect(command.code == 5)
    #expect(command.text.contains("the store is damaged"), "\(command.text)")
  }

  /// A bit of any column of a row, changed behind SQLite's back: whoever reads the row says so.
  @Test func `F12 A flipped bit in an alert is found`() async throws {
    let workshop = try await Workshop(killed: false)
    try workshop.place("", Data())
    let alert = try await DatabaseQueue(path: "\(workshop.store)/thuong.sqlite").read { db in
      try String.fetchOne(db, sql: "SELECT id FROM alert LIMIT 1")
    }
    let id = try #require(alert)
    var random = SeededGenerator(seed: Soak.seed)
    for table in ["life", "alert", "alert_transition"] {
      for _ in 0..<(Soak.isOn ? 100 : 8) {
        try workshop.place("", Data())
        let (choice, bit) = (random.below(1 << 30), random.below(1 << 30))
        let what = try await DatabaseQueue(path: "\(workshop.store)/thuong.sqlite").write { db in
          try Self.flip(table, choice: Int(choice), bit: Int(bit), db)
        }
        let error = #expect(throws: (any Error).self, "\(what)") { try Self.readAlerting(workshop.store, alert: id) }
        guard case .damaged? = error as? StoreError else {
          Issue.record("\(what): \(error.map { "\($0)" } ?? "no error")")
          continue
        }
      }
    }
  }

  /// Everything that is read of a table's rows.
  private static func readAlerting(_ store: String, alert: String) throws {
    try StoreReader(directory: store).read { db in
      _ = try (AlertTable.lives(db), AlertTable.page(before: nil, limit: 1000, db), AlertTable.transitions(of: alert, db))
    }
  }

  /// Two events that wait, of which one is damaged.
  @Test func `F12 A flipped bit in an event or its delivery is set aside and told as a gap, and whoever shows the outbox goes on`()
    async throws
  {
    let workshop = try await Workshop(killed: false)
    var random = SeededGenerator(seed: Soak.seed)
    for table in ["event", "delivery"] {
      for turn in 0..<(Soak.isOn ? 100 : 6) {
        try workshop.place("", Data())
        let (choice, bit) = (random.below(1 << 30), random.below(1 << 30))
        let what = try await DatabaseQueue(path: "\(workshop.store)/thuong.sqlite").write { db in
          // A replay has no sinks.
          let events = ["e", "f"].map { id in
            EventRecord(
              id: id, recordedAt: Timestamp(milliseconds: 1), site: "s", domain: "d", severity: .major, body: Array("{}".utf8))
          }
          _ = try OutboxTable.enqueue(events, to: [SinkFilter(sink: "ioc")], realNow: Timestamp(milliseconds: 2), in: db)
          return try Self.flip(table, choice: Int(choice), bit: Int(bit), db)
        }
        if turn == 0 {
          for command in ["list", "show e", "show f"] {
            let shown = try await ThuongCommand(["outbox"] + command.split(separator: " ").map(String.init) + ["--data", workshop.store])
            #expect(shown.code == 0, "\(what), \(command): \(shown.text)")
            guard command == "list" else { continue }
            #expect(shown.text.contains("damaged: "), "\(shown.text)")
            #expect(shown.text.contains("ioc không còn trong cấu hình: 2 sự kiện chờ"), "\(shown.text)")
          }
        }
        let (dead, waiting) = try Self.setAside(workshop)
        #expect(dead.count == 1 && dead[0].lastError?.hasPrefix("damaged: ") == true, "\(what)")
        #expect(waiting.count == 2 && waiting[1].headline.type == "vn.thuong.gateway.gap", "\(what): the other one, and the gap")
        #expect(waiting.contains { String(decoding: $0.body, as: UTF8.self).contains(#""cause":"damaged""#) }, "\(what)")
      }
    }
  }

  /// What the gateway makes of what its sink's reads find.
  private static func setAside(_ workshop: Workshop) throws -> (dead: [DeliveryRecord], waiting: [DeliveryRecord]) {
    let registry = try RegistryFiles.load(directory: URL(fileURLWithPath: workshop.sweep.run.path("Devices")))
    let book = try RuleFiles.load(directory: URL(fileURLWithPath: workshop.sweep.run.path("Rules")), registry: registry)
    let store = try GatewayStore(directory: workshop.store, durability: .normal, sinks: [SinkFilter(sink: "ioc")])
    let engine = try store.openEngine(registry: registry, book: book, settings: EngineSettings(instance: "thuong"))
    let found = try store.file.read { try OutboxTable.waiting(sink: "ioc", after: 0, limit: 9, in: $0) }
    let marks = found.damaged.map { damaged in
      DeliveryMark(sink: "ioc", sequence: damaged.sequence, attempts: 0, outcome: .dead(.damaged, error: damaged.what))
    }
    _ = try store.commit(engine, marks: marks, realNow: LiveClock.wall)
    #expect(engine.counters.gaps["damaged"] == 1 && found.deliveries.count == 1)
    return try store.file.read { db in
      func page(_ state: DeliveryState) throws -> [DeliveryRecord] {
        try OutboxTable.page(sink: "ioc", states: [state], after: nil, limit: 9, in: db)
      }
      return (try page(.dead), try page(.waiting))
    }
  }

  /// - Returns: what was changed.
  private static func flip(_ table: String, choice: Int, bit: Int, _ db: GRDB.Database) throws -> String {
    let order = table == "alert_transition" ? "WHERE alert = (SELECT id FROM alert LIMIT 1)" : ""
    let rows = try Row.fetchAll(db, sql: "SELECT * FROM \(table) \(order)")
    let row = rows[choice % rows.count]
    // What finds the row, or which rows are read, is as it was.
    let keys = ["rule", "subject", "id", "alert", "number", "sink", "sequence", "event", "state", "checksum"]
    let columns = Array(row.columnNames).filter { !keys.contains($0) && (row[$0] as DatabaseValue? ?? .null) != .null }
    let column = columns[choice / 1000 % columns.count]
    let changed: DatabaseValue
    switch (row[column] as DatabaseValue? ?? .null).storage {
    case .int64(let number): changed = (number ^ 1 << Int64(bit % 40)).databaseValue
    case .string(let text): changed = (text + "x").databaseValue
    case .blob(var data):
      data[data.startIndex + bit / 8 % data.count] ^= 1 << UInt8(bit % 8)
      changed = data.databaseValue
    default: changed = .null
    }
    let key = table == "delivery" ? "sink || sequence" : table == "life" ? "rule || subject" : table == "alert_transition" ? "number" : "id"
    let place = try DatabaseValue.fetchOne(
      db, sql: "SELECT \(key) FROM \(table) \(order) LIMIT 1 OFFSET \(choice % rows.count)")
    let filter = order.isEmpty ? "WHERE" : "\(order) AND"
    try db.execute(sql: "UPDATE \(table) SET \(column) = ? \(filter) \(key) = ?", arguments: [changed, place])
    return "\(table).\(column)"
  }

  @Test func `F12 A database that lost its tail, or itself, is found out at the start of the gateway`() async throws {
    let city = try LedgerCity()
    let child = try await city.start()
    let database = URL(fileURLWithPath: "\(city.store)/thuong.sqlite")
    let log = URL(fileURLWithPath: "\(city.store)/thuong.sqlite-wal")
    // The tables stand in this much of it, and none of the messages that follow.
    let empty = try Data(contentsOf: log).count
    try city.publish(200)
    #expect(await city.isStored())
    child.send(SIGKILL)
    child.wait()
    let wal = try Data(contentsOf: log)
    try #require(wal.count > empty)
    try wal.prefix(empty).write(to: log)
    let second = try city.gateway.start()
    second.wait()
    #expect(second.exitCode == 5)
    #expect(city.log.contains("were committed and are gone"), "\(city.log.suffix(400))")

    try wal.write(to: log)
    let file = try Data(contentsOf: database)
    try Data().write(to: database)
    let third = try city.gateway.start()
    third.wait()
    #expect(third.exitCode == 5)
    try file.write(to: database)
    #expect(try await city.problemInTheEnd() == nil)
  }
}
