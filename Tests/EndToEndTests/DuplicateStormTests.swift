import Foundation
import Readings
import Simulation
import Testing

/// Everything a thousand times: it is there once.
@Suite struct DuplicateStormTests {
  private static let times = 1000

  private enum Order: CaseIterable {
    /// Each message so often in turn.
    case stutter
    /// The whole day so often over.
    case loop
    /// The copies anywhere behind their first.
    case scattered
  }

  /// The numbers of the messages in the order in which they come.
  private func storm(_ order: Order, of count: Int) -> [Int] {
    switch order {
    case .stutter: return (0..<count).flatMap { Array(repeating: $0, count: Self.times) }
    case .loop: return (0..<Self.times).flatMap { _ in 0..<count }
    case .scattered:
      var random = SeededGenerator(seed: Soak.seed)
      let end = Int64(count) << 20
      var places: [(place: Int64, number: Int)] = []
      for number in 0..<count {
        let first = Int64(number) << 20
        places.append((first, number))
        for _ in 1..<Self.times { places.append((first + 1 + random.below(end - first), number)) }
      }
      return places.sorted { $0 < $1 }.map(\.number)
    }
  }

  @Test(arguments: [64, 4096])
  func `F15 A trace of which everything comes a thousand times gives its readings and events once`(_ batch: Int) async throws {
    let run = try TraceRun(files: SmallTown.files)
    let messages = SmallTown.messages()
    try SmallTown.write(messages, to: run.path("trace"))
    let once = try await run.replay(["trace"], into: "once")
    let contents = try StoreContents(run.path("once"))
    #expect(once.events.count == 2 * SmallTown.devices)
    for order in Order.allCases {
      // What comes again comes later: a trace is in order of arrival.
      var clock = SmallTown.start
      let storm = storm(order, of: messages.count).map { number in
        var message = messages[number]
        clock = max(clock, message.at.milliseconds)
        message.at = Timestamp(milliseconds: clock)
        return message
      }
      #expect(storm.count == messages.count * Self.times)
      try SmallTown.write(storm, to: run.path("storm"))
      let stormed = try await run.replay(["storm"], into: "\(order)", batch: batch)
      #expect(stormed.command.code == 0)
      #expect(stormed.events == once.events, "\(order)")
      #expect(try await run.export("\(order)").readings == messages.flatMap(\.readings).sorted(), "\(order)")
      let stored = try StoreContents(run.path("\(order)"))
      #expect(stored == contents, "\(order)")
      let duplicates = messages.flatMap(\.readings).count * (Self.times - 1)
      #expect(stored.balances && stored.counters["readingsDuplicate"] == duplicates, "\(order): \(stored.counters)")
    }
  }

  @Test func `F15 A device that sends everything hundreds of times through the broker is stored once`() async throws {
    let city = try LedgerCity(files: SmallTown.files, clock: "sender")
    let child = try await city.start()
    defer { child.end() }
    let messages = SmallTown.messages()
    try city.publish(messages)
    let times = Soak.isOn ? 5000 : 200
    for _ in 0..<times { try city.sendAgain(messages) }
    let duplicates = Double(messages.flatMap(\.readings).count * times)
    let isThere = await Bench.wait(seconds: 60) { await city.gateway.metric("thuong_readings_duplicate_total") == duplicates }
    #expect(isThere)
    child.end()
    #expect(try await city.problemInTheEnd() == nil)
    #expect(try StoreContents(city.store).alerts.count == SmallTown.devices)
  }
}
