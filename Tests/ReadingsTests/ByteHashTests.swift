import Readings
import Testing

@Suite struct ByteHashTests {
  private func hash(_ bytes: [UInt8], seed: UInt64? = nil) -> UInt64 {
    bytes.withUnsafeBytes { bytes in seed.map { ByteHash.of(bytes, seed: $0) } ?? ByteHash.of(bytes) }
  }

  @Test func everyLengthAndEveryByteOfATextCounts() {
    var seen: Set<UInt64> = []
    for length in 0...40 {
      var bytes = [UInt8](repeating: 0, count: length)
      #expect(seen.insert(hash(bytes)).inserted, "length \(length)")
      for i in bytes.indices {
        bytes[i] = 1
        #expect(seen.insert(hash(bytes)).inserted, "length \(length), byte \(i)")
        bytes[i] = 0
      }
    }
  }

  @Test func theSeedCounts() {
    let bytes = Array("thuong/v1/bac-giang/traffic/bg-tr-001/telemetry".utf8)
    #expect(hash(bytes, seed: 1) != hash(bytes, seed: 2))
    #expect(hash(bytes, seed: 1) == hash(bytes, seed: 1))
  }
}
