import Foundation
import Simulation

/// `thuong`, run to its end.
struct ThuongCommand {
  /// What it exited with, or 128 + the signal that ended it.
  let code: Int32
  /// Standard output and error, as they came.
  let text: String

  /// - Parameter wrapper: a command that runs it, such as strace with its arguments.
  init(_ arguments: [String], under wrapper: [String] = []) async throws {
    let directory = try TemporaryDirectory(prefix: "thuong-command")
    let output = "\(directory.path)/output"
    try Data().write(to: URL(fileURLWithPath: output))
    let command = wrapper + [Bench.executable] + arguments
    let child = try ChildProcess(command[0], Array(command.dropFirst()), output: FileHandle(forWritingAtPath: output))
    let hasEnded = await Bench.wait(seconds: 120) { !child.isRunning }
    child.end(within: hasEnded ? 1 : 0)
    code = child.exitCode
    text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: output)), as: UTF8.self)
  }

  var lines: [String] { text.split(separator: "\n").map(String.init) }

  /// The readings of a store, by `thuong export`, as sorted lines; and how that ended.
  static func export(_ store: String) async throws -> (readings: [String], ended: ThuongCommand) {
    let directory = try TemporaryDirectory(prefix: "thuong-export")
    let command = try await ThuongCommand(["export", "--data", store, "--out", "\(directory.path)/readings"])
    let text = try Data(contentsOf: URL(fileURLWithPath: "\(directory.path)/readings"))
    return (String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init).sorted(), command)
  }
}

/// Two lists of lines as multisets: what the ledger has and the store has not, and the other way about.
struct LineBalance: Equatable, CustomStringConvertible {
  private(set) var missing = 0
  private(set) var foreign = 0
  private var example: String?

  init(expected: [String], found: [String]) {
    var balance: [String: Int] = [:]
    for line in found { balance[line, default: 0] += 1 }
    for line in expected { balance[line, default: 0] -= 1 }
    for (line, count) in balance where count != 0 {
      if count > 0 { foreign += count } else { missing -= count }
      example = "\(count > 0 ? "foreign" : "missing"): \(line)"
    }
  }

  var isEven: Bool { missing == 0 && foreign == 0 }
  var description: String { "\(missing) missing, \(foreign) foreign\(example.map { ", \($0)" } ?? "")" }
}

/// Whether the long forms run: every point of a sweep in place of a sample.
enum Soak {
  static let isOn = ProcessInfo.processInfo.environment["THUONG_SOAK"] == "1"
  /// Decides which points a sample has; the same again with SWEEP_SEED.
  static let seed = ProcessInfo.processInfo.environment["SWEEP_SEED"].flatMap { UInt64($0) } ?? 20_251_121
}

extension Array {
  /// `count` of them in their order, drawn with the seed; by default all of them in the long form.
  func sampled(_ count: Int, ofMany: Bool = false) -> [Element] {
    if Soak.isOn && !ofMany { return self }
    var random = SeededGenerator(seed: Soak.seed)
    var left = count
    return enumerated().filter { place, _ in
      guard random.below(Int64(self.count - place)) < Int64(left) else { return false }
      left -= 1
      return true
    }.map(\.element)
  }
}
