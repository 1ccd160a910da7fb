import Readings

/// Spreads requests over time: at most `rate` a second. After a pause a tenth of a second's worth may go at once, and always one.
///
/// In any span of W milliseconds at most 1 + rate · (W + 100) / 1000 are let go.
struct SinkPace: Sendable {
  private static let slack = 100.0
  private let interval: Double?
  /// When the next one would go if all went at even distances.
  private var next: Double?

  /// - Parameter rate: nil for no limit.
  init(rate: Double?) { interval = rate.map { 1000 / $0 } }

  /// When the next may go; nil where it may at any time.
  var opensAt: Milliseconds? { next.map { Milliseconds(($0 - SinkPace.slack).rounded(.up)) } }

  mutating func take(at uptime: Milliseconds) {
    guard let interval else { return }
    next = max(next ?? 0, Double(uptime)) + interval
  }
}
