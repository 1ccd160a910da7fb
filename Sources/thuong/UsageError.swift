import ArgumentParser

/// What the argument parser refuses, in one line: what is wrong, and what to do.
enum UsageError {
  /// - Parameters:
  ///   - message: of the error alone.
  ///   - full: with usage behind it, as the parser would print it.
  /// - Returns: nil where the parser answers with the whole help, for a command without its arguments.
  static func line(_ message: String, full: String) -> String? {
    guard let hint = full.firstMatch(of: /See '(.+)' for more information\./) else { return nil }
    let what = wrongValue(message) ?? message.split(separator: "\n").joined(separator: " ").trimmingSuffix(".")
    return "thuong: \(what); see \(hint.output.1)"
  }

  /// The parser's sentence about a value, turned round to begin with the option: see `WrongArgument`.
  private static func wrongValue(_ message: String) -> String? {
    message.wholeMatch(of: /The value '(.*)' is invalid for '(-\S+?)(?: <.*>)?': (takes .*)/.dotMatchesNewlines()).map { found in
      "\(found.output.2) \(found.output.3), got \(found.output.1.split(separator: "\n").joined(separator: " "))"
    }
  }
}

extension String {
  fileprivate func trimmingSuffix(_ suffix: String) -> String { hasSuffix(suffix) ? String(dropLast(suffix.count)) : self }
}
