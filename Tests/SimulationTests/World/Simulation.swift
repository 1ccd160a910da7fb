import Database
import Foundation
import Gateway
import MQTTIntake
import Readings
import TestSupport

/// One run of a whole small system: devices, broker, gateway, disk and two IOCs, hours of it in milliseconds, all from one seed.
final class WholeSystem {
  struct Figures: Sendable {
    var messages = 0
    var readings = 0
    var events = 0
    var lives = 0
    var losses = 0
    var milliseconds: Milliseconds = 0

    mutating func add(_ other: Figures) {
      messages += other.messages
      readings += other.readings
      events += other.events
      lives += other.lives
      losses += other.losses
      milliseconds += other.milliseconds
    }
  }

  let plan: SimulationPlan
  let machine: SimulatedMachine
  let disk: SimulatedDisk
  let broker: SimulatedBroker
  let iocs: [SimulatedIOC]
  let gateway: SimulatedGateway
  private let start: Milliseconds
  /// The machine's clock when the simulation began.
  var machineStart: Milliseconds { start }
  private var random: SeededGenerator
  /// What ends a fault, or begins the next process.
  private var later: [(at: Milliseconds, what: (WholeSystem) -> Void)] = []
  private var nextMessage = 0
  private var nextCommand = 0
  private var nextFault = 0
  private(set) var verdict: String?

  init(plan: SimulationPlan, town: SimulatedTownFiles) throws {
    self.plan = plan
    random = SeededGenerator(seed: plan.seed ^ 0x5eed)
    machine = SimulatedMachine(wall: Timestamp(milliseconds: SimulatedTown.start))
    start = machine.now
    disk = try SimulatedDisk(seed: plan.seed)
    broker = SimulatedBroker(machine: machine, queueMax: plan.queueMax)
    iocs = [SimulatedIOC(seed: plan.seed &+ 1, trouble: plan.iocTrouble), SimulatedIOC(seed: plan.seed &+ 2, trouble: plan.iocTrouble)]
    gateway = SimulatedGateway(town: town, machine: machine, disk: disk, broker: broker, iocs: iocs, seed: plan.seed &+ 3)
  }

  // MARK: The run

  /// Runs to the end of the plan, heals all, and lets everything settle.
  func run() {
    startGateway()
    step(while: { machine.now < start + plan.end }, plan: true)
    heal()
    let limit = machine.now + 6 * 3_600_000
    var quietSince = machine.now
    step(
      while: {
        if !isSettled { quietSince = machine.now }
        return machine.now < limit && machine.now - quietSince < 90_000
      }, plan: false)
    if !isSettled { fail("it does not settle: \(state)") }
  }

  private func step(while condition: () -> Bool, plan follows: Bool) {
    while verdict == nil, condition() {
      runLater()
      if follows { publish(); breakThings() }
      broker.process()
      gateway.step()
      broker.process()
      if gateway.hasDied {
        die(power: dyingByPower)
      } else if gateway.hasFailed {
        gateway.noteFailure()
        gateway.die(power: false)
        restart(after: 5_000)
      }
      machine.advance(to: max(machine.now + 1, nextInstant(follows)))
    }
  }

  private func nextInstant(_ follows: Bool) -> Milliseconds {
    var next = [machine.now + 60_000]
    if follows, nextMessage < plan.messages.count { next.append(start + plan.messages[nextMessage].at) }
    if follows, nextCommand < plan.commands.count { next.append(start + plan.commands[nextCommand].at) }
    if follows, nextFault < plan.faults.count { next.append(start + plan.faults[nextFault].at) }
    next += later.map(\.at)
    next += [gateway.nextInstant, broker.nextInstant].compactMap { $0 }
    return next.min() ?? machine.now
  }

  private var isSettled: Bool { gateway.isRunning && gateway.core?.session.isUp == true && broker.isDrained && gateway.isDelivered }

  private var state: String {
    "running \(gateway.isRunning), session \(gateway.core.map { "\($0.session.state)" } ?? "none"), broker drained \(broker.isDrained), "
      + "delivered \(gateway.isDelivered) (\(gateway.deliveryStates)), disk full \(gateway.core?.isDiskFull ?? false), failures \(gateway.failures.suffix(3))"
  }

  /// What happened to the gateway's processes, for whoever repeats a seed.
  var history: String {
    plan.faults.map { "\($0.at) ms: \($0.fault)" }.joined(separator: "\n") + "\n"
      + gateway.failures.map { "\($0)" }.joined(separator: "\n")
  }

  func fail(_ text: String) { if verdict == nil { verdict = text } }

  // MARK: Devices

  private func publish() {
    while nextMessage < plan.messages.count, start + plan.messages[nextMessage].at <= machine.now {
      let message = plan.messages[nextMessage]
      broker.publish(topic: message.topic, payload: message.payload, retain: message.retain)
      nextMessage += 1
    }
    while nextCommand < plan.commands.count, start + plan.commands[nextCommand].at <= machine.now {
      gateway.command(plan.commands[nextCommand].json)
      nextCommand += 1
    }
  }

  // MARK: Faults

  private var dyingByPower = false

  private func breakThings() {
    while nextFault < plan.faults.count, start + plan.faults[nextFault].at <= machine.now {
      apply(plan.faults[nextFault].fault)
      nextFault += 1
    }
  }

  private func apply(_ fault: SimulationPlan.Fault) {
    switch fault {
    case .kill: if gateway.isRunning { die(power: false) }
    case .powerLoss: if gateway.isRunning { die(power: true) }
    case .crashAtDiskCall(let n, let power):
      dyingByPower = power
      disk.plan(.crash, at: n)
    case .crashAtNetworkWrite(let bytes): gateway.dieAtWrite(after: bytes)
    case .crashAtNetworkRead: gateway.dieAtRead()
    case .terminate: terminate()
    case .diskError(let n, let isSticky, let isTorn): breakDisk(.error, n, isSticky: isSticky, isTorn: isTorn)
    case .diskReadError(let n): disk.plan(.error, at: n, of: .reads)
    case .noSpace(let n, let isSticky): breakDisk(.noSpace, n, isSticky: isSticky, isTorn: false)
    case .cut: broker.cut()
    case .swallow(let span):
      broker.swallow(true)
      after(span) { $0.broker.swallow(false) }
    case .loseAnswer:
      broker.losesNextAnswer = true
      broker.cut()
    case .brokerStop(let span):
      broker.stop()
      after(span) { $0.broker.start() }
    case .brokerKill(let span, let loss):
      broker.kill(losing: loss)
      after(span) { $0.broker.start() }
    case .wallStep(let milliseconds, let span):
      machine.step(by: milliseconds)
      after(span) { $0.machine.step(by: -milliseconds) }
    case .iocAway(let span):
      iocs[0].isAway = true
      after(span) { $0.iocs[0].isAway = false }
    }
  }

  private func breakDisk(_ effect: SimulatedDisk.Effect, _ n: Int, isSticky: Bool, isTorn: Bool) {
    disk.plan(effect, at: n, isTorn: isTorn, isSticky: isSticky)
    if isSticky { after(Int64.random(in: 1_000...60_000, using: &random)) { $0.disk.heal() } }
  }

  private func die(power: Bool) {
    gateway.die(power: power)
    restart(after: Int64.random(in: 100...60_000, using: &random))
  }

  private func terminate() {
    guard gateway.isRunning else { return }
    gateway.endCleanly()
    restart(after: Int64.random(in: 100...60_000, using: &random))
  }

  private func restart(after span: Milliseconds) { after(span) { $0.startGateway() } }

  private func startGateway() {
    guard !gateway.isRunning else { return }
    if gateway.start() { return }
    if disk.isDead { disk.restart(dyingByPower ? .powerLoss : .kill) }
    switch gateway.failures.last {
    case .damaged(let what)?: fail("the store calls itself damaged after honest faults: \(what)")
    default: break
    }
    restart(after: 5_000)
  }

  private func after(_ span: Milliseconds, _ what: @escaping (WholeSystem) -> Void) { later.append((machine.now + span, what)) }

  private func runLater() {
    let due = later.filter { $0.at <= machine.now }
    later.removeAll { $0.at <= machine.now }
    for item in due { item.what(self) }
  }

  private func heal() {
    for item in later { item.what(self) }
    later.removeAll()
    disk.heal()
    broker.swallow(false)
    for ioc in iocs { (ioc.isAway, ioc.trouble) = (false, 0) }
    if !broker.isRunning { broker.start() }
    startGateway()
  }

  var simulated: Milliseconds { machine.now - start }
}
