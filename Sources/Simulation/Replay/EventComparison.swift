package import Readings

/// Two lists of events beside each other: those of a golden file, and those of a run.
package enum EventComparison {
  /// One thing that is not as expected.
  package enum Difference: Sendable, Equatable {
    case missing(EventSummary)
    case unexpected(EventSummary)
    /// One of the same type, rule and subject came in its place.
    case differing(expected: EventSummary, found: EventSummary)
    /// What is compared agrees, but not every byte; from `column` on, counted from 1.
    case bytes(EventSummary, column: Int, expected: String, found: String)

    /// When, for their order.
    package var time: Timestamp {
      switch self {
      case .missing(let event), .unexpected(let event), .differing(let event, _), .bytes(let event, _, _, _): event.time
      }
    }

    /// For people, in one line; two where something differs in detail.
    package var text: String {
      switch self {
      case .missing(let event): "missing     \(event.text)"
      case .unexpected(let event): "unexpected  \(event.text)"
      case .differing(let expected, let found):
        "differs     \(expected.text)\n    found   \(found.text)"
      case .bytes(let event, let column, let expected, let found):
        "bytes       \(event.text)\n    column \(column): expected …\(expected)…, found …\(found)…"
      }
    }
  }

  /// An event with the bytes it came in.
  package struct Line: Sendable {
    package var summary: EventSummary
    package var bytes: [UInt8]

    /// Nil where the bytes are no CloudEvent of Thuong's.
    package init?(_ bytes: [UInt8]) {
      guard let summary = EventSummary(json: bytes) else { return nil }
      (self.summary, self.bytes) = (summary, bytes)
    }
  }

  /// - Parameter exact: whether all bytes must be the same, and the order.
  /// - Returns: in order of time.
  package static func differences(expected: [Line], found: [Line], exact: Bool) -> [Difference] {
    var open: [EventSummary: [Int]] = [:]
    for (place, line) in found.enumerated().reversed() { open[key(line.summary), default: []].append(place) }
    var differences: [Difference] = []
    var missing: [EventSummary] = []
    var taken: Set<Int> = []
    for line in expected {
      guard let place = open[key(line.summary)]?.popLast() else {
        missing.append(line.summary)
        continue
      }
      taken.insert(place)
      if exact, let difference = byteDifference(line, found[place]) { differences.append(difference) }
    }
    var unexpected = found.indices.filter { !taken.contains($0) }.map { found[$0].summary }
    for event in missing {
      if let place = unexpected.firstIndex(where: { ($0.type, $0.rule, $0.subject) == (event.type, event.rule, event.subject) }) {
        differences.append(.differing(expected: event, found: unexpected.remove(at: place)))
      } else {
        differences.append(.missing(event))
      }
    }
    differences += unexpected.map(Difference.unexpected)
    if exact, differences.isEmpty { differences += orderDifference(expected, found) }
    return differences.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
  }

  /// Alerts' ids follow from what else is compared, and are compared with the bytes alone.
  private static func key(_ event: EventSummary) -> EventSummary {
    var key = event
    key.alert = ""
    return key
  }

  private static func byteDifference(_ expected: Line, _ found: Line) -> Difference? {
    guard expected.bytes != found.bytes else { return nil }
    let same = zip(expected.bytes, found.bytes).prefix { $0 == $1 }.count
    let around = { (bytes: [UInt8]) in
      String(decoding: bytes[max(0, min(bytes.count, same) - 16)..<min(bytes.count, same + 24)], as: UTF8.self)
    }
    return .bytes(expected.summary, column: same + 1, expected: around(expected.bytes), found: around(found.bytes))
  }

  /// The same lines, in another order.
  private static func orderDifference(_ expected: [Line], _ found: [Line]) -> [Difference] {
    guard let place = zip(expected, found).enumerated().first(where: { $0.element.0.bytes != $0.element.1.bytes })?.offset else {
      return []
    }
    return [.differing(expected: expected[place].summary, found: found[place].summary)]
  }
}
