import Testing

/// The shape of the package and the calls that are banned in it.
@Suite struct ArchitectureTests {
  /// What is deterministic reads no clock and no random number of the machine's.
  private static let pure = [
    "Readings", "Database", "DeviceRegistry", "Decoding", "SeriesStore", "RuleEngine", "Alerting", "Gateway/Engine", "Gateway/Store",
  ]

  private func sources() throws -> [(target: String, files: [SourceTree.File])] {
    try SourceTree.targets().filter { !$0.isTest }.map { ($0.name, try SourceTree.swiftFiles(in: "Sources/\($0.name)")) }
  }

  @Test func aTargetImportsOnlyTargetsAboveIt() throws {
    let order = try SourceTree.targets().filter { !$0.isTest }.map(\.name)
    #expect(order.count > 10)
    var checked = 0
    for (place, target) in order.enumerated() {
      for file in try SourceTree.swiftFiles(in: "Sources/\(target)") {
        for (number, line) in file.code.enumerated() {
          guard
            let match = line.firstMatch(
              of: /^\s*(?:@\w+ )?(?:package |public |internal |private )?import (?:struct |class |enum |func )?(\w+)/),
            let imported = order.firstIndex(of: String(match.output.1))
          else { continue }
          checked += 1
          #expect(imported < place, "\(file.path):\(number + 1) imports \(order[imported]), which stands below \(target)")
        }
      }
    }
    #expect(checked > 100, "imports were found")
  }

  @Test func everyTargetHasItsFolderAndEveryFolderItsTarget() throws {
    let targets = try SourceTree.targets()
    // Those of C, such as CZlib, hold no Swift.
    for (name, isTest) in targets where !name.contains(/^C[A-Z]/) {
      #expect(try !SourceTree.swiftFiles(in: "\(isTest ? "Tests" : "Sources")/\(name)").isEmpty, "\(name) is empty")
    }
    let names = Set(targets.map(\.name))
    for folder in ["Sources", "Tests"] {
      let used = Set(try SourceTree.swiftFiles(in: folder).compactMap { $0.path.split(separator: "/").dropFirst().first.map(String.init) })
      #expect(used.isSubset(of: names), "\(used.subtracting(names)) have no target")
    }
  }

  @Test(arguments: [
    "try!", "as!", "fatalError(", "public ", "open class", "NSLog(", "debugPrint(", "@unchecked Sendable where", "exit(EXIT",
  ])
  func bannedEverywhereInTheSources(_ text: String) throws {
    #expect(try sources().flatMap(\.files).flatMap { $0.places(of: text) } == [])
  }

  @Test func onlyTheCommandLinePrints() throws {
    let printing = try sources().filter { $0.target != "thuong" }.flatMap(\.files).filter { file in
      file.code.contains { $0.contains(/(^|[^\w.])print\(/) }
    }
    #expect(printing.map(\.path) == [])
  }

  @Test(arguments: pure) func whatIsDeterministicReadsNoClockAndNoChance(_ folder: String) throws {
    let banned = [
      "Date()", "Date.now", "Clock.now", "ContinuousClock", "SuspendingClock", "clock_gettime", "gettimeofday", "time(nil)", "DispatchTime",
      "UUID()",
      "SystemRandomNumberGenerator", "arc4random", "Task.sleep", "usleep(", "Hasher()", ".hashValue", "LiveClock",
    ]
    let files = try SourceTree.swiftFiles(in: "Sources/\(folder)")
    #expect(!files.isEmpty)
    for text in banned { #expect(files.flatMap { $0.places(of: text) } == [], "\(text)") }
    for file in files {
      for (number, line) in file.code.enumerated() where line.contains(/\.(random|shuffled|shuffle|randomElement)\(/) {
        #expect(line.contains("using:"), "\(file.path):\(number + 1) takes chance from the machine")
      }
    }
  }

  @Test func noFileIsLongerThanFiveHundredLines() throws {
    for folder in ["Sources", "Tests"] {
      for file in try SourceTree.swiftFiles(in: folder) { #expect(file.lines.count <= 500, "\(file.path) has \(file.lines.count) lines") }
    }
  }

  @Test func noFunctionIsLongerThanSeventyLines() throws {
    for folder in ["Sources", "Tests"] {
      for file in try SourceTree.swiftFiles(in: folder) {
        for function in FunctionLengths.of(file.code) where function.lines > 70 {
          Issue.record("\(file.path):\(function.line): a function of \(function.lines) lines")
        }
      }
    }
  }

  @Test func testsAreSwiftTestingAlone() throws {
    for file in try SourceTree.swiftFiles(in: "Tests") {
      for text in ["import XCTest", "XCTAssert"] { #expect(file.places(of: text) == [], "\(text)") }
    }
  }
}
