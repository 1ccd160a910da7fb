import Foundation
import Simulation

/// The gateway's own histogram of its commits, as `/metrics` gives it.
struct LiveCommits {
  /// Upper bounds in milliseconds, and how many commits took at most that long.
  private let buckets: [(bound: Double, count: Double)]

  init(of gateway: DemoGateway) async throws {
    let prefix = "thuong_commit_seconds_bucket{le=\""
    let lines = (await gateway.get("/metrics")?.body ?? "").split(separator: "\n").filter { $0.hasPrefix(prefix) }
    buckets = lines.compactMap { line in
      let fields = line.dropFirst(prefix.count).split(separator: "\"")
      guard fields.count == 2, let count = Double(fields[1].drop { $0 != " " }.dropFirst()) else { return nil }
      return (fields[0] == "+Inf" ? .infinity : (Double(fields[0]) ?? .nan) * 1000, count)
    }
    guard !buckets.isEmpty else { throw BenchFailure("the gateway shows no times of commits") }
  }

  var count: Double { buckets.last?.count ?? 0 }

  /// The upper bound of the bucket in which that percentile lies, in milliseconds. Bounds double from one to the next.
  func percentile(_ p: Double) -> Double { buckets.first { $0.count >= count * p / 100 }?.bound ?? .infinity }

  func report() {
    say(
      "  its commits under this load: p50 below \(Shown.decimals(percentile(50), 2)) ms, p99 below \(Shown.decimals(percentile(99), 2)) ms (bounds of its histogram); \(Int(count)) commits; load average \(Machine.loadAverage)"
    )
  }
}
