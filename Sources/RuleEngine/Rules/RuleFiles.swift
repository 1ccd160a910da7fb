package import DeviceRegistry
package import Foundation

/// Reads `Rules/`: every `*.yaml` whose top key is `rules`, and the tables `limits.csv` and `holidays.csv`, which are empty where there is
/// no such file. Scenarios (`*.scenario.yaml`, `*.scenarios.yaml`) are not rules.
package enum RuleFiles {
  /// Bytes of one file, at most.
  package static let maximumFileSize = 1 << 20
  /// Rules of one folder, at most.
  package static let maximumRules = 10_000
  /// Pairs of rule and device, at most: each has its state.
  package static let maximumBindings = 1_000_000

  private static let limitsName = "limits.csv"
  private static let holidaysName = "holidays.csv"

  private static func isScenario(_ name: String) -> Bool { name.hasSuffix(".scenario.yaml") || name.hasSuffix(".scenarios.yaml") }

  /// - Parameter seen: gets each file's name, and its text as it was read.
  /// - Throws: `FileFaults` with every fault of every file; then the caller keeps the rules it has.
  package static func load(
    directory: URL, registry: Registry, seen: (_ name: String, _ text: String) -> Void = { _, _ in }
  ) throws(FileFaults) -> RuleBook {
    let faults = FaultList()
    var sources: [(file: String, text: String)] = []
    let tables = [limitsName, holidaysName].filter {
      FileManager.default.fileExists(atPath: directory.appendingPathComponent($0).path)
    }
    var names = tables
    names += TextFiles.names(in: directory, suffix: ".yaml", faults: faults).filter { !isScenario($0) }
    for name in names {
      let url = directory.appendingPathComponent(name)
      let size = (try? url.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0
      if size > maximumFileSize {
        faults.add(tooLarge(url.relativePath))
      } else if let text = TextFiles.text(url, faults: faults) {
        seen(name, text)
        sources.append((url.relativePath, text))
      }
    }
    return try read(sources: sources, registry: registry, faults: faults)
  }

  /// The same for texts that are not in files (yet): each with the name that its faults carry; one whose last part is `limits.csv` or
  /// `holidays.csv` is that table.
  package static func read(sources: [(file: String, text: String)], registry: Registry) throws(FileFaults) -> RuleBook {
    try read(sources: sources, registry: registry, faults: FaultList())
  }

  /// One file as it would stand beside these rules: with their limits and holidays, and naming any of them. Whether all of them together
  /// hold, a load says.
  package static func read(_ text: String, file: String, beside book: RuleBook, registry: Registry) throws(FileFaults) -> RuleBook {
    try read(sources: [(file, text)], registry: registry, faults: FaultList(), beside: book)
  }

  private static func isTable(_ file: String, _ name: String) -> Bool { file.split(separator: "/").last.map(String.init) == name }

  private static func tooLarge(_ file: String) -> FileFault {
    FileFault(file: file, message: "a file of rules has at most 1 MiB; split it")
  }

  private static func read(
    sources: [(file: String, text: String)], registry: Registry, faults: FaultList, beside book: RuleBook = .empty
  ) throws(FileFaults) -> RuleBook {
    var tables = RuleTables(limits: book.limits, holidays: book.holidays)
    for (file, text) in sources where text.utf8.count <= maximumFileSize {
      if isTable(file, limitsName) { tables.limits = LimitTable(text: text, file: file, faults: faults) }
      if isTable(file, holidaysName) { tables.holidays = HolidayTable(text: text, file: file, faults: faults) }
    }
    var builder = RuleBookBuilder(registry: registry, tables: tables, beside: Set(book.rules.map(\.id)), faults: faults)
    for (file, text) in sources {
      guard text.utf8.count <= maximumFileSize else {
        faults.add(tooLarge(file))
        continue
      }
      if isTable(file, limitsName) || isTable(file, holidaysName) { continue }
      guard let top = YAMLValue(text: text, file: file, faults: faults) else { continue }
      let entries = top.isMapping ? top.openMapping() ?? [] : []
      guard entries.contains(where: { $0.key.string == "rules" }) else {
        builder.warn(FileFault(file: file, line: 1, column: 1, message: "has no top key \"rules\", and is not read"))
        continue
      }
      // Scalars, not characters: a carriage return and its line feed are one character.
      builder.add(top, lines: text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { Array($0) })
    }
    return try builder.book()
  }
}

/// What rules look up.
struct RuleTables {
  var limits = LimitTable.empty
  var holidays = HolidayTable.empty
}
