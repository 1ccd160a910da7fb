import Foundation
import Simulation

/// The wall clock of a process that a test starts, and of nothing else: moved by preloading `CSteppedClock`.
struct SteppedClock {
  static let hour = 3600
  static let year = 365 * 86_400

  private let directory: TemporaryDirectory
  private let file: FileHandle

  init() throws {
    directory = try TemporaryDirectory(prefix: "thuong-clock")
    let path = "\(directory.path)/offset"
    try Data(count: 8).write(to: URL(fileURLWithPath: path))
    guard let file = FileHandle(forUpdatingAtPath: path) else { throw CocoaError(.fileWriteUnknown) }
    self.file = file
  }

  /// What a process needs in its environment.
  var environment: [String: String] {
    let library = URL(fileURLWithPath: Bench.executable).deletingLastPathComponent().appendingPathComponent("libSteppedClock.so")
    return ["LD_PRELOAD": library.path, "STEPPED_CLOCK_FILE": "\(directory.path)/offset"]
  }

  /// The wall clock is that many seconds away from the machine's, from now on.
  func step(to seconds: Int) throws {
    try file.seek(toOffset: 0)
    try file.write(contentsOf: withUnsafeBytes(of: Int64(seconds)) { Data($0) })
  }
}
