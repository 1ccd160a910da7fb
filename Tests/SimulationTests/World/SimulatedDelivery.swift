import Gateway
import Outbox
import Readings
import TestSupport

/// One sink's worker in a process of the simulation: performs what the real `SinkState` asks for, and hands marks to the real writer.
///
/// As the real one it commits marks while the next request is already under way, and forgets all it did not commit when the process ends.
final class SimulatedDelivery {
  let sink: String
  private let ioc: SimulatedIOC
  private unowned let gateway: SimulatedGateway
  private let machine: SimulatedMachine
  private var random: SeededGenerator
  private var machineState: SinkState
  /// What has happened, and what will: requests that are under way, reads that are tried again.
  private var inbox: [SinkState.Event] = [.wake]
  private var underWay: [(due: Milliseconds, event: () -> SinkState.Event?)] = []
  private var alarm: Milliseconds?
  private var isRung = false
  private var pending: [DeliveryMark] = []
  private var isCommitting = false
  /// The process has ended.
  private(set) var isOver = false

  init(sink: String, ioc: SimulatedIOC, gateway: SimulatedGateway, machine: SimulatedMachine, seed: UInt64) {
    (self.sink, self.ioc, self.gateway, self.machine, random) = (sink, ioc, gateway, machine, SeededGenerator(seed: seed))
    machineState = SinkState(sink: sink, retry: RetryPolicy())
  }

  /// For whoever looks at a run that does not settle.
  var state: String {
    "\(sink) \(machineState.phase), under way \(underWay.map { $0.due - machine.now }), rung \(isRung), pending \(pending.count), "
      + "committing \(isCommitting), over \(isOver)"
  }

  func end() { isOver = true }
  /// - Parameter given: what commits gave it; nil where they gave nothing, or other sinks.
  func ring(_ given: [WaitingDelivery]?) {
    if let given { inbox.append(.given(given)) } else { isRung = true }
  }

  /// When it goes on by itself; nil where it waits for the writer or for a bell.
  var nextInstant: Milliseconds? {
    if !inbox.isEmpty || isRung { return machine.now }
    return (underWay.map(\.due) + [alarm].compactMap { $0 }).min()
  }

  var isResting: Bool {
    let isAtRest: Bool =
      switch machineState.phase {
      case .idle, .stopped: true
      case .sending, .waiting: false
      }
    return isAtRest && inbox.isEmpty && underWay.isEmpty && !isRung && pending.isEmpty && !isCommitting
  }

  func run() {
    while !isOver, let event = nextEvent() {
      for action in machineState.handle(event, at: now) { perform(action) }
    }
  }

  private var now: SinkInstant { SinkInstant(wall: machine.wall, uptime: machine.monotonic) }

  private func nextEvent() -> SinkState.Event? {
    if isRung {
      isRung = false
      return .wake
    }
    if !inbox.isEmpty { return inbox.removeFirst() }
    if let due = alarm, machine.now >= due {
      alarm = nil
      return .alarm
    }
    while let place = underWay.firstIndex(where: { machine.now >= $0.due }) {
      if let event = underWay.remove(at: place).event() { return event }
    }
    return nil
  }

  private func perform(_ action: SinkState.Action) {
    switch action {
    case .mark(let mark):
      pending.append(mark)
      commitMarks()
    case .read(let sequence, let limit):
      ask { [gateway, sink] in gateway.waiting(sink: sink, after: sequence, limit: limit).map { .backlog($0) } }
    case .fetch(let sequences):
      ask { [gateway, sink] in gateway.waiting(sink: sink, sequences: sequences).map { .fetched($0) } }
    case .send(let delivery):
      let (milliseconds, outcome) = ioc.post(delivery)
      let jitter = Double.random(in: 0..<1, using: &random)
      underWay.append((machine.now + milliseconds, { .attempted(delivery.sequence, outcome, jitter: jitter) }))
    case .sleep(let until): alarm = until
    }
  }

  /// Where the disk gives an error, the real worker tries again after a second.
  private func ask(_ question: @escaping () -> SinkState.Event?) {
    if let answer = question() { return inbox.append(answer) }
    underWay.append(
      (
        machine.now + 1000,
        { [weak self] in
          self?.ask(question)
          return nil
        }
      ))
  }

  private func commitMarks() {
    guard !isCommitting, !pending.isEmpty, !isOver else { return }
    isCommitting = true
    let batch = pending
    pending = []
    gateway.add(batch) { [weak self] result in
      guard let self else { return }
      isCommitting = false
      if case .failure = result { return end() }  // the real delivery ends with the writer's error
      inbox.append(.committed(batch))
      commitMarks()
    }
  }
}
