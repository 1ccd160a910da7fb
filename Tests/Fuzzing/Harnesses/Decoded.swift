package import Decoding
import Readings
import TestSupport

/// What a payload holds, copied out of the decoder; and what it should hold.
package struct Decoded: Equatable {
  package enum Content: Equatable { case number(UInt64), null, text(String), notFinite, malformed }
  package enum Time: Equatable { case absent, malformed, at(Int64) }

  package struct Value: Equatable {
    package var name: String
    package var content: Content
    package var status: UInt8

    package init(name: String, content: Content, status: UInt8) { (self.name, self.content, self.status) = (name, content, status) }
  }

  package struct Object: Equatable {
    package var time: Time
    package var values: [Value]

    package init(time: Time, values: [Value]) { (self.time, self.values) = (time, values) }
  }

  package var isArray: Bool
  /// nil for an object that cannot be read.
  package var objects: [Object?]

  package init(isArray: Bool, objects: [Object?]) { (self.isArray, self.objects) = (isArray, objects) }
}

extension Decoded {
  /// nil where the payload is malformed as a whole.
  package static func by(_ decoder: inout NativeDecoder, _ bytes: [UInt8]) -> Decoded? { bytes.withUnsafeBytes { by(&decoder, $0) } }

  package static func by(_ decoder: inout NativeDecoder, _ bytes: UnsafeRawBufferPointer) -> Decoded? {
    let payload = decoder.decode(bytes)
    guard !payload.isMalformed else { return nil }
    return Decoded(isArray: payload.isArray, objects: (0..<payload.count).map { copy(payload.object($0)) })
  }

  private static func copy(_ object: DecodedObject) -> Object? {
    guard !object.isMalformed else { return nil }
    let time: Time =
      switch object.time {
      case .absent: .absent
      case .malformed: .malformed
      case .at(let t): .at(t.milliseconds)
      }
    let values = (0..<object.valueCount).map { i in
      let value = object.value(i)
      let content: Content =
        switch value.content {
        case .number(let n): .number(n.bitPattern)
        case .null: .null
        case .text: .text(value.text)
        case .notFinite: .notFinite
        case .malformed: .malformed
        }
      return Value(name: value.name, content: content, status: value.quality.byte)
    }
    return Object(time: time, values: values)
  }

  /// What the contract says of the bytes, by way of the plain reader.
  package static func expected(_ bytes: [UInt8]) -> Decoded? {
    guard let json = ReferenceJSON.read(bytes), !isTooDeep(json) else { return nil }
    switch json {
    case .object(let fields): return Decoded(isArray: false, objects: [object(fields)])
    case .array(let elements):
      return Decoded(
        isArray: true,
        objects: elements.map { element in
          guard case .object(let fields) = element else { return nil }
          return object(fields)
        })
    default: return nil
    }
  }

  /// Below what we read, values may nest 32 deep; deeper ones make the payload malformed.
  private static func isTooDeep(_ json: ReferenceJSON) -> Bool {
    switch json {
    case .object(let fields):
      fields.contains { key, value in
        if key == "values" || key == "status", case .object(let entries) = value { return entries.contains { $0.value.depth > 32 } }
        return value.depth > 32
      }
    case .array(let elements):
      elements.contains { element in
        if case .object = element { return isTooDeep(element) }
        return element.depth > 32
      }
    default: false
    }
  }

  private static func object(_ fields: [(key: String, value: ReferenceJSON)]) -> Object? {
    var found = Object(time: .absent, values: [])
    var status: UInt8 = 0
    var own: [(metric: String, status: UInt8)] = []
    var hasValues = false
    for (key, value) in fields {
      switch (key, value) {
      case ("values", .object(let entries)):
        hasValues = true
        for (name, value) in entries { found.values.append(Value(name: name, content: content(value), status: 0)) }
      case ("ts", .null): break
      case ("ts", .number(let text)):
        guard let n = Double(text), n >= 0, n <= 253_402_300_799_999, n == n.rounded() else { return nil }
        found.time = .at(Int64(n))
      case ("ts", .string(let text)):
        let t = Timestamp(rfc3339: text)?.milliseconds
        found.time = t.map { Timestamp.plausible.contains($0) ? .at($0) : .malformed } ?? .malformed
      case ("status", .string(let text)):
        guard let digits = digits(text) else { return nil }
        status = digits
      case ("status", .object(let entries)):
        for (metric, value) in entries {
          guard case .string(let text) = value, let digits = digits(text) else { return nil }
          own.append((metric, digits))
        }
      case ("device", .string): break
      case ("values", _), ("ts", _), ("status", _), ("device", _): return nil
      default: break
      }
    }
    for i in found.values.indices { found.values[i].status = own.last { same($0.metric, found.values[i].name) }?.status ?? status }
    return hasValues ? found : nil
  }

  /// Names are bytes: Unicode's other ways to write one letter are other names.
  private static func same(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

  private static func digits(_ text: String) -> UInt8? { Quality(text: text).flatMap { $0 == .range ? nil : $0.byte } }

  private static func content(_ value: ReferenceJSON) -> Content {
    switch value {
    case .number(let text): Double(text).map { $0.isFinite ? .number($0.bitPattern) : .notFinite } ?? .malformed
    case .bool(let flag): .number((flag ? 1.0 : 0.0).bitPattern)
    case .null: .null
    case .string(let text): .text(text)
    case .object, .array: .malformed
    }
  }
}
