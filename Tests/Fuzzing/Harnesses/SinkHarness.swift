import DeviceRegistry
import Foundation
import Gateway
import Outbox
import TestSupport

/// `thuong.yaml`, its sinks above all: sinks that can be spoken to, or faults with their places and without the secrets.
final class SinkHarness: Harness {
  static let name = "sinks"

  private static let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
  private static let clientSecret = "c1ient-secret"

  private let directory: TemporaryDirectory
  private var root: URL { URL(filePath: directory.path) }

  init() throws {
    directory = try TemporaryDirectory()
    for (name, text) in [
      ("secret", Self.secret), ("oauth.secret", Self.clientSecret), ("body.json", #"{"ma": "{data.alert}"}"#), ("bad.json", "{"),
    ] {
      let file = root.appending(path: name)
      try Data("\(text)\n".utf8).write(to: file)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    }
  }

  func check(_ input: UnsafeRawBufferPointer) throws -> String {
    let file = root.appending(path: "thuong.yaml")
    // Foundation loses 4 KB of memory whenever it reads an empty file.
    try Data(input.isEmpty ? [0x0a] : Array(input)).write(to: file)
    let configuration: GatewayConfiguration
    do throws(FileFaults) {
      configuration = try ConfigurationFile.load(file, environment: [:])
    } catch {
      try promise(!error.faults.isEmpty, "refused without a fault")
      let text = String(decoding: input, as: UTF8.self)
      for fault in error.faults {
        if fault.file.hasSuffix("thuong.yaml") { try FaultPlace.check(fault, in: text) }
        try promise(!fault.message.contains(where: \.isNewline), "a fault of several lines: \(fault.message)")
        let isTold = [Self.secret, Self.clientSecret].contains { fault.message.contains($0) && !text.contains($0) }
        try promise(!isTold, "a secret in a fault: \(fault.message)")
      }
      return "faults"
    }
    let ids = configuration.sinks.map(\.id)
    try promise(Set(ids).count == ids.count && ids.allSatisfy(Identifier.isValid), "sinks \(ids)")
    for sink in configuration.sinks { try check(sink) }
    return "configuration"
  }

  private func check(_ sink: SinkConfiguration) throws {
    try promise(!sink.host.isEmpty && URL(string: sink.url) != nil, "\(sink.id) is at \(sink.url)")
    try promise(!sink.secrets.isEmpty, "\(sink.id) has no secret")
    try promise((1...32).contains(sink.concurrency), "\(sink.id) sends \(sink.concurrency) at once")
    try promise(sink.rate.map { $0 > 0 && $0 <= 100_000 } ?? true, "\(sink.id) sends \(sink.rate ?? 0) a second")
    for failures in [1, 2, 10, 41, 1000] {
      let delay = sink.retry.delay(afterFailures: failures, jitter: 0.999)
      try promise(delay >= 1 && delay <= sink.retry.most * 5 / 4 + 1, "\(sink.id) waits \(delay) ms after \(failures) failures")
    }
    try promise(sink.retry.giveUp >= 60_000 && sink.behindAfter >= 0, "\(sink.id) gives up after \(sink.retry.giveUp) ms")
    for header in sink.headers {
      try promise(!header.name.contains(where: \.isWhitespace) && !header.value.contains(where: \.isNewline), "a header \(header)")
    }
  }
}
