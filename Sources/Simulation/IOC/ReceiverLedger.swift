package import Readings

/// What a receiver keeps account of: which events it has, what of each sender's sequence is missing, and the state of every alert.
///
/// A sender is a path and a CloudEvents source: several sinks of one gateway may post to one stand-in under different paths. Events of
/// different alerts may come out of sequence, so a number that is passed over is *missing* only until it comes. It grows with the events,
/// by some hundred bytes each: it is for days of testing, not for years.
package struct ReceiverLedger: Sendable {
  /// How an event that is taken follows those before it.
  package enum Order: Sendable, Equatable {
    /// No sequence: a heartbeat.
    case unnumbered
    /// The sender's first, or one above the highest.
    case next
    /// Above that: those between are missing, unless they still come.
    case ahead(missing: ClosedRange<Int64>)
    /// Below the highest, and the first time.
    case behind
    /// An event of this id was taken before: fine, since delivery is at least once.
    case again
  }

  package struct Figures: Sendable, Equatable {
    /// Events answered as taken, heartbeats apart: `distinct` and `again`.
    package var events = 0
    package var distinct = 0
    package var again = 0
    /// Distinct events that came after one of a higher sequence: fine between alerts.
    package var outOfSequence = 0
    /// Distinct events that came after a later one of the *same* alert: only a redriven event may.
    package var outOfOrder = 0
    /// Sequences below the highest of their sender that have not come.
    package var missing: Int64 = 0
    /// Events that came again with other bytes: never right.
    package var altered = 0
    package var heartbeats = 0
    package init() {}
  }

  /// An alert as the last event that was applied to it says. An event with a revision not above it changes nothing.
  package struct AlertState: Sendable, Equatable {
    package var id: String
    package var revision: Int64
    package var isRaised: Bool
    package var severity: Severity
    package var rule: BilingualText
    package var subject: String
    package var message: BilingualText
    package var raisedAt: String?
    package var isAcknowledged: Bool
  }

  /// What the last heartbeat of a sender said.
  package struct Heartbeat: Sendable, Equatable {
    package var time: Timestamp?
    package var lastSequence, waiting: Int64
  }

  private struct Sender: Sendable {
    var sequences = SequenceSet()
    var heartbeat: Heartbeat?
  }

  private struct Name: Hashable, Sendable {
    var sender, id: String
  }

  /// As many events as the page shows.
  package static let recentMax = 100

  /// The last events taken, newest last.
  package private(set) var recent: [ReceivedEvent] = []
  private var counted = Figures()
  private var senders: [String: Sender] = [:]
  private var alerts: [Name: AlertState] = [:]
  private var taken: Set<Name> = []
  /// Of the bytes of every event that was ever seen, taken or not.
  private var hashes: [Name: UInt64] = [:]

  package init() {}

  package var figures: Figures {
    var figures = counted
    figures.missing = senders.values.reduce(0) { $0 + $1.sequences.missing }
    return figures
  }

  /// Alerts that are raised, the gravest first, then by their start.
  package var openAlerts: [AlertState] {
    alerts.values.filter(\.isRaised).sorted {
      ($1.severity, $0.raisedAt ?? "", $0.id) < ($0.severity, $1.raisedAt ?? "", $1.id)
    }
  }

  /// Every alert's state, by id of the alert; of several senders the highest revision.
  package var alertStates: [String: AlertState] {
    Dictionary(alerts.values.map { ($0.id, $0) }, uniquingKeysWith: { $0.revision >= $1.revision ? $0 : $1 })
  }

  /// Of each sender (path and source) the sequences it has and what its last heartbeat said, by name.
  package var bySender: [(name: String, sequences: SequenceSet, heartbeat: Heartbeat?)] {
    senders.map { ($0.key, $0.value.sequences, $0.value.heartbeat) }.sorted { $0.0 < $1.0 }
  }

  package func isTaken(_ event: ReceivedEvent) -> Bool { taken.contains(Name(sender: event.sender, id: event.id)) }

  /// Notes the bytes of an event, whether or not it is taken then. False where they are not those that came under its id before.
  package mutating func compareBytes(of event: ReceivedEvent) -> Bool {
    let hash = event.body.withUnsafeBytes { ByteHash.of($0) }
    let name = Name(sender: event.sender, id: event.id)
    let known = hashes.updateValue(hash, forKey: name)
    guard let known, known != hash else { return true }
    counted.altered += 1
    return false
  }

  /// Notes that an event is kept and will be answered with 2xx.
  package mutating func take(_ event: ReceivedEvent) -> Order {
    guard let sequence = event.sequence else {
      if let heartbeat = event.heartbeat {
        counted.heartbeats += 1
        senders[event.sender, default: Sender()].heartbeat = heartbeat
      }
      return .unnumbered
    }
    counted.events += 1
    let name = Name(sender: event.sender, id: event.id)
    guard taken.insert(name).inserted else {
      counted.again += 1
      return .again
    }
    counted.distinct += 1
    apply(event)
    remember(event)
    return note(sequence, of: event.sender)
  }

  private mutating func note(_ sequence: Int64, of sender: String) -> Order {
    let highest = senders[sender]?.sequences.highest
    senders[sender, default: Sender()].sequences.insert(sequence)
    guard let highest, sequence != highest + 1 else { return .next }
    if sequence > highest { return .ahead(missing: highest + 1...sequence - 1) }
    counted.outOfSequence += 1
    return .behind
  }

  private mutating func apply(_ event: ReceivedEvent) {
    guard let state = event.alert else { return }
    let name = Name(sender: event.sender, id: state.id)
    if let known = alerts[name], state.revision <= known.revision {
      counted.outOfOrder += 1
    } else {
      alerts[name] = state
    }
  }

  private mutating func remember(_ event: ReceivedEvent) {
    var event = event
    event.body = []
    recent.append(event)
    if recent.count > Self.recentMax { recent.removeFirst() }
  }
}
