import Foundation
import Synchronization

/// What figures have to be: `Benchmarks/Budgets/figures.json`, beside the sources that this was built of.
enum Budgets {
  private struct Budget: Decodable {
    var what: String
    var atLeast: Double?
    var atMost: Double?
  }

  private static let all: [String: Budget] = {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Budgets/figures.json")
    do { return try JSONDecoder().decode([String: Budget].self, from: Data(contentsOf: file)) } catch {
      preconditionFailure("\(file.path) cannot be read: \(error)")
    }
  }()

  private static let missed = Mutex<[String]>([])

  /// Says whether a figure is within its budget, and keeps in mind where it is not.
  static func tell(_ name: String, _ got: Double, places: Int, _ more: String = "") {
    guard let budget = all[name] else { preconditionFailure("figures.json has no \(name)") }
    let isMet = got >= budget.atLeast ?? -.infinity && got <= budget.atMost ?? .infinity
    let bound = budget.atLeast.map { "at least \(number($0))" } ?? "at most \(number(budget.atMost ?? .infinity))"
    let line = "\(budget.what), \(bound): \(Shown.decimals(got, places))"
    if !isMet { missed.withLock { $0.append("\(name): \(line)") } }
    say("  \(isMet ? "met   " : "MISSED")  \(line)\(more)")
  }

  private static func number(_ value: Double) -> String { value == value.rounded() ? String(Int(value)) : String(value) }

  /// Everything that was missed so far.
  static func tellMissed() {
    let missed = missed.withLock { $0 }
    say("\n\(missed.isEmpty ? "Every budget is met." : "Missed:")")
    for line in missed { say("  \(line)") }
  }
}
