package import Readings

/// One message of the simulated city, as a broker would deliver it.
package struct SimulatedMessage: Sendable {
  /// When it arrives.
  package var at: Timestamp
  package var topic: String
  /// UTF-8 JSON in one line, in the native form.
  package var payload: [UInt8]

  package init(at: Timestamp, topic: String, payload: [UInt8]) { (self.at, self.topic, self.payload) = (at, topic, payload) }
}

/// What really happened: one incident of a scenario that fell into the simulated span.
package struct TruthRecord: Hashable, Sendable {
  package var id: String
  package var kind: String
  package var devices: [String]
  package var from: Timestamp
  package var to: Timestamp
  package var strength: Double
  /// Rules that should raise an alert for it.
  package var expect: [String]

  /// One line of JSON without its line feed; instants in milliseconds, as in traces.
  package var json: [UInt8] {
    var writer = JSONWriter()
    writer.object { w in
      w.field("id", id)
      w.field("kind", kind)
      w.field("devices", array: { list in for device in devices { list.value(device) } })
      w.field("from", from.milliseconds)
      w.field("to", to.milliseconds)
      w.field("strength", strength)
      w.field("expect", array: { list in for rule in expect { list.value(rule) } })
    }
    return writer.bytes
  }
}

/// Writes native payloads without going through text of doubles: a value is a whole number of its metric's decimals.
struct NativePayloadWriter {
  private(set) var bytes: [UInt8] = []

  mutating func begin(ts: Timestamp) {
    bytes.removeAll(keepingCapacity: true)
    append("{\"ts\":")
    append(ts.milliseconds)
    append(",\"values\":{")
  }

  mutating func value(_ key: [UInt8], _ value: Double, decimals: Int) {
    separate(key)
    guard value.isFinite else { return append("null") }
    append(fixed: value, decimals: decimals)
  }

  mutating func word(_ key: [UInt8], _ word: String) {
    separate(key)
    append("\"\(word)\"")
  }

  mutating func null(_ key: [UInt8]) {
    separate(key)
    append("null")
  }

  mutating func end(status: StaticString) {
    append("},\"status\":\"")
    append(status)
    append("\"}")
  }

  private mutating func separate(_ key: [UInt8]) {
    if bytes.last != UInt8(ascii: "{") { bytes.append(UInt8(ascii: ",")) }
    bytes.append(contentsOf: key)
  }

  private mutating func append(_ text: StaticString) { text.withUTF8Buffer { bytes.append(contentsOf: $0) } }
  private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
  private mutating func append(_ number: Int64) { bytes.append(contentsOf: String(number).utf8) }

  private mutating func append(fixed value: Double, decimals: Int) {
    var factor: Int64 = 1
    for _ in 0..<decimals { factor *= 10 }
    let scaled = Int64((value * Double(factor)).rounded(.toNearestOrAwayFromZero))
    if scaled < 0 { bytes.append(UInt8(ascii: "-")) }
    append(Int64(scaled.magnitude) / factor)
    var fraction = Int64(scaled.magnitude) % factor
    guard fraction != 0 else { return }
    bytes.append(UInt8(ascii: "."))
    while fraction != 0 {
      factor /= 10
      bytes.append(UInt8(ascii: "0") + UInt8(fraction / factor))
      fraction %= factor
    }
  }
}
