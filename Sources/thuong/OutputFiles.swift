import Foundation

/// NDJSON to a file, or to standard output for "-".
final class EventFile {
  private let handle: FileHandle
  private let name: String
  private var buffer: [UInt8] = []

  init(_ path: String) throws {
    name = path
    if path == "-" {
      handle = .standardOutput
      return
    }
    guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path) else {
      throw CommandFailure(code: 3, "\(path): cannot be written")
    }
    handle = file
  }

  func append(_ line: [UInt8]) throws {
    buffer += line
    buffer.append(0x0a)
    if buffer.count > 1 << 16 { try flush() }
  }

  func append(lines: [UInt8]) throws {
    buffer += lines
    if buffer.count > 1 << 16 { try flush() }
  }

  func close() throws { try flush() }

  private func flush() throws {
    do { try handle.write(contentsOf: Data(buffer)) } catch {
      throw CommandFailure(code: 3, "\(name): cannot be written (\(error.localizedDescription))")
    }
    buffer.removeAll(keepingCapacity: true)
  }
}

/// Wall and processor time of this process.
struct ProcessUsage {
  var wallSeconds: Double
  var cpuSeconds: Double

  static var now: ProcessUsage { ProcessUsage(wallSeconds: seconds(CLOCK_MONOTONIC), cpuSeconds: seconds(CLOCK_PROCESS_CPUTIME_ID)) }

  private static func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  func since(_ earlier: ProcessUsage) -> ProcessUsage {
    ProcessUsage(wallSeconds: wallSeconds - earlier.wallSeconds, cpuSeconds: cpuSeconds - earlier.cpuSeconds)
  }
}

/// A line for people, shown at once also where standard output is a pipe.
func say(_ line: String) {
  print(line)
  fflush(nil)
}
