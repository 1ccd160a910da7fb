package import DeviceRegistry
package import Readings

/// The simulated city: every message of a scenario in order of arrival, from (scenario, registry, seed) alone. The same three give
/// the same bytes, at any time and on any machine. Each device has random numbers of its own, so that adding one device changes
/// nothing that the others say.
package struct CityModel: Sequence, IteratorProtocol {
  /// What goes wrong in the simulated span, in order of time.
  package let truth: [TruthRecord]
  /// The first instant, and the first that is no longer simulated.
  package let span: Range<Timestamp>

  private let scenario: Scenario
  private let weather: Weather
  private var devices: [SimulatedDevice] = []
  private var pending = ArrivalQueue()
  private var payload = NativePayloadWriter()

  /// - Parameters:
  ///   - seed: instead of the scenario's own.
  ///   - start: moves the scenario, incidents and all, to another instant.
  ///   - length: instead of the scenario's own.
  package init(scenario: Scenario, registry: Registry, seed: UInt64? = nil, start: Timestamp? = nil, length: Milliseconds? = nil) {
    var scenario = scenario
    scenario.start = start ?? scenario.start
    let seed = seed ?? scenario.seed
    let span = scenario.start..<(scenario.start + (length ?? scenario.length))
    self.scenario = scenario
    self.span = span
    weather = Weather(knobs: scenario.weather, seed: SplitMix.mix(seed))
    truth = scenario.incidents.filter { scenario.start + $0.from < span.upperBound }.map { incident in
      TruthRecord(
        id: incident.id, kind: incident.kind.rawValue, devices: incident.devices, from: scenario.start + incident.from,
        to: scenario.start + incident.from + incident.length, strength: incident.strength, expect: incident.expect)
    }.sorted { ($0.from, $0.id) < ($1.from, $1.id) }
    for (index, device) in registry.devices.enumerated()
    where scenario.selection.contains(id: device.id, site: device.site, domain: registry.profile(of: index).domain) {
      devices.append(SimulatedDevice(index: index, registry: registry, scenario: scenario, seed: seed))
    }
    for index in devices.indices { enqueue(index) }
  }

  package mutating func next() -> SimulatedMessage? {
    guard let first = pending.popFirst() else { return nil }
    enqueue(first.device)
    return SimulatedMessage(at: first.at, topic: devices[first.device].topic, payload: first.payload)
  }

  /// Lets a device speak until it says something, or its time is up.
  private mutating func enqueue(_ index: Int) {
    while devices[index].nextTS < span.upperBound {
      guard let at = devices[index].speak(scenario, weather, &payload) else { continue }
      return pending.insert(ArrivalQueue.Entry(at: at, device: index, payload: payload.bytes))
    }
  }
}

/// What is under way to the broker, at most one message a device, earliest first: a binary heap.
struct ArrivalQueue {
  struct Entry {
    let at: Timestamp
    let device: Int
    let payload: [UInt8]

    func comesBefore(_ other: Entry) -> Bool { (at, device) < (other.at, other.device) }
  }

  private var heap: [Entry] = []

  mutating func insert(_ entry: Entry) {
    heap.append(entry)
    var child = heap.count - 1
    while child > 0, heap[child].comesBefore(heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func popFirst() -> Entry? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].comesBefore(heap[least]) { least = child }
      if least == parent { return first }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
