import Database
import Foundation
import GRDB
import Readings
import Simulation
import Testing

/// Floods of names that nobody registered, with the four detectors of a small town between them.
@Suite(.serialized) struct UnknownDeviceFloodTests {
  /// A message of nobody: of another device each time, and every fourth on another wrong topic.
  private static func stray(_ number: Int, at: Int64) -> SmallTown.Message {
    var message = SmallTown.message(at: at, device: "stray-\(number)", ts: nil, values: [("speed", 50)])
    if number % 4 == 3 { message.topic = "thuong/v1/bac-giang/traffic/stray/\(number)/telemetry" }
    message.readings = []
    return message
  }

  /// The highest memory that a process has taken, in megabytes; 0 once it has ended.
  private static func peakMegabytes(_ child: ChildProcess) -> Int {
    let status = (try? String(contentsOfFile: "/proc/\(child.id)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line?.split { $0 == " " || $0 == "\t" }.dropFirst().first.flatMap { Int($0) } ?? 0) / 1024
  }

  /// Samples kept, by reason.
  private static func samples(_ store: String) throws -> [String: Int] {
    try StoreReader(directory: store).read { db in
      let rows = try Row.fetchAll(db, sql: "SELECT reason, count(*) FROM reject GROUP BY reason")
      return Dictionary(uniqueKeysWithValues: rows.map { ($0[0] as String, $0[1] as Int) })
    }
  }

  private static func write(_ strays: Int, among messages: [SmallTown.Message], to path: String) throws {
    try Data().write(to: URL(fileURLWithPath: path))
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    let each = strays / messages.count
    for (place, message) in messages.enumerated() {
      var lines = message.traceLine + "\n"
      for i in 0..<each { lines += stray(place * each + i, at: message.at.milliseconds).traceLine + "\n" }
      try file.write(contentsOf: Data(lines.utf8))
    }
  }

  @Test func `F17 A million messages of unknown devices and topics are counted, and cost neither memory nor the known devices anything`()
    async throws
  {
    let run = try TraceRun(files: SmallTown.files)
    let messages = SmallTown.messages()
    var peaks: [Int] = []
    for strays in [200_000, 1_000_000] {
      try Self.write(strays, among: messages, to: run.path("flood"))
      let store = "flooded-\(strays)"
      let child = try ChildProcess(
        Bench.executable,
        ["replay", run.path("flood"), "--devices", run.path("Devices"), "--rules", run.path("Rules"), "--data", run.path(store)])
      // On a thread of its own: it is over in a moment, and a look that comes late sees nothing.
      let peak = try await Bench.blocking {
        var peak = 0
        let limit = Date(timeIntervalSinceNow: 120)
        while child.isRunning, Date() < limit {
          peak = max(peak, Self.peakMegabytes(child))
          Thread.sleep(forTimeInterval: 0.002)
        }
        return peak
      }
      #expect(child.exitCode == 0)
      child.end()
      peaks.append(peak)
      #expect(try await run.export(store).readings == messages.flatMap(\.readings).sorted())
      let contents = try StoreContents(run.path(store))
      #expect(contents.alerts.count == SmallTown.devices)
      #expect(contents.balances && contents.rejected.messages == strays)
      #expect(try Self.samples(run.path(store)) == ["unknown_device": 10_001, "wrong_topic": 1], "ten thousand names, one for the rest")
    }
    print("a flood of unknown devices: peak \(peaks[0]) MB at 200,000, \(peaks[1]) MB at 1,000,000")
    #expect(peaks[0] > 0 && peaks[1] - peaks[0] < 16, "memory is flat: \(peaks) MB")
  }

  @Test func `F17 A flood of unknown devices through the broker leaves the known ones alone and keeps its limit over a restart`()
    async throws
  {
    let city = try LedgerCity(files: SmallTown.files, clock: "sender")
    let limited = ["/usr/bin/env", "THUONG_LIMITS_UNKNOWN_DEVICES=1000"]
    let messages = SmallTown.messages()
    let strays = Soak.isOn ? 1_000_000 : 20_000
    let each = strays / messages.count
    var child = try await city.start(under: limited)
    defer { child.end() }
    var peaks: [Int] = []
    for (place, message) in messages.enumerated() {
      try city.publish([message])
      try city.sendAgain((0..<each).map { Self.stray(place * each + $0, at: message.at.milliseconds) })
      if place % 16 == 15 {
        let received = Double((place + 1) * (each + 1))
        let isHeard = await Bench.wait(seconds: 60) { await city.gateway.metric("thuong_messages_received_total") == received }
        #expect(isHeard)
        peaks.append(Self.peakMegabytes(child))
        if place == 31 {
          child.end()
          child = try await city.start(under: limited)
        }
      }
    }
    print("a live flood: peaks \(peaks) MB, the second two after a restart")
    #expect(peaks[1] - peaks[0] < 16 && peaks[3] - peaks[2] < 16, "memory is flat: \(peaks) MB")
    #expect(await city.gateway.metric("thuong_messages_rejected_total") == Double(each * messages.count))
    child.end()
    #expect(try Self.samples(city.store) == ["unknown_device": 1001, "wrong_topic": 1])
    #expect(try await city.problemInTheEnd() == nil)
    #expect(try StoreContents(city.store).alerts.count == SmallTown.devices)
  }
}
