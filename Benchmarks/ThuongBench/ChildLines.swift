import Foundation
import Simulation

/// A child of this executable, and the lines that it prints.
final class ChildLines {
  let process: ChildProcess
  private let output: FileHandle
  private var rest: [UInt8] = []

  init(_ arguments: [String], executable: String = Machine.ownExecutable) throws {
    let pipe = Pipe()
    process = try ChildProcess(executable, arguments, output: pipe.fileHandleForWriting)
    try pipe.fileHandleForWriting.close()
    output = pipe.fileHandleForReading
  }

  /// The next line; nil when the child has closed its output. Blocks.
  func next() -> String? {
    while true {
      if let end = rest.firstIndex(of: 0x0a) {
        defer { rest.removeSubrange(...end) }
        return String(decoding: rest[..<end], as: UTF8.self)
      }
      let more = output.availableData
      if more.isEmpty { return nil }
      rest += more
    }
  }

  /// The words behind the first of the line that begins with `word`.
  func fields(after word: String) throws -> [Double] {
    guard let line = next(), line.hasPrefix(word) else { throw BenchFailure("a child ended or failed; expected \"\(word)\"") }
    return line.split(separator: " ").dropFirst().compactMap { Double($0) }
  }
}
