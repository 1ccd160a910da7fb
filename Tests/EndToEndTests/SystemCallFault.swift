import Foundation

/// A fault that strace puts into a process at the nth call of that name that a thread of it makes, or from that one on.
struct SystemCallFault: CustomStringConvertible, Sendable {
  enum Effect: String, Sendable {
    case kill = "signal=KILL"
    case ioError = "error=EIO"
    case noSpace = "error=ENOSPC"
    case readOnly = "error=EROFS"
  }

  var effect: Effect
  var call: String
  var number: Int
  var isSticky = false

  var description: String { "\(effect) at \(call) \(number)\(isSticky ? " and all after it" : "")" }

  /// The command that runs another under it. The tracer is no parent (-D): signals and exit code are the traced command's own.
  var wrapper: [String] {
    Self.strace + [
      "-D", "-f", "-o", "/dev/null", "-e", "trace=\(call)", "-e", "inject=\(call):\(effect.rawValue):when=\(number)\(isSticky ? "+" : "")",
    ]
  }

  static let strace = ["/usr/bin/strace"]

  /// The calls that change a store's files.
  static let storeCalls = ["pwrite64", "fdatasync", "ftruncate", "unlink"]

  /// The command that runs another and notes its calls in a file.
  static func counting(_ calls: [String], in file: String) -> [String] {
    strace + ["-D", "-f", "-o", file, "-e", "trace=\(calls.joined(separator: ","))"]
  }

  /// How many calls of each name the busiest thread made, from what `counting` noted of a command that has ended.
  static func counts(in file: String) async throws -> [String: Int] {
    var counts: [Substring: [Substring: Int]] = [:]
    for line in try await complete(file).split(separator: "\n") {
      guard let space = line.firstIndex(of: " "), let open = line.firstIndex(of: "("), space < open else { continue }
      let name = line[space..<open].drop { $0 == " " }
      counts[name, default: [:]][line[..<space], default: 0] += 1
    }
    return counts.reduce(into: [:]) { found, entry in found[String(entry.key)] = entry.value.values.max() }
  }

  /// The notes once the tracer, which outlives the traced command by a moment, has written that its first thread ended.
  private static func complete(_ file: String) async throws -> String {
    var text = ""
    let isComplete = try await Bench.wait(seconds: 10) {
      text = try String(contentsOfFile: file, encoding: .utf8)
      let first = text.prefix { $0 != " " }
      return text.split(separator: "\n").contains { $0.hasPrefix("\(first) ") && $0.contains("+++ exited") }
    }
    guard isComplete else { throw KillFailure("strace does not end its notes: \(text.suffix(500))") }
    return text
  }

  /// One fault for each call that was counted.
  static func everywhere(_ effect: Effect, _ counts: [String: Int], isSticky: Bool = false) -> [SystemCallFault] {
    counts.sorted { $0.key < $1.key }.flatMap { name, count in
      (1...max(1, count)).map { SystemCallFault(effect: effect, call: name, number: $0, isSticky: isSticky) }
    }
  }
}
