import Foundation
import Simulation

/// The benchmark day's generator, where it is there.
enum BenchDay {
  static let folder = "../shared/bench"
  static var isHere: Bool { FileManager.default.fileExists(atPath: "\(folder)/city_day.py") }

  /// Profiles and devices.
  static func writeDevices(to directory: String, scale: Double = 1) throws {
    try generate(["--format", "files", "--out", directory, "--hours", "0.1", "--scale", "\(scale)"], to: nil)
  }

  static func writeTrace(to file: String, hours: Double, seed: Int = 7, scale: Double = 1) throws {
    try generate(["--format", "trace", "--hours", "\(hours)", "--seed", "\(seed)", "--scale", "\(scale)"], to: file)
  }

  /// The same as InfluxDB's line protocol: `traffic,device=tra-0000 volume=12,speed=40.1 1763658000000000000`.
  static func writeLines(to file: String, hours: Double = 24, seed: Int = 7, scale: Double = 1) throws {
    try generate(["--format", "influx", "--hours", "\(hours)", "--seed", "\(seed)", "--scale", "\(scale)"], to: file)
  }

  /// One series of the day, a reading a minute.
  struct Column {
    var device: String
    var metric: String
    var domain: String
    var values: [Double] = []
  }

  /// The first minute.
  static let start: Int64 = 1_763_658_000_000

  /// The day's series, those of a device one after the other.
  static func columns(scale: Double) throws -> [Column] {
    let directory = try TemporaryDirectory(prefix: "thuong-bench")
    let file = "\(directory.path)/day.lp"
    try writeLines(to: file, scale: scale)
    var columns: [Column] = []
    var places: [String: Int] = [:]
    let data = try Data(contentsOf: URL(fileURLWithPath: file), options: .mappedIfSafe)
    for line in data.split(separator: UInt8(ascii: "\n")) {
      let parts = line.split(separator: UInt8(ascii: " "))
      let head = String(decoding: parts[0], as: UTF8.self)
      let fields = parts[1].split(separator: UInt8(ascii: ",")).map { $0.split(separator: UInt8(ascii: "=")) }
      let first = places[head] ?? columns.count
      if first == columns.count {
        places[head] = first
        let (domain, device) = (String(head.prefix { $0 != "," }), String(head.drop { $0 != "=" }.dropFirst()))
        for field in fields { columns.append(Column(device: device, metric: String(decoding: field[0], as: UTF8.self), domain: domain)) }
      }
      for (place, field) in fields.enumerated() {
        columns[first + place].values.append(Double(String(decoding: field[1], as: UTF8.self)) ?? .nan)
      }
    }
    return columns
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
