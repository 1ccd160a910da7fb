/// Where values stand in JSON that our own writer made: valid, and without blanks between its parts. Numbers and texts are taken over as they
/// are written, without a round trip through floating point.
struct JSONPlaces {
  private let bytes: [UInt8]
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The bytes of a value, its quotes among them; nil where there is none.
  func value(at path: [[UInt8]]) -> ArraySlice<UInt8>? {
    var start = 0
    for name in path {
      guard let next = member(name, ofObjectAt: start) else { return nil }
      start = next
    }
    return bytes[start..<end(ofValueAt: start)]
  }

  private func member(_ name: [UInt8], ofObjectAt start: Int) -> Int? {
    guard start < bytes.count, bytes[start] == UInt8(ascii: "{") else { return nil }
    var at = start + 1
    while at < bytes.count, bytes[at] == UInt8(ascii: "\"") {
      let keyEnd = end(ofValueAt: at)
      let value = keyEnd + 1  // behind the colon
      guard value < bytes.count else { return nil }
      if bytes[at + 1..<keyEnd - 1].elementsEqual(name) { return value }
      at = end(ofValueAt: value) + 1  // behind the comma, or the bracket
    }
    return nil
  }

  /// Behind the value.
  private func end(ofValueAt start: Int) -> Int {
    var (at, depth, isInText) = (start, 0, false)
    while at < bytes.count {
      switch bytes[at] {
      case UInt8(ascii: "\\") where isInText: at += 1
      case UInt8(ascii: "\""):
        isInText.toggle()
        if !isInText, depth == 0 { return at + 1 }
      case _ where isInText: break
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return at }
        depth -= 1
        if depth == 0 { return at + 1 }
      case UInt8(ascii: ","):
        if depth == 0 { return at }
      default: break
      }
      at += 1
    }
    return bytes.count
  }
}
