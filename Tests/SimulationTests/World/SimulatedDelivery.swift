import Gateway
import Outbox
import Readings
import TestSupport

/// One sink's worker in a process of the simulation: performs what the real `SinkState` asks for, and hands marks to the real writer.
///
/// As the real one it commits marks while the next request is already under way, and forgets all it did not commit when the process ends.
final class SimulatedDelivery {
  private enum Doing {
    case nothing
    case event(SinkState.Event)
    /// A request is under way, or a sleep.
    case until(Milliseconds, event: () -> SinkState.Event)
    case flushing
    case resting
  }

  private let sink: String
  private let ioc: SimulatedIOC
  private unowned let gateway: SimulatedGateway
  private let machine: SimulatedMachine
  private var random: SeededGenerator
  private var machineState: SinkState
  private var doing = Doing.event(.wake)
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
    let doing =
      switch doing {
      case .nothing: "nothing"
      case .event(let event): "\(event)"
      case .until(let due, _): "until \(due - machine.now)"
      case .flushing: "flushing"
      case .resting: "resting"
      }
    return "\(sink) \(machineState.phase), \(doing), rung \(isRung), pending \(pending.count), committing \(isCommitting), over \(isOver)"
  }

  func end() { isOver = true }
  func ring() { isRung = true }

  /// When it goes on by itself; nil where it waits for the writer or for a bell.
  var nextInstant: Milliseconds? {
    switch doing {
    case .nothing, .event: machine.now
    case .until(let due, _): due
    case .flushing: pending.isEmpty && !isCommitting ? machine.now : nil
    case .resting: isRung ? machine.now : nil
    }
  }

  var isResting: Bool { if case .resting = doing { !isRung } else { false } }

  func run() {
    while !isOver, let event = nextEvent() {
      doing = .nothing
      for action in machineState.handle(event) { perform(action) }
    }
  }

  private func nextEvent() -> SinkState.Event? {
    switch doing {
    case .event(let event): return event
    case .until(let due, let event) where machine.now >= due: return event()
    case .flushing where pending.isEmpty && !isCommitting: return .flushed
    case .resting where isRung:
      isRung = false
      return .wake
    default: return nil
    }
  }

  private func perform(_ action: SinkState.Action) {
    switch action {
    case .mark(let mark):
      pending.append(mark)
      commitMarks()
    case .read(let sequence):
      guard let backlog = gateway.waiting(sink: sink, after: sequence) else {
        // The disk gave an error; the real worker tries again after a second.
        doing = .until(machine.now + 1000) { [weak self] in self?.readAgain(sequence) ?? .wake }
        return
      }
      doing = .event(.backlog(backlog, now: machine.wall))
    case .send(let delivery):
      let (milliseconds, outcome) = ioc.post(delivery)
      let jitter = Double.random(in: 0..<1, using: &random)
      doing = .until(machine.now + milliseconds) { [machine] in .attempted(outcome, now: machine.wall, jitter: jitter) }
    case .sleep(let until):
      doing = .until(machine.now + max(0, until - machine.wall)) { .alarm }
    case .flush: doing = .flushing
    case .rest: doing = .resting
    }
  }

  private func readAgain(_ sequence: Int64) -> SinkState.Event {
    .backlog(gateway.waiting(sink: sink, after: sequence) ?? SinkBacklog(stopped: nil, deliveries: []), now: machine.wall)
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
      commitMarks()
    }
  }
}
