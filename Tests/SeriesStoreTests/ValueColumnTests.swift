import Foundation
import Readings
import SeriesStore
import TestSupport
import Testing

@Suite struct ValueColumnTests {
  private func bytes(of values: [Double], _ qualities: [UInt8]? = nil) -> [UInt8] {
    var encoder = ValueEncoder()
    return Array(encoder.encode(ValueColumn(values: values, qualities: qualities ?? [UInt8](repeating: 0, count: values.count))))
  }

  private func read(_ bytes: [UInt8], count: Int) throws -> ValueColumn {
    var decoder = ValueDecoder()
    var chunk = ValueColumn()
    try bytes.withUnsafeBytes { try decoder.decode($0, count: count, into: &chunk) }
    return chunk
  }

  /// Writes and reads again. Returns the size.
  @discardableResult
  private func check(_ values: [Double], _ qualities: [UInt8]? = nil, _ why: String = "") throws -> Int {
    let bytes = bytes(of: values, qualities)
    let chunk = try read(bytes, count: values.count)
    let isSame = zip(chunk.values, values).allSatisfy { $0.bitPattern == $1.bitPattern || $0.isNaN && $1.isNaN }
    #expect(isSame && chunk.values.count == values.count, "\(values.prefix(20)) \(why)")
    #expect(chunk.qualities == qualities ?? [UInt8](repeating: 0, count: values.count), "\(why)")
    return bytes.count
  }

  private static let tricky: [Double] = [
    0, -0.0, 1, -1, 0.1, 0.3, 1.0 / 3, 42.5, 1e9, 1e15, 0x1p51, -0x1p51, 0x1p53, 1e300, -1e-300, .leastNonzeroMagnitude,
    .greatestFiniteMagnitude, -.greatestFiniteMagnitude, 123456789.123456789, 0.000000001, 0.0000000001, .nan,
  ]

  @Test func `Every column of up to three tricky values comes back to the bit`() throws {
    for a in Self.tricky {
      try check([a])
      for b in Self.tricky {
        try check([a, b])
        for c in Self.tricky { try check([a, b, c]) }
      }
    }
  }

  @Test(arguments: 1...30 as ClosedRange<UInt64>) func `Columns of every kind come back to the bit`(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for round in 0..<60 {
      let (values, qualities) = Self.column(&random)
      try check(values, qualities, "seed \(seed), round \(round)")
    }
  }

  /// What sensors send, and what they should not.
  private static func column(_ random: inout SeededGenerator) -> (values: [Double], qualities: [UInt8]) {
    let count = Int.random(in: 1...700, using: &random)
    let power = pow(10, Double(Int.random(in: 0...4, using: &random)))
    let (level, width) = (Double.random(in: -1000...1000, using: &random), pow(10, Double.random(in: -3...4, using: &random)))
    var walk = level
    let kind = Int.random(in: 0..<6, using: &random)
    var values = (0..<count).map { place -> Double in
      switch kind {
      case 0: return (level * power).rounded() / power
      case 1: walk += Double.random(in: -width...width, using: &random)
      case 2: walk = level + Double.random(in: -width...width, using: &random)
      case 3: walk += width / 17
      case 4: return Double.random(in: -width...width, using: &random)
      default: walk = place % 97 < 48 ? 0 : 100
      }
      return (walk * power).rounded() / power
    }
    for _ in 0..<[0, 0, 1, 5, 100].randomElement(using: &random)! {
      values[Int.random(in: 0..<count, using: &random)] = tricky.randomElement(using: &random)!
    }
    var qualities = [UInt8](repeating: 0, count: count)
    if Bool.random(using: &random) {
      let start = Int.random(in: 0..<count, using: &random)
      for place in start..<Int.random(in: start...count, using: &random) {
        (values[place], qualities[place]) = (.nan, UInt8.random(in: 1...2, using: &random) | 0x80)
      }
    }
    return (values, qualities)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>) func `Whole numbers of any size come back`(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var encoder = IntegerEncoder()
    for round in 0..<100 {
      let bits = Int64.random(in: 0...63, using: &random)
      var last: Int64 = 0
      let isWalk = Bool.random(using: &random)
      let values = (0..<Int.random(in: 1...300, using: &random)).map { _ in
        let number = Int64.random(in: .min ... .max, using: &random) >> bits
        last = isWalk ? last &+ number : number
        return last
      }
      let bytes = Array(encoder.encode(values))
      var again: [Int64] = []
      try bytes.withUnsafeBytes { try IntegerDecoder.decode($0, count: values.count, into: &again) }
      #expect(again == values, "seed \(seed), round \(round)")
      #expect(bytes.count <= values.count * 82 / 8 + 24, "at worst an escape each: 12 bits, 6 and 64")
    }
  }

  @Test func `Bytes that are cut, longer or changed are refused or are another column, and read nothing beyond their end`() throws {
    var random = SeededGenerator(seed: 7)
    var refused = 0
    for _ in 0..<3000 {
      let (values, qualities) = Self.column(&random)
      var bytes = bytes(of: values, qualities)
      switch Int.random(in: 0..<3, using: &random) {
      case 0: bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
      case 1: bytes += (0..<Int.random(in: 1...9, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      default: bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      }
      do {
        let chunk = try read(bytes, count: values.count)
        #expect(chunk.values.count == values.count && !chunk.values.contains { $0.isInfinite })
      } catch is ChunkFault { refused += 1 }
    }
    #expect(refused > 2000, "\(refused) of 3000")
  }

  /// The tables and the layout are on users' disks: these bytes are for good.
  @Test func `The format stays as it is`() throws {
    func hex(_ bytes: [UInt8]) -> String { bytes.map { String(format: "%02x", $0) }.joined() }
    var walk = (1...24).map { (n: Int) -> Double in Double(400 + n * (7 * n + 31) % 23) / 10 }
    #expect(hex(bytes(of: walk)) == "011620be06a69c0200e1f9af80fa8cad50afead9b57470")
    #expect(hex(bytes(of: [100, 100, 100])) == "000030c80100")
    #expect(hex(bytes(of: (0..<9).map { (n: Int) -> Double in Double(n * n / 2) })) == "000c10000093fe0500d475")
    #expect(hex(bytes(of: [1.0 / 3, 1.0 / 3, 2.0 / 3, 0.1])) == "0f2e666666666667ec4f82563fd5555555555555")
    walk[3] = .nan
    walk[9] = 1e300
    #expect(
      hex(bytes(of: walk, walk.map { (value: Double) -> UInt8 in value.isNaN ? 2 : 0 }))
        == "31030300010214000206010b9c7500883ce4377e1520be06074d07f63d80067d1b5f139b81243180")
  }

  @Test func `The tables stay as they are`() throws {
    var random = SeededGenerator(seed: 20_251_121)
    var (all, forms): ([UInt8], Set<UInt8>) = ([], [])
    for width in 0..<60 {
      for zeros in [0, 70, 97] {
        var level = 0
        let values = (0..<400).map { _ -> Double in
          if Int.random(in: 0..<100, using: &random) >= zeros {
            level += (0..<4).reduce(0) { sum, _ in sum + Int.random(in: -width...width, using: &random) } / 12
          }
          return Double(level)
        }
        let bytes = bytes(of: values)
        all += bytes
        forms.insert(bytes[1] & 63)
      }
    }
    #expect(forms.count >= 30, "\(forms.count) tables in use")
    #expect(all.withUnsafeBytes { ByteHash.of($0) } == 718_750_195_184_264_981, "\(all.count) bytes")
  }

  @Test func `What sensors send takes few bits`() throws {
    var random = SeededGenerator(seed: 1)
    func size(_ next: (Int) -> Double) throws -> Double { Double(try check((0..<512).map(next))) / 512 }
    func normal(_ random: inout SeededGenerator) -> Double {
      (0..<12).reduce(-6) { sum, _ in sum + Double.random(in: 0..<1, using: &random) }
    }
    var level = 30.0
    let walk = try size { _ in
      level += normal(&random) * 0.3
      return (level * 10).rounded() / 10
    }
    #expect(walk < 0.48, "differences of 3 tenths: log2(3 √(2πe)) bits are 0.45 bytes, and the column's head; \(walk)")
    #expect(try size { $0 % 240 < 120 ? 0 : 100 } < 0.05, "a lamp that is switched")
    #expect(try size { Double($0 * 7) / 100 } < 0.02, "a meter that runs evenly")
    #expect(try size { _ in Double.random(in: 0..<1, using: &random) } < 8.1, "nothing is to be had of noise")
  }
}
