import Foundation
import Simulation
import Testing

/// The stand-in's file, cut and damaged at any byte.
@Suite struct ReceivedEventFileTests {
  private func write(_ events: [ReceivedEvent], to path: String) async throws {
    let file = try ReceivedEventFile(path)
    for event in events { try file.append(event) }
  }

  @Test func `what was kept is read back byte by byte, and goes on`() async throws {
    let directory = try TemporaryDirectory(prefix: "thuong-ioc")
    let path = "\(directory.path)/events"
    var awkward = try ReceiverLedgerTests.event(2, path: #"/a","event":{"b"#, alert: "a", revision: 2)
    awkward.body = Array(String(decoding: awkward.body, as: UTF8.self).replacing("\"s/d/x\"", with: #""s,\"event\":{}""#).utf8)
    let events = [try ReceiverLedgerTests.event(1, alert: "a", revision: 1), awkward]
    try await write(events, to: path)
    try await write([try ReceiverLedgerTests.event(3, alert: "b", revision: 1)], to: path)
    let back = try ReceivedEventFile(path).events
    #expect(back.map(\.sequence) == [1, 2, 3])
    #expect(back.prefix(2).map(\.body) == events.map(\.body))
    #expect(back.map(\.path) == ["/", awkward.path, "/"])
  }

  @Test func `a file that ends anywhere loses only the line that has no end`() async throws {
    let directory = try TemporaryDirectory(prefix: "thuong-ioc")
    let path = "\(directory.path)/events"
    try await write(try (1...3).map { try ReceiverLedgerTests.event(Int64($0), alert: "a", revision: $0) }, to: path)
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    for length in stride(from: 0, through: whole.count, by: 7) {
      try whole.prefix(length).write(to: URL(fileURLWithPath: path))
      let lines = whole.prefix(length).count { $0 == 0x0a }
      do {
        let file = try ReceivedEventFile(path)
        #expect(file.events.count == lines)
        try file.append(try ReceiverLedgerTests.event(9, alert: "z", revision: 1))
      }
      #expect(try ReceivedEventFile(path).events.map(\.sequence) == (0..<lines).map { Int64($0 + 1) } + [9])
    }
  }

  @Test func `another file's line is refused with its place, and a second owner too`() async throws {
    let directory = try TemporaryDirectory(prefix: "thuong-ioc")
    let path = "\(directory.path)/events"
    try await write([try ReceiverLedgerTests.event(1, alert: "a", revision: 1)], to: path)
    let file = try ReceivedEventFile(path)
    #expect { try ReceivedEventFile(path) } throws: { "\($0)".contains("another stand-in") }
    try withExtendedLifetime(file) {
      let other = "\(directory.path)/other"
      try Data("{\"path\":\"/\"}\n".utf8).write(to: URL(fileURLWithPath: other))
      #expect { try ReceivedEventFile(other) } throws: { "\($0)".hasPrefix("\(other):1: ") }
    }
  }
}
