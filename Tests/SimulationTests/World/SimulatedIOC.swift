import Outbox
import Readings
import TestSupport

/// An IOC that is late, fails, lies and is away for hours. It keeps a ledger of what it took.
final class SimulatedIOC {
  struct Taken {
    var event: String
    var sequence: Int64
    var body: [UInt8]
  }

  private(set) var taken: [Taken] = []
  /// Sequences that it refused for good.
  private(set) var refused: Set<Int64> = []
  var isAway = false
  /// One request in so many goes wrong; 0 is never.
  var trouble: Int
  private var random: SeededGenerator

  init(seed: UInt64, trouble: Int) { (random, self.trouble) = (SeededGenerator(seed: seed), trouble) }

  /// An attempt: how long it takes, and what the gateway sees of it.
  func post(_ delivery: WaitingDelivery) -> (milliseconds: Milliseconds, outcome: AttemptOutcome) {
    if isAway { return (Int64.random(in: 1...20, using: &random), .failed("connection refused")) }
    let quick = Int64.random(in: 1...200, using: &random)
    guard trouble > 0, Int.random(in: 0..<trouble, using: &random) == 0 else {
      take(delivery)
      return (quick, .answered(status: Int.random(in: 0..<5, using: &random) == 0 ? 202 : 200, retryAfter: nil, text: ""))
    }
    switch Int.random(in: 0..<12, using: &random) {
    case 0...2: return (quick, .answered(status: 500, retryAfter: nil, text: "no"))
    case 3, 4: return (quick, .answered(status: 429, retryAfter: .delay(1000 * Int64.random(in: 1...90, using: &random)), text: ""))
    case 5, 6: return (20_000, .failed("no answer within 20 s"))
    case 7, 8:
      take(delivery)  // it took the event, and the answer was lost
      return (Int64.random(in: 1...20_000, using: &random), .failed("connection reset"))
    case 9: return (quick, .answered(status: 302, retryAfter: nil, text: ""))
    case 10: return (quick, .failed("connection refused"))
    default:
      refused.insert(delivery.sequence)
      return (quick, .answered(status: 422, retryAfter: nil, text: "what is this"))
    }
  }

  private func take(_ delivery: WaitingDelivery) {
    taken.append(Taken(event: delivery.event, sequence: delivery.sequence, body: delivery.body))
  }
}
