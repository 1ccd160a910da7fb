import Foundation
import Simulation

/// The benchmark day's generator, where it is there.
enum BenchDay {
  static let folder = "../shared/bench"
  static var isHere: Bool { FileManager.default.fileExists(atPath: "\(folder)/city_day.py") }

  /// Profiles and devices.
  static func writeDevices(to directory: String) throws {
    try generate(["--format", "files", "--out", directory, "--hours", "0.1"], to: nil)
  }

  static func writeTrace(to file: String, hours: Double, seed: Int = 7, scale: Double = 1) throws {
    try generate(["--format", "trace", "--hours", "\(hours)", "--seed", "\(seed)", "--scale", "\(scale)"], to: file)
  }

  private static func generate(_ arguments: [String], to file: String?) throws {
    try PythonTools.run(try PythonTools.withNumpy(), ["\(folder)/city_day.py"] + arguments, to: file)
  }
}

/// Python with numpy, in a folder of the build.
enum PythonTools {
  private static let folder = ".build/python-tools"

  static func withNumpy() throws -> String {
    let python = "\(folder)/bin/python3"
    if !FileManager.default.isExecutableFile(atPath: python) { try run("/usr/bin/python3", ["-m", "venv", folder], to: nil) }
    if (try? run(python, ["-c", "import numpy"], to: nil)) == nil {
      try run(python, ["-m", "pip", "install", "--quiet", "numpy"], to: nil)
    }
    return python
  }

  /// Runs a program to its end, its output into a file.
  static func run(_ executable: String, _ arguments: [String], to file: String?) throws {
    var output: FileHandle?
    if let file {
      try Data().write(to: URL(fileURLWithPath: file))
      output = FileHandle(forWritingAtPath: file)
    }
    let child = try ChildProcess(executable, arguments, output: output)
    child.wait()
    guard child.exitCode == 0 else { throw BenchFailure("\(executable) \(arguments.joined(separator: " ")) failed") }
  }
}
