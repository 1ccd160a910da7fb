import Decoding
import Fuzzing
import TestSupport
import Testing

/// Payloads by the hundred thousand, compared with the plain reader.
@Suite struct PayloadFuzzTests {
  private static let payloads = [
    #"{"ts": 1763683200000, "values": {"speed": 42.5, "occupancy": 12.25}, "status": "00"}"#,
    #"[{"ts":"2025-11-21T07:00:00.250+07:00","values":{"a":1,"b":null}},{"values":{"a":-1e-3},"status":{"a":"01","b":"02"}}]"#,
    #"{"values":{"door":"OPEN","lamp":true,"x":[1,{"y":false}],"z":"\ud83d\ude80é"},"device":"bg-tr-001","extra":{"a":[1,2,[3]],"b":"\\\""}}"#,
    #" [ { "values" : { } } , 1 , null , { "ts" : null , "values" : { "m" : 0 } } ] "#,
  ].map { Array($0.utf8) }

  @Test func everyTruncationOfAPayloadIsMalformed() {
    var decoder = NativeDecoder()
    for payload in Self.payloads {
      let whole = payload.last == 0x20 ? Array(payload.dropLast()) : payload
      #expect(Decoded.by(&decoder, whole) != nil)
      for length in 0..<whole.count { #expect(Decoded.by(&decoder, Array(whole.prefix(length))) == nil, "\(length) bytes") }
    }
  }

  @Test func everySingleByteChangedDecodesAsThePlainReaderSays() {
    var decoder = NativeDecoder()
    for payload in Self.payloads {
      for i in payload.indices {
        for byte in UInt8.min...UInt8.max {
          var changed = payload
          changed[i] = byte
          guard agree(&decoder, changed, "byte \(i) as \(byte)") else { return }
        }
      }
    }
  }

  @Test(arguments: [UInt64(11), 12, 13, 14]) func randomDamageDecodesAsThePlainReaderSays(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var decoder = NativeDecoder()
    let pieces = [
      "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u00e9", "\\ud800", "1", "-", ".", "e", "0", "null", "true", "NaN", " ", "\n", "\0",
      "\"values\":", "\"ts\":1",
      "\"status\":\"01\"", "{\"values\":{}}", "1e999", "\u{feff}", "é", "🚀", "\u{7f}",
    ].map { Array($0.utf8) }
    for round in 0..<30_000 {
      var bytes = Self.payloads.randomElement(using: &random) ?? []
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let at = Int.random(in: 0...bytes.count, using: &random)
        let end = Int.random(in: at...min(bytes.count, at + 6), using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes.removeSubrange(at..<end)
        case 1: bytes.insert(contentsOf: pieces.randomElement(using: &random) ?? [], at: at)
        case 2: bytes.insert(contentsOf: bytes[at..<end], at: at)
        default: bytes.insert(.random(in: 0...255, using: &random), at: at)
        }
      }
      guard agree(&decoder, bytes, "seed \(seed), round \(round)") else { return }
    }
  }

  @Test(arguments: [UInt64(21), 22]) func randomBytesNeverStopTheDecoder(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var decoder = NativeDecoder()
    for round in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      guard agree(&decoder, bytes, "seed \(seed), round \(round)") else { return }
    }
  }

  @Test func whatADecoderReadBeforeDoesNotMatter() {
    let seed: UInt64 = 31
    var random = SeededGenerator(seed: seed)
    var decoder = NativeDecoder()
    let long = Array(("{\"values\":{" + (0..<2000).map { "\"m\($0)\":\($0)" }.joined(separator: ",") + "}}").utf8)
    for _ in 0..<200 {
      let payload = (Self.payloads + [long, Array("{".utf8), []]).randomElement(using: &random) ?? []
      #expect(Decoded.by(&decoder, payload) == Decoded.expected(payload), "seed \(seed)")
    }
  }

  private func agree(_ decoder: inout NativeDecoder, _ bytes: [UInt8], _ place: String) -> Bool {
    let (found, expected) = (Decoded.by(&decoder, bytes), Decoded.expected(bytes))
    if found == expected { return true }
    Issue.record(
      "\(place): \(String(decoding: bytes, as: UTF8.self)) \(bytes)\n  is \(String(describing: found))\n  not \(String(describing: expected))"
    )
    return false
  }
}
