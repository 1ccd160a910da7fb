/// Writes JSON with its keys in the order given, the same bytes for the same calls: events and golden files are compared byte for byte.
package struct JSONWriter: Sendable {
  package private(set) var bytes: [UInt8] = []
  private var needsComma = false

  package init(reserving capacity: Int = 256) { bytes.reserveCapacity(capacity) }

  package var text: String { String(decoding: bytes, as: UTF8.self) }

  package mutating func beginObject() { open(0x7b) }
  package mutating func endObject() { close(0x7d) }
  package mutating func beginArray() { open(0x5b) }
  package mutating func endArray() { close(0x5d) }

  /// An object of what `body` writes.
  package mutating func object(_ body: (inout JSONWriter) -> Void) {
    beginObject()
    body(&self)
    endObject()
  }

  package mutating func array(_ body: (inout JSONWriter) -> Void) {
    beginArray()
    body(&self)
    endArray()
  }

  package mutating func key(_ name: String) {
    separate()
    quote(name)
    bytes.append(0x3a)
    needsComma = false
  }

  package mutating func value(_ text: String) {
    separate()
    quote(text)
  }
  package mutating func value(_ number: Int64) {
    separate()
    bytes.append(contentsOf: String(number).utf8)
  }
  package mutating func value(_ number: Int) { value(Int64(number)) }
  package mutating func value(_ flag: Bool) { raw(flag ? "true" : "false") }
  /// A number that reads back as the same double; whole numbers without a point. Infinities and NaN, which JSON lacks, become null.
  package mutating func value(_ number: Double) { raw(JSONWriter.number(number)) }
  package mutating func null() { raw("null") }

  package mutating func field(_ name: String, _ v: String) {
    key(name)
    value(v)
  }
  package mutating func field(_ name: String, _ v: Int64) {
    key(name)
    value(v)
  }
  package mutating func field(_ name: String, _ v: Int) {
    key(name)
    value(v)
  }
  package mutating func field(_ name: String, _ v: Double) {
    key(name)
    value(v)
  }
  package mutating func field(_ name: String, _ v: Bool) {
    key(name)
    value(v)
  }
  package mutating func field(_ name: String, _ v: String?) {
    key(name)
    if let v { value(v) } else { null() }
  }
  package mutating func field(_ name: String, _ v: Double?) {
    key(name)
    if let v { value(v) } else { null() }
  }
  package mutating func field(_ name: String, object body: (inout JSONWriter) -> Void) {
    key(name)
    object(body)
  }
  package mutating func field(_ name: String, array body: (inout JSONWriter) -> Void) {
    key(name)
    array(body)
  }
  package mutating func fieldNull(_ name: String) {
    key(name)
    null()
  }

  /// JSON text made elsewhere, inserted as one value.
  package mutating func raw(_ json: String) {
    separate()
    bytes.append(contentsOf: json.utf8)
  }
  package mutating func raw(_ json: some Sequence<UInt8>) {
    separate()
    bytes.append(contentsOf: json)
  }

  /// A line feed between documents: NDJSON.
  package mutating func endLine() {
    bytes.append(0x0a)
    needsComma = false
  }
  package mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    needsComma = false
  }

  package static func number(_ number: Double) -> String {
    guard number.isFinite else { return "null" }
    if number == number.rounded(), abs(number) < 9_007_199_254_740_992, !(number == 0 && number.sign == .minus) {
      return String(Int64(number))
    }
    return number.description
  }

  private mutating func separate() {
    if needsComma { bytes.append(0x2c) }
    needsComma = true
  }
  private mutating func open(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    needsComma = false
  }
  private mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }

  private mutating func quote(_ text: String) {
    bytes.append(0x22)
    for byte in text.utf8 {
      switch byte {
      case 0x22, 0x5c: bytes.append(contentsOf: [0x5c, byte])
      case 0x0a: bytes.append(contentsOf: [0x5c, 0x6e])
      case 0x0d: bytes.append(contentsOf: [0x5c, 0x72])
      case 0x09: bytes.append(contentsOf: [0x5c, 0x74])
      case 0..<0x20:
        let hex = Array("0123456789abcdef".utf8)
        bytes.append(contentsOf: [0x5c, 0x75, 0x30, 0x30, hex[Int(byte >> 4)], hex[Int(byte & 15)]])
      default: bytes.append(byte)
      }
    }
    bytes.append(0x22)
  }
}
