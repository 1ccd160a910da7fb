import Alerting
import DeviceRegistry
import Foundation
import Readings

/// What an operator says of alerts.
///
///     {"ack":"<alert id>","by":"…","note":"…"}
///     {"close":"<alert id>","by":"…","note":"…"}
///     {"silence":{"id":"…","rule":["…"],"device":["…"],"zone":["…"],"site":["…"],"severity":["…"],"from":"RFC 3339","until":"RFC 3339",
///                 "weekly":{"days":["mon",…],"from":"22:00","to":"05:00"},"note":"…"},"by":"…"}
///     {"unsilence":"<id>","by":"…"}
///
/// `note`, the lists, `from` and `weekly` may be left out. A silence of an id that there is takes its place.
enum AlertCommand: Equatable, Sendable {
  static let listMax = 100
  static let noteMax = 1000
  static let nameMax = 200

  case acknowledge(alert: String, by: String, note: String?)
  case close(alert: String, by: String, note: String?)
  case silence(SilenceText, by: String)
  case unsilence(id: String, by: String)
  /// One of these, but not as it should be: why.
  case malformed(String)

  /// nil for what is none of these.
  init?(_ object: [String: Any]) {
    let verbs = ["ack", "close", "silence", "unsilence"].filter { object[$0] != nil }
    guard let verb = verbs.first else { return nil }
    var reader = FieldReader(object)
    reader.allow(verbs.count == 1 ? [verb, "by", "note"] : [])
    let by = reader.text("by", most: Self.nameMax) ?? ""
    if by.isEmpty { reader.fault = reader.fault ?? "\"by\" says who" }
    switch verb {
    case "ack": self = .acknowledge(alert: reader.text("ack", most: Self.nameMax) ?? "", by: by, note: reader.note())
    case "close": self = .close(alert: reader.text("close", most: Self.nameMax) ?? "", by: by, note: reader.note())
    case "unsilence": self = .unsilence(id: reader.text("unsilence", most: Self.nameMax) ?? "", by: by)
    default:
      var silence = FieldReader(object["silence"] as? [String: Any] ?? [:])
      self = .silence(SilenceText(&silence), by: by)
      reader.fault = reader.fault ?? silence.fault
    }
    if let fault = reader.fault { self = .malformed(fault) }
  }
}

/// A silence as a command has it: its instants may still lie anywhere, and its names be nobody's.
struct SilenceText: Equatable, Sendable {
  private static let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

  var id: String
  var rules, devices, zones, sites: [String]
  var severities: [Severity]
  /// nil: from the command on.
  var from: Timestamp?
  var until: Timestamp
  var weekly: Silence.Weekly?
  var note: String?

  init(_ reader: inout FieldReader) {
    reader.allow(["id", "rule", "device", "zone", "site", "severity", "from", "until", "weekly", "note"])
    id = reader.text("id", most: 64) ?? ""
    if !id.isIdentifier { reader.fault = reader.fault ?? "a silence's \"id\" has 1 to 64 lower-case letters, digits, -, _ and ." }
    (rules, devices, zones, sites) = (reader.list("rule"), reader.list("device"), reader.list("zone"), reader.list("site"))
    let severities = reader.list("severity")
    self.severities = severities.compactMap { Severity(name: $0) }.sorted()
    if self.severities.count < severities.count { reader.fault = reader.fault ?? "a severity is info, minor, major or critical" }
    from = reader.instant("from")
    until = reader.instant("until") ?? Timestamp(milliseconds: 0)
    if reader.isMissing("until") { reader.fault = reader.fault ?? "\"until\" says when it ends" }
    note = reader.note()
    weekly = reader.isMissing("weekly") ? nil : Self.weekly(&reader)
  }

  private static func weekly(_ reader: inout FieldReader) -> Silence.Weekly? {
    var weekly = reader.fields("weekly")
    weekly.allow(["days", "from", "to"])
    let names = weekly.list("days")
    let days = Set(names.compactMap { Self.days.firstIndex(of: $0) })
    if days.isEmpty || names.contains(where: { !Self.days.contains($0) }) {
      weekly.fault = weekly.fault ?? "\"days\" are some of mon, tue, wed, thu, fri, sat, sun"
    }
    let (from, to) = (weekly.minuteOfDay("from"), weekly.minuteOfDay("to"))
    if from == nil || to == nil { weekly.fault = weekly.fault ?? "\"weekly\" wants \"from\" and \"to\" as 22:00" }
    reader.fault = reader.fault ?? weekly.fault
    return Silence.Weekly(days: days.sorted(), from: from ?? 0, to: to ?? 0)
  }
}

/// The fields of a JSON object, and the first thing that is wrong with them.
struct FieldReader {
  private let object: [String: Any]
  var fault: String?

  init(_ object: [String: Any]) { self.object = object }

  mutating func allow(_ names: Set<String>) {
    if let other = object.keys.filter({ !names.contains($0) }).min() { fault = fault ?? "\"\(other.prefix(40))\" has no place here" }
  }

  func isMissing(_ name: String) -> Bool { object[name] == nil || object[name] is NSNull }

  mutating func text(_ name: String, most: Int) -> String? {
    if isMissing(name) { return nil }
    guard let text = object[name] as? String, text.unicodeScalars.count <= most,
      name == "note" || !text.isEmpty && text.isOneLine
    else {
      fault = fault ?? "\"\(name)\" is a text of at most \(most) characters\(name == "note" ? "" : ", on one line")"
      return nil
    }
    return text
  }

  mutating func note() -> String? { text("note", most: AlertCommand.noteMax).flatMap { $0.isEmpty ? nil : $0 } }

  /// Each once, in order.
  mutating func list(_ name: String) -> [String] {
    if isMissing(name) { return [] }
    guard let list = object[name] as? [String], list.count <= AlertCommand.listMax,
      list.allSatisfy({ !$0.isEmpty && $0.unicodeScalars.count <= AlertCommand.nameMax })
    else {
      fault = fault ?? "\"\(name)\" is a list of at most \(AlertCommand.listMax) names"
      return []
    }
    return Set(list).sorted()
  }

  mutating func instant(_ name: String) -> Timestamp? {
    if isMissing(name) { return nil }
    guard let text = object[name] as? String, let t = Timestamp(rfc3339: text) else {
      fault = fault ?? "\"\(name)\" is a time such as 2025-11-21T22:00:00+07:00"
      return nil
    }
    return t
  }

  mutating func fields(_ name: String) -> FieldReader {
    guard let fields = object[name] as? [String: Any] else {
      fault = fault ?? "\"\(name)\" is an object"
      return FieldReader([:])
    }
    return FieldReader(fields)
  }

  /// nil where there is none, or it is no time of day.
  func minuteOfDay(_ name: String) -> Int? {
    // Digits alone: `Int` would take a sign as well.
    guard let text = object[name] as? String, text.utf8.count == 5, text.utf8.dropFirst(2).first == UInt8(ascii: ":"),
      text.utf8.count(where: { (0x30...0x39).contains($0) }) == 4, let hour = Int(text.prefix(2)), let minute = Int(text.suffix(2)),
      (0..<24).contains(hour), (0..<60).contains(minute)
    else { return nil }
    return hour * 60 + minute
  }
}

extension String {
  fileprivate var isIdentifier: Bool {
    (1...64).contains(utf8.count)
      && utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
        default: false
        }
      }
  }
}
