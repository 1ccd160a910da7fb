import Foundation
import Simulation
import Testing

/// Authorities and certificates of the test's own, made with the openssl command: two authorities, `ca` and `other`; of `ca` a `server` for
/// localhost and 127.0.0.1, a server `elsewhere` and a `client`; of `other` a server `forged` for localhost and a client `stranger`.
struct SinkCertificates {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory(prefix: "thuong-tests")
    for authority in ["ca", "other"] {
      try run(["req", "-x509", "-days", "2", "-subj", "/CN=Test \(authority)", "-keyout", "\(authority).key", "-out", "\(authority).pem"])
    }
    let here = "DNS:localhost,IP:127.0.0.1"
    let made = [
      ("server", "ca", here), ("elsewhere", "ca", "DNS:ioc.example"), ("client", "ca", "DNS:thuong"), ("forged", "other", here),
      ("stranger", "other", "DNS:thuong"),
    ]
    for (name, authority, names) in made {
      try run([
        "req", "-x509", "-days", "2", "-subj", "/CN=\(name)", "-CA", "\(authority).pem", "-CAkey", "\(authority).key", "-addext",
        "subjectAltName=\(names)", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "\(name).key", "-out", "\(name).pem",
      ])
    }
  }

  func path(_ file: String) -> String { "\(directory.path)/\(file)" }

  private func run(_ arguments: [String]) throws {
    let words = arguments.map { $0.hasSuffix(".pem") || $0.hasSuffix(".key") ? path($0) : $0 }
    let child = try ChildProcess(
      "/usr/bin/openssl", words + ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
    child.wait()
    try #require(child.exitCode == 0, "openssl \(words)")
  }
}
