import Foundation
import TestSupport

/// A native payload, read as the contract tells it.
struct ModelPayload {
  var isArray: Bool
  var objects: [ModelObject]

  /// nil for what is no JSON object and no array.
  init?(_ bytes: [UInt8]) {
    switch ReferenceJSON.read(bytes) {
    case .object(let fields): (isArray, objects) = (false, [ModelObject(fields)])
    case .array(let elements):
      isArray = true
      objects = elements.map { element in
        if case .object(let fields) = element { ModelObject(fields) } else { ModelObject() }
      }
    default: return nil
    }
  }
}

/// One message object.
struct ModelObject {
  enum Content {
    case number(Double), word(String), null, notFinite, malformed
  }

  struct Value {
    var metric: String
    var content: Content
    var status: String
  }

  /// nil where the arrival time counts, or where it cannot be read.
  var ts: Int64?
  /// It says no time at all.
  var isTimeless = true
  var device: String?
  var values: [Value] = []
  /// The object is rejected as a whole.
  var isMalformed = true

  /// What is no object.
  init() {}

  init(_ fields: [(key: String, value: ReferenceJSON)]) {
    var isGood = true
    var hasValues = false
    var status = "00"
    var ownStatus: [String: String] = [:]
    for (key, value) in fields {
      if key == "ts" { if case .null = value { isTimeless = true } else { isTimeless = false } }
      switch (key, value) {
      case ("ts", .null): break
      case ("ts", .number(let text)):
        let n = Double(text) ?? -1
        if n >= 0, n <= 253_402_300_799_999, n == n.rounded() { ts = Int64(n) } else { isGood = false }
      case ("ts", .string(let text)):
        ts = Self.time(text)
        isGood = isGood && ts != nil
      case ("device", .string(let text)): device = text
      case ("status", .string(let text)) where Self.isStatus(text): status = text
      case ("status", .object(let entries)):
        for (metric, value) in entries {
          if case .string(let text) = value, Self.isStatus(text) { ownStatus[metric] = text } else { isGood = false }
        }
      case ("values", .object(let entries)):
        hasValues = true
        values += entries.map { Value(metric: $0.key, content: Self.content($0.value), status: "") }
      case ("ts", _), ("device", _), ("status", _), ("values", _): isGood = false
      default: break
      }
    }
    for i in values.indices { values[i].status = ownStatus[values[i].metric] ?? status }
    isMalformed = !isGood || !hasValues
  }

  private static func content(_ value: ReferenceJSON) -> Content {
    switch value {
    case .number(let text): Double(text).map { $0.isFinite ? .number($0) : .notFinite } ?? .notFinite
    case .bool(let flag): .number(flag ? 1 : 0)
    case .string(let word): .word(word)
    case .null: .null
    case .object, .array: .malformed
    }
  }

  private static func isStatus(_ text: String) -> Bool { text.count == 2 && text.allSatisfy { "0"..."9" ~= $0 } }

  private static func time(_ text: String) -> Int64? {
    let date =
      (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text)) ?? (try? Date.ISO8601FormatStyle().parse(text))
    return date.map { Int64(($0.timeIntervalSince1970 * 1000).rounded()) }
  }
}
