import Readings
import TestSupport

/// What is to happen in one simulation, made of a seed: the devices' messages, and the faults with their instants.
struct SimulationPlan {
  enum Fault: Sendable {
    case kill
    case powerLoss
    /// Inside the n-th call of the disk from then on.
    case crashAtDiskCall(Int, power: Bool)
    /// After so many bytes of the next write to the broker.
    case crashAtNetworkWrite(Int)
    case crashAtNetworkRead
    case terminate
    case diskError(at: Int, isSticky: Bool, isTorn: Bool)
    case diskReadError(at: Int)
    case noSpace(at: Int, isSticky: Bool)
    case cut
    case swallow(for: Milliseconds)
    case loseAnswer
    case brokerStop(for: Milliseconds)
    case brokerKill(for: Milliseconds, SimulatedBroker.Loss)
    case wallStep(by: Milliseconds, for: Milliseconds)
    case iocAway(for: Milliseconds)
  }

  let seed: UInt64
  let messages: [(at: Milliseconds, topic: [UInt8], payload: [UInt8], retain: Bool)]
  /// What operators say, to whatever process runs then.
  let commands: [(at: Milliseconds, json: String)]
  let faults: [(at: Milliseconds, fault: Fault)]
  let queueMax: Int
  /// One request to an IOC in so many goes wrong.
  let iocTrouble: Int

  var end: Milliseconds { messages.last?.at ?? 0 }

  init(seed: UInt64, messages count: Int = 300) {
    self.seed = seed
    var random = SeededGenerator(seed: seed &* 2_862_933_555_777_941_757 &+ 3_037_000_493)
    var latest: Milliseconds = 0
    var (messages, commands): ([(Milliseconds, [UInt8], [UInt8], Bool)], [(Milliseconds, String)]) = ([], [])
    for item in RandomTrace(seed: seed, count: count, hasPackets: false).items {
      switch item.input {
      case .message(let topic, let payload, let retain, _):
        latest = max(latest, item.at)
        messages.append((latest, Array(topic.utf8), payload, retain))
      case .command(let json) where json.contains("by"): commands.append((latest, json))
      default: break
      }
    }
    (self.messages, self.commands) = (messages, commands)
    let span = max(1, latest)
    let faultCount = Int.random(in: 0...10, using: &random)
    faults = (0..<faultCount).map { _ in (Int64.random(in: 0...span, using: &random), Self.fault(&random)) }.sorted { $0.at < $1.at }
    queueMax = Int.random(in: 0..<3, using: &random) == 0 ? Int.random(in: 3...30, using: &random) : 100_000
    iocTrouble = [0, 2, 5, 20].randomElement(using: &random) ?? 0
  }

  private static func fault(_ random: inout SeededGenerator) -> Fault {
    let isOne = Bool.random(using: &random)
    switch Int.random(in: 0..<24, using: &random) {
    case 0, 1: return .kill
    case 2, 3: return .powerLoss
    case 4...7: return .crashAtDiskCall(Int.random(in: 1...30, using: &random), power: isOne)
    case 8, 9: return .crashAtNetworkWrite(Int.random(in: 0...8, using: &random) * (isOne ? 4 : 1))
    case 10: return .crashAtNetworkRead
    case 11: return .terminate
    case 12: return .diskError(at: Int.random(in: 1...30, using: &random), isSticky: isOne, isTorn: Bool.random(using: &random))
    case 13: return .diskReadError(at: Int.random(in: 1...10, using: &random))
    case 14, 15: return .noSpace(at: Int.random(in: 1...30, using: &random), isSticky: isOne)
    case 16, 17: return .cut
    case 18: return .swallow(for: Int64.random(in: 1_000...100_000, using: &random))
    case 19: return .loseAnswer
    case 20: return .brokerStop(for: Int64.random(in: 100...60_000, using: &random))
    case 21: return .brokerKill(for: Int64.random(in: 100...600_000, using: &random), loss(&random))
    case 22: return .wallStep(by: isOne ? 3_600_000 : -3_600_000, for: Int64.random(in: 1_000...1_200_000, using: &random))
    default: return .iocAway(for: Int64.random(in: 1_000...3_600_000, using: &random))
    }
  }

  private static func loss(_ random: inout SeededGenerator) -> SimulatedBroker.Loss {
    switch Int.random(in: 0..<3, using: &random) {
    case 0: .nothing
    case 1: .newest(Int.random(in: 1...5, using: &random))
    default: .session
    }
  }
}
