import Testing

/// What somebody reads who types a command wrongly: one line, with an example of what is meant.
@Suite struct UsageErrorTests {
  private static let time = "takes a time such as 2025-11-21T00:00:00+07:00"
  private static let length = "takes a length of time such as 30s, 5m, 2h or 1d"

  /// Every option that takes a time or a length of time, and what it says of a word that is neither.
  private static let wrong = [
    ("export --from yesterday", "--from \(time), got yesterday"), ("export --to 21/11/2025", "--to \(time), got 21/11/2025"),
    ("query a/b --from 7h", "--from \(time), got 7h"), ("query a/b --to now", "--to \(time), got now"),
    ("query a/b --step hour", "--step \(length), got hour"), ("alerts silence --device d --for abc", "--for \(length), got abc"),
    ("alerts silence --device d --until 2h", "--until \(time), got 2h"),
    ("alerts silence --device d --for 2h --from x'y", "--from \(time), got x'y"),
    ("outbox redrive --sink s --dead --since never", "--since \(time), got never"), ("record --to f --for 5", "--for \(length), got 5"),
    ("demo --for ever", "--for \(length), got ever"), ("simulate s.yaml --out f --from soon", "--from \(time), got soon"),
    ("simulate s.yaml --out f --for 1w", "--for \(length), got 1w"),
    ("alerts silence --device d --for 2h --weekly sat --hours 22h", "--hours takes hours such as 22:00-05:00, got 22h"),
  ]

  @Test(arguments: wrong) func `An option with a wrong time says in one line what it takes`(_ words: String, _ said: String) async throws {
    let command = try await ThuongCommand(words.split(separator: " ").map(String.init))
    #expect(command.code == 2)
    #expect(command.lines.count == 1 && command.text.hasPrefix("thuong: \(said); see thuong "), "\(command.text)")
  }

  @Test(arguments: ["export --form csv", "alerts lst", "alerts list --limit 0", "outbox show", "replay t --batch x", "sinks test a b"])
  func `What else is typed wrongly is told in one line, with where the help is`(_ words: String) async throws {
    let command = try await ThuongCommand(words.split(separator: " ").map(String.init))
    #expect(command.code == 2)
    #expect(command.lines.count == 1 && command.text.contains("; see thuong ") && command.text.hasSuffix("--help\n"), "\(command.text)")
  }
}
