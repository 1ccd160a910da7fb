/// The path and query of a request line, split and percent-decoded once, with bounds.
package struct RequestTarget: Equatable {
  static let bytesMax = 4096
  static let segmentsMax = 16
  static let pairsMax = 16

  /// Decoded segments; `/a//b` has an empty one, `/` is one empty one.
  package var path: [String]
  /// Decoded keys and values in the order given.
  package var query: [Pair] = []

  package struct Pair: Equatable {
    package var key: String
    package var value: String
  }

  /// - Throws: a `Problem` where it is too long, has too many parts, or is no percent-encoded UTF-8.
  package init(_ target: String) throws(Problem) {
    let bytes = Array(target.utf8)
    guard bytes.count <= Self.bytesMax else { throw .targetTooLong }
    guard bytes.first == UInt8(ascii: "/") else { throw .badRequest("the address must begin with /") }
    let parts = bytes.dropFirst().split(separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
    path = []
    for segment in parts[0].split(separator: UInt8(ascii: "/"), maxSplits: Self.segmentsMax, omittingEmptySubsequences: false) {
      path.append(try Self.decode(segment))
    }
    guard parts.count == 2, !parts[1].isEmpty else { return }
    for pair in parts[1].split(separator: UInt8(ascii: "&"), maxSplits: Self.pairsMax, omittingEmptySubsequences: false) {
      guard query.count < Self.pairsMax else { throw .badQuery("at most \(Self.pairsMax) keys") }
      let halves = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      query.append(Pair(key: try Self.decode(halves[0]), value: halves.count == 2 ? try Self.decode(halves[1]) : ""))
    }
  }

  /// `+` stays itself: the offsets of RFC 3339 have one, and no value here has a space.
  private static func decode(_ bytes: ArraySlice<UInt8>) throws(Problem) -> String {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(bytes.count)
    var rest = bytes
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        decoded.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(hex), let low = rest.popFirst().flatMap(hex) else {
        throw .badRequest("a % in the address is not followed by two hexadecimal digits")
      }
      decoded.append(high << 4 | low)
    }
    guard let text = String(validating: decoded, as: UTF8.self) else { throw .badRequest("the address is not UTF-8") }
    return text
  }

  private static func hex(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
  }
}
