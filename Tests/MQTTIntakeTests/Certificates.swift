import Foundation
import Simulation
import Testing

/// Authorities and certificates of the test's own, made with the openssl command.
struct Certificates {
  let directory: String

  /// Two authorities, `ca` and `other`, and three certificates of `ca`: `server` for localhost and 127.0.0.1, `elsewhere` for another
  /// host, `expired` as `server`, a month ago.
  init(in directory: String) throws {
    self.directory = directory
    for authority in ["ca", "other"] {
      try run(
        ["req", "-x509", "-days", "2", "-subj", "/CN=Test \(authority)", "-keyout", "\(authority).key", "-out", "\(authority).pem"]
          + Self.key)
    }
    for (name, names) in [("server", Self.here), ("elsewhere", "DNS:broker.example,IP:192.0.2.1"), ("expired", Self.here)] {
      try run(
        ["req", "-x509", "-days", "2", "-subj", "/CN=localhost", "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=\(names)"]
          + ["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "\(name).key", "-out", "\(name).pem"] + Self.key,
        daysAgo: name == "expired" ? 30 : 0)
    }
  }

  private static let here = "DNS:localhost,IP:127.0.0.1"

  private static let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

  func path(_ file: String) -> String { "\(directory)/\(file)" }

  private func run(_ arguments: [String], daysAgo: Int = 0) throws {
    let words = arguments.map { $0.hasSuffix(".pem") || $0.hasSuffix(".key") ? path($0) : $0 }
    let log = path("openssl.log")
    try "".write(toFile: log, atomically: false, encoding: .utf8)
    let output = try #require(FileHandle(forWritingAtPath: log))
    let child = try ChildProcess("/usr/bin/faketime", ["-f", "-\(daysAgo)d", "/usr/bin/openssl"] + words, output: output)
    child.wait()
    try #require(child.exitCode == 0, "openssl \(words): \((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")")
  }
}
