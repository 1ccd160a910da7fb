import Alerting
import Readings

/// The alerts that are raised now, by binding of the program, and what is asked of them by other ways.
struct OpenAlerts {
  /// By binding: its place in `alerts`.
  private var places: [Int: Int] = [:]
  /// In an array they are asked and changed where they stand: each tick goes through all of them, and a dictionary would copy each.
  private var alerts: ContiguousArray<AlertRecord?> = []
  private var free: [Int] = []
  private var bindings: [String: Int] = [:]
  /// Nobody is told of them while something inhibits them.
  private(set) var inhibited: Set<Int> = []
  private(set) var silenced: Set<Int> = []
  private(set) var late: Set<Int> = []
  /// By device: its alerts that are stale.
  private(set) var stale: [Int: Set<Int>] = [:]
  /// What of them has changed since the last commit.
  private(set) var changed: Set<Int> = []

  var isEmpty: Bool { places.isEmpty }
  var all: Dictionary<Int, Int>.Keys { places.keys }

  func isOpen(_ binding: Int) -> Bool { places[binding] != nil }
  func isStale(_ binding: Int) -> Bool { places[binding].map { alerts[$0]?.course.isStale ?? false } ?? false }
  func binding(ofAlert id: String) -> Int? { bindings[id] }
  var ids: Dictionary<String, Int>.Keys { bindings.keys }

  subscript(binding: Int) -> AlertRecord? { places[binding].flatMap { alerts[$0] } }

  mutating func insert(_ alert: AlertRecord, _ binding: Int) {
    if let place = places[binding] {
      alerts[place] = alert
    } else if let place = free.popLast() {
      (alerts[place], places[binding]) = (alert, place)
    } else {
      places[binding] = alerts.count
      alerts.append(alert)
    }
    bindings[alert.id] = binding
    index(alert, binding)
  }

  mutating func change(_ binding: Int, _ body: (inout AlertRecord) -> Void) {
    guard let place = places[binding], var alert = alerts[place] else { return }
    alerts[place] = nil  // so that nothing of it is copied when it changes
    body(&alert)
    index(alert, binding)
    alerts[place] = alert
    changed.insert(binding)
  }

  /// What happens to an alert's course; `none` where there is none.
  mutating func handle(_ event: AlertCourse.Event, _ binding: Int, _ terms: AlertCourse.Terms) -> AlertCourse.Action {
    guard let place = places[binding], let action = alerts[place]?.course.handle(event, terms) else { return .none }
    if action != .none {
      changed.insert(binding)
      if let alert = alerts[place] { index(alert, binding) }
    }
    return action
  }

  mutating func remove(_ binding: Int) -> AlertRecord? {
    guard let place = places.removeValue(forKey: binding), let alert = alerts[place] else { return nil }
    alerts[place] = nil
    free.append(place)
    bindings[alert.id] = nil
    inhibited.remove(binding)
    silenced.remove(binding)
    late.remove(binding)
    changed.remove(binding)
    return alert
  }

  mutating func mark(_ binding: Int, stale isStale: Bool, device: Int) {
    if isStale { stale[device, default: []].insert(binding) } else { stale[device]?.remove(binding) }
    if stale[device]?.isEmpty == true { stale[device] = nil }
  }

  mutating func committed() { changed.removeAll(keepingCapacity: true) }

  private mutating func index(_ alert: AlertRecord, _ binding: Int) {
    if alert.course.hold == .inhibited { inhibited.insert(binding) } else { inhibited.remove(binding) }
    if alert.course.hold == .silenced { silenced.insert(binding) } else { silenced.remove(binding) }
    if alert.course.isAwaitingLateData { late.insert(binding) } else { late.remove(binding) }
  }
}

/// Instants at which something is due between ticks, the earliest first.
struct DueQueue {
  /// In order of time; of one instant in the order in which they came.
  private var dues: [(at: Timestamp, binding: Int)] = []

  var first: Timestamp? { dues.first?.at }

  mutating func add(_ binding: Int, at t: Timestamp) {
    var (low, high) = (0, dues.count)
    while low < high {
      let middle = (low + high) / 2
      if dues[middle].at <= t { low = middle + 1 } else { high = middle }
    }
    dues.insert((t, binding), at: low)
  }

  /// Takes out what is due at `t` or before.
  mutating func take(until t: Timestamp) -> [Int] {
    let count = dues.firstIndex { $0.at > t } ?? dues.count
    defer { dues.removeFirst(count) }
    return dues[..<count].map(\.binding)
  }
}
