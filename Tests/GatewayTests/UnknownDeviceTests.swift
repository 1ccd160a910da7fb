import Database
import DeviceRegistry
import Foundation
import GRDB
import Gateway
import Readings
import RuleEngine
import TestSupport
import Testing

/// Of the devices that nobody registered a bounded number is remembered by name, each with one sample for the integrator.
@Suite struct UnknownDeviceTests {
  /// A gateway on a store that outlives it.
  private struct Opened {
    let store: GatewayStore
    let engine: Engine

    init(_ directory: TemporaryDirectory, registry: Registry = .empty, limit: Int) throws {
      store = try GatewayStore(directory: directory.path, durability: .normal, sinks: [])
      var settings = EngineSettings(instance: "test")
      settings.unknownDevicesMax = limit
      let book = try RuleFiles.read(sources: [("Rules/test.yaml", "rules: []")], registry: registry)
      engine = try store.openEngine(registry: registry, book: book, settings: settings)
    }

    func send(_ payload: String, from device: String, at: Int64) {
      Array("thuong/v1/s/traffic/\(device)/telemetry".utf8).withUnsafeBytes { topic in
        Array(payload.utf8).withUnsafeBytes { payload in
          engine.message(MessageInput(topic: topic, payload: payload), at: GatewayWorkshop.time(at))
        }
      }
    }

    func commit() throws { _ = try store.commit(engine, realNow: GatewayWorkshop.time(0)) }

    /// `name=payload@instant`, by name.
    func samples() throws -> [String] {
      try store.file.read { db in
        try Row.fetchAll(db, sql: "SELECT device, payload, at FROM reject WHERE reason = 'unknown_device' ORDER BY device").map {
          "\($0[0] as String)=\(String(decoding: $0[1] as Data, as: UTF8.self))@\(($0[2] as Int64) - GatewayWorkshop.start)"
        }
      }
    }

    /// How often a transaction wrote to the table.
    func rowsChanged(_ body: () throws -> Void) throws -> Int {
      let before = try store.file.read { $0.totalChangesCount }
      try body()
      return try store.file.read { $0.totalChangesCount } - before
    }
  }

  @Test func `Each name has its first sample up to the limit, and the others share one`() throws {
    let directory = try TemporaryDirectory()
    let gateway = try Opened(directory, limit: 3)
    for (i, name) in ["c", "a", "a", "b", "d", "e", "a", "f"].enumerated() { gateway.send("\(i)", from: name, at: Int64(i)) }
    try gateway.commit()
    #expect(try gateway.samples() == ["=4@4", "a=1@1", "b=3@3", "c=0@0"])
    #expect(gateway.engine.counters.rejectedMessages() == ["unknown_device": 8], "all are counted")
  }

  @Test(arguments: [1, 2, 7, 1000]) func `A flood writes each sample once an hour of the engine's clock, whatever the batches`(_ batch: Int)
    throws
  {
    let directory = try TemporaryDirectory()
    let gateway = try Opened(directory, limit: 2)
    let hour: Int64 = 3_600_000
    var sent = 0
    func flood(from start: Int64, to end: Int64, step: Int64) throws {
      for at in stride(from: start, to: end, by: Int(step)) {
        for name in ["a", "b", "c", "d"] { gateway.send("\(at)", from: name, at: at) }
        sent += 4
        if sent % (4 * batch) == 0 { try gateway.commit() }
      }
      try gateway.commit()
    }
    try flood(from: 0, to: hour, step: 60_000)
    #expect(try gateway.samples() == ["=0@0", "a=0@0", "b=0@0"])
    try flood(from: hour, to: hour + 1000, step: 100)
    #expect(try gateway.samples() == ["=\(hour)@\(hour)", "a=\(hour)@\(hour)", "b=\(hour)@\(hour)"])
    // The counters' row and the log's are all that a commit of known names costs.
    let changed = try gateway.rowsChanged {
      gateway.send("x", from: "a", at: hour + 2000)
      gateway.send("x", from: "z", at: hour + 2000)
      try gateway.commit()
    }
    #expect(changed == 2)
    #expect(gateway.engine.counters.rejectedMessages() == ["unknown_device": Int64(sent) + 2])
  }

  @Test func `After a restart the same names are known, and their hour goes on`() throws {
    let directory = try TemporaryDirectory()
    do {
      let gateway = try Opened(directory, limit: 2)
      for name in ["a", "b", "c"] { gateway.send("1", from: name, at: 0) }
      try gateway.commit()
    }
    let gateway = try Opened(directory, limit: 2)
    for name in ["d", "c", "b", "a"] { gateway.send("2", from: name, at: 3_599_999) }
    try gateway.commit()
    #expect(try gateway.samples() == ["=1@0", "a=1@0", "b=1@0"])
    for name in ["d", "c", "b", "a"] { gateway.send("3", from: name, at: 3_600_000) }
    try gateway.commit()
    #expect(try gateway.samples() == ["=3@3600000", "a=3@3600000", "b=3@3600000"])
  }

  @Test func `A name that was registered gives its place to another`() throws {
    let directory = try TemporaryDirectory()
    do {
      let gateway = try Opened(directory, limit: 2)
      for name in ["tr-1", "a", "b"] { gateway.send("1", from: name, at: 0) }
      try gateway.commit()
    }
    let gateway = try Opened(directory, registry: GatewayWorkshop.town(), limit: 2)
    #expect(try gateway.samples() == ["=1@0", "a=1@0"])
    gateway.send("2", from: "b", at: 1)
    try gateway.commit()
    #expect(try gateway.samples() == ["=1@0", "a=1@0", "b=2@1"])
  }

  @Test(arguments: [0, 1, 2]) func `A lowered limit keeps the newest names`(_ limit: Int) throws {
    let directory = try TemporaryDirectory()
    do {
      let gateway = try Opened(directory, limit: 10)
      for (i, name) in ["a", "b", "c"].enumerated() { gateway.send("1", from: name, at: Int64(i)) }
      try gateway.commit()
    }
    let gateway = try Opened(directory, limit: limit)
    #expect(try gateway.samples() == [[], ["c=1@2"], ["b=1@1", "c=1@2"]][limit])
    gateway.send("2", from: "z", at: 5)
    try gateway.commit()
    #expect(try gateway.samples() == ["=2@5"] + [[], ["c=1@2"], ["b=1@1", "c=1@2"]][limit])
  }
}
