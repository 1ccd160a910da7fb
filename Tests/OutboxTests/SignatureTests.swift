import Foundation
import Outbox
import Readings
import Testing

/// Expected signatures: Python, `base64.b64encode(hmac.new(key, b"msg_1.1763683200." + body, hashlib.sha256).digest())`.
@Suite struct SignatureTests {
  let body = Array(#"{"xin":"chào"}"#.utf8)
  let now = Timestamp(milliseconds: 1_763_683_200_000)
  let first = "v1,+L5AgbNZvutLkRoorfP0F1SH0PPucGYCL6+PNoaKno8="
  let second = "v1,Q4VJ19DphdgZoRJ2ijRsX6U4zYXzyE69SZB/SFJvhvQ="

  @Test func `each secret signs the exact bytes`() {
    #expect(Signature.header(id: "msg_1", seconds: 1_763_683_200, body: body, secrets: [Sample.secret]) == first)
    let both = Signature.header(id: "msg_1", seconds: 1_763_683_200, body: body, secrets: [Sample.secret, Sample.otherSecret])
    #expect(both == "\(first) \(second)")
  }

  @Test func `a receiver with either secret of a rotation believes it`() {
    for secret in [Sample.secret, Sample.otherSecret] {
      #expect(fault(header: "\(first) \(second)", secrets: [secret]) == nil)
    }
    #expect(fault(header: second, secrets: [Sample.secret]) == .mismatch)
  }

  @Test func `what was changed on the way is not believed`() {
    #expect(fault(body: body + [0x20]) == .mismatch)
    #expect(fault(id: "msg_2") == .mismatch)
    #expect(fault(timestamp: "1763683201") == .mismatch)
    #expect(fault(header: "v1,AAAA") == .mismatch)
    #expect(fault(header: "v2,+L5AgbNZvutLkRoorfP0F1SH0PPucGYCL6+PNoaKno8=") == .mismatch)
    #expect(fault(timestamp: "today") == .badTimestamp)
    #expect(fault(timestamp: nil) == .missingHeader)
  }

  @Test func `a time more than five minutes off is not believed`() {
    #expect(fault(now: now + 300_000) == nil)
    #expect(fault(now: now + 300_001) == .tooOld)
    #expect(fault(now: now - 300_000) == nil)
    #expect(fault(now: now - 300_001) == .tooNew)
  }

  @Test func `a secret is whsec_ and base64 of 16 to 64 bytes and never shows itself`() {
    #expect(WebhookSecret(text: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX") == nil)
    #expect(WebhookSecret(text: "whsec_AAEC") == nil)
    #expect(WebhookSecret(text: "whsec_!") == nil)
    #expect(!"\(Sample.secret)".contains("AAEC"))
    #expect(!String(reflecting: [Sample.secret]).contains("AAEC"))
  }

  @Test func `a secret file that others may read is refused, with the command that mends it`() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID()).txt").path
    defer { try? FileManager.default.removeItem(atPath: file) }
    try "# of 2025\nwhsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n\nwhsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n"
      .write(toFile: file, atomically: false, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
    #expect(throws: SinkConfigurationError("\(file): others may read or write this secret file; run: chmod 600 \(file)")) {
      try WebhookSecret.load(file: file)
    }
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
    #expect(try WebhookSecret.load(file: file) == [Sample.secret, Sample.otherSecret])
    try "\nwhsec_x\n".write(toFile: file, atomically: false, encoding: .utf8)
    #expect(throws: SinkConfigurationError("\(file):2: a secret is whsec_ and base64 of 16 to 64 bytes")) {
      try WebhookSecret.load(file: file)
    }
    #expect(throws: SinkConfigurationError.self) { try WebhookSecret.load(file: file + "-none") }
  }

  private func fault(
    id: String? = "msg_1", timestamp: String? = "1763683200", header: String? = nil, body: [UInt8]? = nil,
    secrets: [WebhookSecret] = [Sample.secret], now: Timestamp? = nil
  ) -> Signature.Fault? {
    Signature.fault(
      id: id, timestamp: timestamp, header: header ?? first, body: body ?? self.body, secrets: secrets, now: now ?? self.now)
  }
}
