import Foundation

/// A bar on stderr for work of more than two seconds, where stderr is a terminal.
final class ProgressLine {
  private let isTerminal = isatty(2) == 1
  private let begun = ContinuousClock.now
  private var lastShown = ContinuousClock.now
  private var hasShown = false

  func show(_ fraction: Double, _ text: @autoclosure () -> String) {
    let now = ContinuousClock.now
    guard isTerminal, now - begun > .seconds(2), now - lastShown > .milliseconds(200) else { return }
    (lastShown, hasShown) = (now, true)
    let filled = Int(min(1, max(0, fraction)) * 30)
    write(
      "\r[" + String(repeating: "#", count: filled) + String(repeating: "-", count: 30 - filled)
        + "] \(Int(fraction * 100)) % \(text())\u{1b}[K")
  }

  func end() { if hasShown { write("\r\u{1b}[K") } }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
