import Foundation
import Simulation
import Testing

@Suite(.serialized, .enabled(if: SmallDisk.isPossible, "mounting a small disk needs root")) struct FullDiskTests {
  @Test func `F10 A full disk acknowledges nothing, stays readable and says so, and goes on by itself when there is space`() async throws {
    let city = try LedgerCity()
    let disk = try SmallDisk(on: city.store, megabytes: 8)
    let child = try await city.start()
    defer { child.end() }
    try city.publish(400)
    #expect(await city.isStored())
    let committed = city.ledger.count
    for _ in 0..<2 {
      try disk.fill()
      try city.publish(800)
      #expect(await city.says("disk_full"), "\(city.log.suffix(500))")
      #expect(await city.gateway.get("/readyz")?.status == 503)
      #expect(await city.gateway.get("/livez")?.status == 200)
      // Reads go on: what was committed is there, by the API and by a reader of its own.
      let points = await city.gateway.get("/api/v1/series/\(RushHour.id(0))/volume")
      #expect(points?.status == 200 && points?.body.contains("\"points\":[[") == true, "\(points?.body ?? "no answer")")
      #expect(await city.gateway.get("/api/v1/devices")?.status == 200)
      let export = try await ThuongCommand.export(city.store)
      #expect(export.ended.code == 0 && export.readings.count >= committed, "\(export.ended.text)")
      #expect(LineBalance(expected: city.ledger, found: export.readings).foreign == 0)
      try disk.free()
      #expect(await city.isStored(seconds: 30), "\(city.log.suffix(500))")
      #expect(await city.gateway.waitUntilReady(child), "it recovers by itself")
    }
    child.end()
    #expect(child.exitCode == 0)
    #expect(try await city.problemInTheEnd() == nil)
  }

  @Test func `F10 SIGTERM on a full disk ends in ten seconds and acknowledges nothing that is not committed`() async throws {
    let city = try LedgerCity()
    let disk = try SmallDisk(on: city.store, megabytes: 8)
    let child = try await city.start()
    try city.publish(100)
    #expect(await city.isStored())
    try disk.fill()
    try city.publish(800)
    #expect(await city.says("disk_full"), "\(city.log.suffix(500))")
    let began = ContinuousClock.now
    child.end(within: 30)
    #expect(ContinuousClock.now - began < .seconds(10), "done in ten seconds")
    // Intake paused before the last of the room was gone: nothing was in hand that could not be committed.
    #expect(child.exitCode == 0)
    try disk.free()
    #expect(try await city.problemInTheEnd() == nil)
  }

  @Test func `F10 A start on a full disk ends with 3 and says what to do`() async throws {
    let city = try LedgerCity()
    let disk = try SmallDisk(on: city.store, megabytes: 8)
    try await city.settleIn()
    try city.publish(100)
    try disk.fill()
    let child = try city.gateway.start()
    let hasEnded = await Bench.wait(seconds: 20) { !child.isRunning }
    child.end()
    #expect(hasEnded && child.exitCode == 3, "\(city.log.suffix(500))")
    #expect(city.log.contains("then start again"), "\(city.log.suffix(500))")
    try disk.free()
    #expect(try await city.problemInTheEnd() == nil)
  }

  @Test func `F24 A crash during recovery, then a full disk during the drain after it, lose nothing`() async throws {
    var random = SeededGenerator(seed: Soak.seed)
    for _ in 0..<(Soak.isOn ? 50 : 2) {
      let (first, second) = (Int(random.below(60)) + 30, Int(random.below(14)) + 1)
      let city = try LedgerCity()
      let disk = try SmallDisk(on: city.store, megabytes: 8)
      try await city.settleIn()
      try city.publish(100)
      let killed = try city.gateway.start(under: SystemCallFault(effect: .kill, call: "pwrite64", number: first).wrapper)
      for _ in 0..<100 where killed.isRunning {
        try city.publish(1)
        _ = await Bench.wait(seconds: 5) {
          guard killed.isRunning else { return true }
          return await city.gateway.metric("thuong_readings_stored_total") == Double(city.ledger.count)
        }
      }
      killed.end()
      #expect(killed.exitCode == 128 + SIGKILL)
      // What waits with the broker is more than the disk will hold.
      try city.publish(20_000)
      let again = try city.gateway.start(under: SystemCallFault(effect: .kill, call: "pwrite64", number: second).wrapper)
      _ = await Bench.wait(seconds: 20) { !again.isRunning }
      again.end()
      #expect(again.exitCode == 128 + SIGKILL)
      try disk.fill(leaving: 256)
      let third = try city.gateway.start()
      let isFull = await city.says("disk_full")
      #expect(isFull, "\(city.log.suffix(500))")
      try disk.free()
      #expect(await city.isStored(seconds: 30), "kills at \(first) and \(second) (seed \(Soak.seed)); \(city.log.suffix(500))")
      third.end()
      let problem = try await city.problemInTheEnd()
      #expect(problem == nil, "kills at \(first) and \(second) (seed \(Soak.seed))")
    }
  }
}
