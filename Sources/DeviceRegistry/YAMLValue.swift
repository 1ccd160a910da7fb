package import Yams

/// Gathers the faults of one load.
package final class FaultList {
  package private(set) var faults: [FileFault] = []
  package init() {}
  package func add(_ fault: FileFault) { faults.append(fault) }
  package func throwIfAny() throws(FileFaults) {
    if !faults.isEmpty { throw FileFaults(faults) }
  }
}

/// A place in a YAML file, read with type and range checks that name line and column. A wrong value is noted in `faults` and read as nil.
package struct YAMLValue {
  package let node: Node
  package let file: String
  package let faults: FaultList

  /// The file's whole content; nil (with a fault noted) where it is not YAML.
  package init?(text: String, file: String, faults: FaultList) {
    do {
      // Values are read as they stand (`07210` is a text where a text is asked for): no tag need be guessed, which is slow.
      guard let node = try Yams.compose(yaml: text, .basic) else {
        faults.add(FileFault(file: file, message: "the file is empty"))
        return nil
      }
      (self.node, self.file, self.faults) = (node, file, faults)
    } catch {
      faults.add(YAMLValue.fault(of: error, file: file))
      return nil
    }
  }

  /// A text from elsewhere (the environment), read with the same checks; `file` names it in messages.
  package init(scalar: String, file: String, faults: FaultList) { (node, self.file, self.faults) = (Node(scalar), file, faults) }

  private init(_ node: Node, like other: YAMLValue) { (self.node, file, faults) = (node, other.file, other.faults) }

  package var line: Int { node.mark?.line ?? 0 }
  package var column: Int { node.mark?.column ?? 0 }

  package func fault(_ message: String) { faults.add(FileFault(file: file, line: line, column: column, message: message)) }

  /// The entries of a mapping by key. Keys that are not in `keys` are faults that list what is known.
  package func mapping(keys: Set<String>) -> [String: YAMLValue]? {
    guard let entries = openMapping() else { return nil }
    var found: [String: YAMLValue] = [:]
    for (key, value) in entries {
      if let name = key.string, keys.contains(name) {
        found[name] = value
      } else {
        key.fault("unknown key \"\(key.node.string ?? "?")\"; known here: \(keys.sorted().joined(separator: ", "))")
      }
    }
    return found
  }

  /// The entries of a mapping whose keys are the user's own, in the file's order.
  package func openMapping() -> [(key: YAMLValue, value: YAMLValue)]? {
    guard let mapping = node.mapping else {
      fault("expected a mapping (key: value)")
      return nil
    }
    return mapping.map { (YAMLValue($0.key, like: self), YAMLValue($0.value, like: self)) }
  }

  package func list() -> [YAMLValue]? {
    guard let sequence = node.sequence else {
      fault("expected a list")
      return nil
    }
    return sequence.map { YAMLValue($0, like: self) }
  }

  /// A list, or one value that stands for a list of one.
  package func listOrOne() -> [YAMLValue] { node.sequence.map { $0.map { YAMLValue($0, like: self) } } ?? [self] }

  /// The scalar as it stands in the file (so that `07210` keeps its zero).
  package var string: String? { node.scalar?.string }
  package var isNull: Bool { node.scalar != nil && node.null != nil }
  package var isMapping: Bool { node.mapping != nil }
  package var isList: Bool { node.sequence != nil }

  package func text() -> String? {
    guard let text = string, !isNull else {
      fault("expected a text")
      return nil
    }
    return text
  }

  package func number() -> Double? {
    guard let text = string, let number = Double(text), number.isFinite else {
      fault("expected a number, got \(shown)")
      return nil
    }
    return number
  }

  package func integer(in range: ClosedRange<Int>) -> Int? {
    guard let text = string, let number = Int(text), range.contains(number) else {
      fault("expected a whole number from \(range.lowerBound) to \(range.upperBound), got \(shown)")
      return nil
    }
    return number
  }

  package func flag() -> Bool? {
    switch string {
    case "true": return true
    case "false": return false
    default:
      fault("expected true or false, got \(shown)")
      return nil
    }
  }

  /// A length of time such as `30s`, `5m`, `1h`, `400d`, `3y` (years of 365 days), in milliseconds.
  package func duration() -> Int64? {
    guard let text = string, let duration = DurationText.milliseconds(text) else {
      fault("expected a duration such as 30s, 5m, 1h or 1d, got \(shown)")
      return nil
    }
    return duration
  }

  /// One of the words given.
  package func word<T>(_ words: KeyValuePairs<String, T>) -> T? {
    if let text = string, let found = words.first(where: { $0.key == text }) { return found.value }
    fault("expected \(words.map(\.key).joined(separator: ", ")), got \(shown)")
    return nil
  }

  /// What stands here, for a message.
  package var shown: String {
    if isNull { return "nothing" }
    return string.map { "\"\($0.prefix(60))\"" } ?? (isMapping ? "a mapping" : "a list")
  }

  private static func fault(of error: any Error, file: String) -> FileFault {
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _), .composer(_, let problem, let mark, _):
      return FileFault(file: file, line: mark.line, column: mark.column, message: problem)
    case .duplicatedKeysInMapping(let duplicates, let context):
      return FileFault(
        file: file, line: context.mark.line, column: context.mark.column,
        message: "key given twice: \(duplicates.map { "\($0)" }.joined(separator: ", "))")
    case .reader(let problem, _, _, _):
      return FileFault(file: file, message: "not readable as UTF-8 YAML: \(problem)")
    default: return FileFault(file: file, message: "not readable as YAML: \(error)")
    }
  }
}

/// Durations as people write them in files and arguments.
package enum DurationText {
  private static let units: [(String, Int64)] = [
    ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("y", 31_536_000_000),
  ]

  package static func milliseconds(_ text: String) -> Int64? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let number = Double(digits), number >= 0, let unit = units.first(where: { $0.0 == text.dropFirst(digits.count) }),
      number * Double(unit.1) < 1e15
    else { return nil }
    return Int64((number * Double(unit.1)).rounded())
  }

  /// The shortest exact text, `5m` rather than `300s`.
  package static func text(_ milliseconds: Int64) -> String {
    for (name, size) in units.dropLast().reversed() where milliseconds != 0 && milliseconds % size == 0 {
      return "\(milliseconds / size)\(name)"
    }
    return "0s"
  }
}

/// Identifiers of devices, profiles, sites, zones, rules and sinks.
package enum Identifier {
  package static let form = "lower-case letters, digits, \"-\", \"_\" and \".\", 1 to 64 of them"
  package static func isValid(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x5f || $0 == 0x2e }
  }

  /// Names of metrics, `[a-z][a-z0-9_]*`, as rules write them.
  package static func isMetric(_ text: String) -> Bool {
    guard let first = text.utf8.first, (0x61...0x7a).contains(first), text.utf8.count <= 64 else { return false }
    return text.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5f }
  }
}

extension YAMLValue {
  package func identifier() -> String? {
    guard let text = text() else { return nil }
    guard Identifier.isValid(text) else {
      fault("\"\(text.prefix(80))\" is no identifier: \(Identifier.form)")
      return nil
    }
    return text
  }
}
