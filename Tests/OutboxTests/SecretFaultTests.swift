import Foundation
import Glibc
import Outbox
import Readings
import TestSupport
import Testing

/// A secret file that is changed under a running delivery, well and badly.
@Suite struct SecretFaultTests {
  private static let texts = (1...2).map { "whsec_" + Data(repeating: $0, count: 32).base64EncodedString() }

  private enum State: CaseIterable {
    case first, second, malformed, empty, openToAll, gone

    /// What is told of it, but for the file's name; nil where it can be read.
    var fault: String? {
      switch self {
      case .first, .second: nil
      case .malformed: ":2: a secret is whsec_ and base64 of 16 to 64 bytes"
      case .empty: ": holds no secret"
      case .openToAll: ": others may read or write this secret file"
      case .gone: ": No such file or directory"
      }
    }

    /// At once: what stands there is never something between.
    func make(at path: String, from before: State) throws {
      if self == .gone { return try FileManager.default.removeItem(atPath: path) }
      if self == .openToAll, before == .first {
        return try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
      }
      let text =
        switch self {
        case .malformed: "\(texts[0])\n\(texts[1].dropLast(9))\n"
        case .empty: "\n"
        case .second: texts[1]
        default: texts[0]
        }
      let mode = self == .openToAll ? 0o644 : 0o600
      #expect(FileManager.default.createFile(atPath: "\(path).new", contents: Data(text.utf8), attributes: [.posixPermissions: mode]))
      #expect(rename("\(path).new", path) == 0)
    }
  }

  /// Waits for something that comes, however busy the machine is.
  private static func until(_ isSo: () -> Bool) async throws { while !isSo() { try await Task.sleep(for: .milliseconds(20)) } }

  @Test func `a secret file that turns bad is named until it is good again, logged once a change, and never shows what it holds`()
    async throws
  {
    let directory = try TemporaryDirectory()
    let file = "\(directory.path)/sink.secret"
    try State.first.make(at: file, from: .gone)
    var sink = try DeliveryRun.sink("ioc", 9)
    (sink.secrets, sink.secretFile) = (try WebhookSecret.load(file: file), file)
    let log = LogLines()
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededGenerator(seed: seed)
    var (states, told) = ([State.first], [String]())
    try await DeliveryRun.deliver(OutboxFile(), [sink], logger: log.logger) { delivery in
      #expect(delivery.secretFaults().isEmpty)
      for _ in 0..<6 {
        let before = states[states.count - 1]
        let next = State.allCases.filter { $0 != before }.randomElement(using: &random) ?? .gone
        try next.make(at: file, from: before)
        states.append(next)
        try await Self.until { Self.isTold(next, delivery.secretFaults()) }
        if let fault = delivery.secretFaults()["ioc"] { told.append(fault) }
      }
    }
    let comment = Comment(rawValue: "seed \(seed): \(states)")
    let errors = log.lines.filter { $0.contains("The sink's secrets stay as they were") }
    #expect(errors.count == told.count, comment)
    for (error, fault) in zip(errors, told) { #expect(error.contains(fault), comment) }
    for line in log.lines + told { #expect(!Self.texts.contains { line.contains($0.dropFirst(6).prefix(12)) }, "\(line)") }
  }

  private static func isTold(_ state: State, _ faults: [String: String]) -> Bool {
    guard let words = state.fault else { return faults.isEmpty }
    return faults["ioc"]?.contains("sink.secret\(words)") ?? false
  }
}
