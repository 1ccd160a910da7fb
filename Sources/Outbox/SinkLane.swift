import Readings

/// The events of one alert that wait for a sink, in order of sequence: one is under way at a time.
struct SinkLane: Sendable {
  struct Entry: Sendable {
    let sequence: Int64
    var attempts: Int
    /// Its time has come once before: what is stored of it counts no more.
    var isDue = false
    /// Nil where it is to be read again before it is sent: only the first few are held with their bodies.
    var delivery: WaitingDelivery?
  }

  /// Where the sink's lists have it.
  enum Place: Sendable, Equatable {
    case nowhere
    /// Its first event may be sent.
    case ready(Int64)
    /// Its first event is to be read.
    case wanted(Int64)
    case waiting(until: Milliseconds, Int64)
  }

  /// Events of one alert that are held with their bodies.
  static let loadedMax = 4

  var place = Place.nowhere
  /// Not to be tried before.
  var heldUntil: Milliseconds?
  private(set) var underWay: Entry?
  private(set) var entries: ArraySlice<Entry> = []
  /// So many of the first are held with their bodies, and none behind them.
  private(set) var loaded = 0

  var head: Entry? { entries.first }
  var isEmpty: Bool { entries.isEmpty && underWay == nil }
  var count: Int { entries.count + (underWay == nil ? 0 : 1) }

  func contains(_ sequence: Int64) -> Bool {
    if underWay?.sequence == sequence { return true }
    let at = position(of: sequence)
    return at < entries.endIndex && entries[at].sequence == sequence
  }

  /// Puts a new one in its place.
  mutating func insert(_ delivery: WaitingDelivery) {
    let at = position(of: delivery.sequence)
    let index = at - entries.startIndex
    let isHeld = heldUntil == nil && index <= loaded && index < SinkLane.loadedMax
    entries.insert(Entry(sequence: delivery.sequence, attempts: delivery.attempts, delivery: isHeld ? delivery : nil), at: at)
    if isHeld { loaded += 1 }
    unload(from: SinkLane.loadedMax)
  }

  /// The first, to be sent.
  mutating func takeHead() -> WaitingDelivery {
    guard let entry = entries.popFirst(), var delivery = entry.delivery, underWay == nil else {
      preconditionFailure("what is sent is the first of its alert, was read, and nothing of it is under way")
    }
    loaded -= 1
    delivery.attempts = max(delivery.attempts, entry.attempts)
    underWay = Entry(sequence: entry.sequence, attempts: delivery.attempts, isDue: true, delivery: delivery)
    return delivery
  }

  /// What was under way, which is settled.
  mutating func finish() -> Entry {
    guard let entry = underWay else { preconditionFailure("an attempt is of what is under way") }
    underWay = nil
    return entry
  }

  /// What was under way is to be tried again.
  mutating func postpone(until: Milliseconds, attempts: Int) {
    var entry = finish()
    heldUntil = until
    unload(from: 0)
    entry.attempts = attempts
    entry.delivery = nil
    entries.insert(entry, at: position(of: entry.sequence))
  }

  mutating func noteDue() { if !entries.isEmpty { entries[entries.startIndex].isDue = true } }

  /// The first is not to be tried before.
  mutating func hold(until: Milliseconds) {
    heldUntil = until
    noteDue()
    unload(from: 0)
  }

  /// What was read of one that was wanted. Nil takes it out: it waits no longer.
  mutating func fill(_ sequence: Int64, _ delivery: WaitingDelivery?) {
    let at = position(of: sequence)
    guard at < entries.endIndex, entries[at].sequence == sequence else { return }
    let index = at - entries.startIndex
    guard let delivery else {
      if index < loaded { loaded -= 1 }
      entries.remove(at: at)
      return
    }
    guard index == loaded, index < SinkLane.loadedMax else { return }
    entries[at].delivery = delivery
    loaded += 1
  }

  /// Takes out those that are held with their bodies and for which it holds.
  mutating func removeLoaded(where holds: (WaitingDelivery) -> Bool) -> [Entry] {
    let removed = entries.prefix(loaded).filter { $0.delivery.map(holds) ?? false }
    guard !removed.isEmpty else { return [] }
    entries.removeAll { entry in entry.delivery.map(holds) ?? false }
    loaded -= removed.count
    return removed
  }

  /// Forgets all but what is under way.
  mutating func forget() { (entries, loaded, heldUntil, place) = ([], 0, nil, .nowhere) }

  private mutating func unload(from index: Int) {
    guard index < loaded else { return }
    for at in entries.startIndex + index..<entries.startIndex + loaded { entries[at].delivery = nil }
    loaded = index
  }

  /// Where it is, or would be.
  private func position(of sequence: Int64) -> Int {
    if let last = entries.last, last.sequence < sequence { return entries.endIndex }
    var (low, high) = (entries.startIndex, entries.endIndex)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].sequence < sequence { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// Lanes by a number, in its order: the earliest due, or the lowest sequence, first.
struct SinkLaneList: Sendable {
  private var items: ArraySlice<(number: Int64, lane: String)> = []

  var first: (number: Int64, lane: String)? { items.first }
  var isEmpty: Bool { items.isEmpty }
  var newestFirst: some Sequence<String> { items.reversed().lazy.map(\.lane) }

  mutating func insert(_ number: Int64, _ lane: String) { items.insert((number, lane), at: position(number, lane)) }

  mutating func remove(_ number: Int64, _ lane: String) {
    let at = position(number, lane)
    guard at < items.endIndex, items[at] == (number, lane) else { preconditionFailure("a lane is where it says") }
    items.remove(at: at)
  }

  private func position(_ number: Int64, _ lane: String) -> Int {
    var (low, high) = (items.startIndex, items.endIndex)
    while low < high {
      let middle = (low + high) / 2
      if items[middle] < (number, lane) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
