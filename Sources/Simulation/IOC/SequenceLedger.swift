/// What a receiver keeps to notice lost events: of each sender the highest sequence, and the ids it has taken.
///
/// A sender is a path and a CloudEvents source: several sinks of one gateway may post to one stand-in under different paths.
package struct SequenceLedger: Sendable {
  /// How a sequence follows those before it.
  package enum Order: Sendable, Equatable {
    /// No sequence: a heartbeat.
    case unnumbered
    /// The first from this sender since the receiver started.
    case first
    case next
    /// Not above the highest: an event that was tried or sent again.
    case again
    /// Events between are missing.
    case gap(missing: ClosedRange<Int64>)
  }

  package private(set) var received = 0
  package private(set) var duplicates = 0
  package private(set) var gaps = 0
  private var highest: [String: Int64] = [:]
  private var taken: Set<String> = []

  package init() {}

  /// Notes an event that was verified, and says how it follows.
  package mutating func note(_ event: ReceivedEvent) -> Order {
    guard let sequence = event.sequence else { return .unnumbered }
    let sender = event.path + " " + event.source
    let last = highest[sender]
    highest[sender] = max(last ?? 0, sequence)
    guard let last else { return .first }
    if sequence <= last { return .again }
    if sequence == last + 1 { return .next }
    gaps += 1
    return .gap(missing: last + 1...sequence - 1)
  }

  package func isDuplicate(_ event: ReceivedEvent) -> Bool { taken.contains(event.path + " " + event.id) }

  /// Notes that an event was answered with 2xx.
  package mutating func take(_ event: ReceivedEvent) {
    guard event.sequence != nil else { return }
    if taken.insert(event.path + " " + event.id).inserted { received += 1 } else { duplicates += 1 }
  }
}
