import Foundation
import Simulation

/// Messages a second at QoS 1: the gateway, committing, beside a subscriber that does nothing, turn by turn.
struct LiveBench {
  var rounds: Int
  var messages: Int

  struct Round {
    var rate: Double
    /// Of the receiver alone.
    var cpuMicroseconds: Double
    var brokerMicroseconds: Double
    /// Of the machine, by processes that are not the benchmark's, in percent.
    var othersPercent: Double
  }

  func run() async throws {
    say(
      Machine.heading(
        "live: \(BenchCity.deviceCount) devices, \(BenchCity.payloadBytes)-byte payloads of 3 values, \(messages) messages a round at QoS 1"
      ))
    let directory = try TemporaryDirectory(prefix: "thuong-bench")
    var gateway = try await GatewayTurn(directory: directory, messages: messages)
    defer { gateway.end() }
    let subscriber = try SubscriberTurn(directory: directory, messages: messages)
    defer { subscriber.end() }
    _ = try await gateway.run()
    _ = try subscriber.run()
    say("  round    gateway  µs CPU  broker  others    do-nothing  µs CPU  broker  others")
    var (ours, theirs): ([Round], [Round]) = ([], [])
    for number in 1...max(1, rounds) {
      ours.append(try await gateway.run())
      theirs.append(try subscriber.run())
      if let a = ours.last, let b = theirs.last { say("  \(Shown.padded("\(number)", 5))  \(row(a))     \(row(b))") }
    }
    let (a, b) = (median(ours), median(theirs))
    say(
      "  median \(row(a))     \(row(b))   messages/s, µs of CPU a message in the receiver and in its broker, % of the machine used by others"
    )
    if max(a.othersPercent, b.othersPercent) > 10 { say("  the machine was not quiet: these figures are not the gateway's best") }
    report(ratio: a.rate / b.rate, cpu: a.cpuMicroseconds)
    try await gateway.reportMemory()
  }

  private func report(ratio: Double, cpu: Double) {
    Budgets.tell("live/ratio", ratio, places: 3)
    Budgets.tell("live/cpu", cpu, places: 2)
  }

  private func row(_ round: Round) -> String {
    "\(Shown.rate(round.rate))  \(Shown.decimals(round.cpuMicroseconds, 2, width: 6))  \(Shown.decimals(round.brokerMicroseconds, 2, width: 6))  \(Shown.decimals(round.othersPercent, 0, width: 5))%"
  }

  private func median(_ rounds: [Round]) -> Round {
    Round(
      rate: Samples(rounds.map(\.rate)).median, cpuMicroseconds: Samples(rounds.map(\.cpuMicroseconds)).median,
      brokerMicroseconds: Samples(rounds.map(\.brokerMicroseconds)).median, othersPercent: Samples(rounds.map(\.othersPercent)).median)
  }
}

/// What one turn uses of the machine, from its making on.
struct TurnUsage {
  private let receiver: Int32
  private let broker: Int32
  private let before: (receiver: Double, broker: Double, own: Double, busy: Double)
  private let begun = Machine.nanoseconds

  init(receiver: Int32, broker: Int32) {
    (self.receiver, self.broker) = (receiver, broker)
    before = (Machine.cpuSeconds(of: receiver), Machine.cpuSeconds(of: broker), Machine.ownCPUSeconds, Machine.busySeconds)
  }

  /// - Parameters:
  ///   - start, end: nanoseconds, first byte sent and last message received.
  ///   - sender: the CPU-seconds of the sender's whole life, which lies within the turn.
  func round(messages: Int, from start: Double, to end: Double, sender: Double) -> LiveBench.Round {
    let used = Machine.cpuSeconds(of: receiver) - before.receiver
    let brokerUsed = Machine.cpuSeconds(of: broker) - before.broker
    let bench = used + brokerUsed + Machine.ownCPUSeconds - before.own + sender
    let available = Double(Machine.nanoseconds - begun) / 1e9 * Double(Machine.processors)
    return LiveBench.Round(
      rate: Double(messages) / (end - start) * 1e9, cpuMicroseconds: used / Double(messages) * 1e6,
      brokerMicroseconds: brokerUsed / Double(messages) * 1e6,
      othersPercent: max(0, Machine.busySeconds - before.busy - bench) / available * 100)
  }
}
