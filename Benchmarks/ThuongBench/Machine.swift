import Dispatch
import Foundation

/// What the kernel says of this machine and of processes.
enum Machine {
  /// The clock of every measurement; processes of one machine share it (CLOCK_MONOTONIC).
  static var nanoseconds: Int64 { Int64(DispatchTime.now().uptimeNanoseconds) }

  /// User and system time of a process in seconds, in ticks of 10 ms.
  static func cpuSeconds(of process: Int32) -> Double {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8), let end = text.lastIndex(of: ")") else {
      return 0
    }
    let fields = text[end...].split(separator: " ")  // ")", then from the third field on
    guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { return 0 }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Of this process.
  static var ownCPUSeconds: Double { Double(clock()) / Double(CLOCKS_PER_SEC) }

  /// Busy seconds of all processors together, since boot.
  static var busySeconds: Double {
    guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8), let line = text.split(separator: "\n").first else {
      return 0
    }
    let fields = line.split(separator: " ").dropFirst().compactMap { Double($0) }
    guard fields.count > 7 else { return 0 }
    return (fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Resident memory of a process, now and at its peak, in MB.
  static func residentMegabytes(of process: Int32) -> (now: Double, peak: Double) {
    let text = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
    func megabytes(_ name: String) -> Double {
      let line = text.split(separator: "\n").first { $0.hasPrefix("\(name):") }
      return (line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Double($0) } ?? 0) / 1024
    }
    return (megabytes("VmRSS"), megabytes("VmHWM"))
  }

  static var processors: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }

  static var loadAverage: String {
    let text = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? "?"
    return text.split(separator: " ").prefix(3).joined(separator: " ")
  }

  static func heading(_ name: String) -> String { "\n== \(name) (\(processors) processors, load average \(loadAverage))" }

  /// This executable, also where a build has replaced its file meanwhile.
  static let ownExecutable = "/proc/self/exe"
  /// The one beside it.
  static var thuong: String { Bundle.main.bundleURL.appendingPathComponent("thuong").path }
}
