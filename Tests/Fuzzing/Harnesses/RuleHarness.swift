import DeviceRegistry
import Readings
import RuleEngine
import SeriesStore

/// Rule files: each is read as a book whose rules print, compile and run, or refused with the places of its faults.
final class RuleHarness: Harness {
  static let name = "rules"

  private let registry: Registry
  private let series: [[SeriesID]]
  private var heads = SeriesHeads()

  init() throws {
    let registry = try FuzzTown.registry()
    self.registry = registry
    var count = 0
    series = registry.devices.indices.map { device in
      registry.profile(of: device).metrics.map { _ in
        count += 1
        return SeriesID(count - 1)
      }
    }
    heads.addSeries(through: SeriesID(count - 1))
    for id in series.joined() {
      for minute in Int64(0)..<30 {
        let value = minute % 7 == 0 ? 1e300 : Double(minute * 13 % 17) - 4.5
        _ = heads.insert(Reading(series: id, ts: Self.instant(minute), value: value, quality: Quality(byte: minute % 11 == 5 ? 2 : 0)))
      }
    }
  }

  /// What rules may compare with.
  private static let limits = """
    name,regulation,parameter,averaging,value,unit,valid_from,valid_to,confidence
    pm25_24h,QCVN 05:2023/BTNMT,PM2.5,24h,50,ug/Nm3,2023-09-12,2025-11-21,read
    pm25_24h,QCVN 05:2023/BTNMT,PM2.5,24h,45,ug/Nm3,2025-11-22,,read
    """

  private static func instant(_ minute: Int64) -> Timestamp { Timestamp(milliseconds: 1_763_683_200_000 + minute * 60_000) }

  func check(_ input: UnsafeRawBufferPointer) throws -> String {
    guard let text = String(validating: input, as: UTF8.self) else { return "faults" }
    let book: RuleBook
    do throws(FileFaults) {
      book = try read(text).get()
    } catch {
      try promise(!error.faults.isEmpty, "refused without a fault")
      for fault in error.faults { try FaultPlace.check(fault, in: text) }
      return "faults"
    }
    try check(book, of: text)
    return "book"
  }

  private func read(_ text: String) -> Result<RuleBook, FileFaults> {
    do throws(FileFaults) {
      let sources = [("Rules/fuzz.yaml", text), ("Rules/limits.csv", Self.limits)]
      return .success(try RuleFiles.read(sources: sources, registry: registry))
    } catch {
      return .failure(error)
    }
  }

  private func check(_ book: RuleBook, of text: String) throws {
    for warning in book.warnings { try FaultPlace.check(warning, in: text) }
    let ids = book.rules.map(\.id)
    try promise(ids == Set(ids).sorted() && ids.allSatisfy(Identifier.isValid), "ids \(ids)")
    for rule in book.rules {
      for condition in [rule.when] + (rule.clear.map { [$0] } ?? []) { try ExpressionHarness.checkPrinting(of: condition.expression) }
      try promise(rule.hold >= 0 && rule.clearHold >= 0, "\(rule.id) holds for \(rule.hold) and \(rule.clearHold)")
    }
    try run(RuleProgram(book: book, registry: registry, series: series))
  }

  /// Twice: what an evaluator says does not depend on what it was asked before.
  private func run(_ program: RuleProgram) throws {
    var evaluator = RuleEvaluator(program: program)
    for minute in [Int64(0), 29, 45] {
      for binding in 0..<program.bindingCount {
        let (t, rule) = (Self.instant(minute), book(program, binding).id)
        let verdict = evaluator.evaluate(binding: binding, at: t, heads: heads)
        var other = RuleEvaluator(program: program)
        try promise(other.evaluate(binding: binding, at: t, heads: heads) == verdict, "\(rule) is \(verdict) at minute \(minute), or not")
        for value in evaluator.values(of: binding, at: t, heads: heads) {
          try promise(value.value?.isNaN != true && !value.text.isEmpty, "\(rule) shows \(value)")
        }
        _ = evaluator.message(of: binding, at: t, heads: heads)
        _ = evaluator.limits(of: binding, at: t)
        if let forecast = evaluator.forecast(of: binding, at: t, heads: heads) {
          try promise(
            forecast.fit >= 0 && forecast.fit <= 1 && forecast.crossesAt.map { $0 >= t } != false, "\(rule) foretells \(forecast)")
        }
      }
    }
  }

  private func book(_ program: RuleProgram, _ binding: Int) -> Rule { program.book.rules[program.rule(of: binding)] }
}

/// Where a fault says that it lies.
enum FaultPlace {
  static func check(_ fault: FileFault, in text: String) throws {
    try promise(!fault.message.isEmpty, "a fault without a word")
    try promise(!fault.message.contains(where: \.isNewline), "a fault of several lines: \(fault.message)")
    if fault.line == 0 { return }
    // YAML ends lines at other characters too.
    let lines = 1 + text.unicodeScalars.count { Character($0).isNewline }
    try promise((1...lines + 1).contains(fault.line), "line \(fault.line) of \(lines): \(fault.message)")
    try promise((1...text.unicodeScalars.count + 2).contains(fault.column), "column \(fault.column): \(fault.message)")
  }
}
