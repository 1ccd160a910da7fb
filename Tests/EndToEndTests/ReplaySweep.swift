import Foundation
import Simulation

/// `thuong replay` of a small town, disturbed and then run again: in the end the store has what one quiet run stores.
struct ReplaySweep {
  /// Messages a commit.
  static let batch = 8

  let run: TraceRun
  /// How many calls of each name the quiet run made.
  let counts: [String: Int]
  /// What the quiet run stored, in the order of the trace.
  let readings: [String]
  private let contents: StoreContents
  private let events: [String]

  init() async throws {
    run = try TraceRun(files: SmallTown.files)
    let messages = SmallTown.messages()
    try SmallTown.write(messages, to: run.path("trace"))
    let log = run.path("calls")
    let quiet = try await run.replay(
      ["trace"], into: "quiet", batch: Self.batch, under: SystemCallFault.counting(SystemCallFault.storeCalls, in: log))
    counts = try await SystemCallFault.counts(in: log)
    events = quiet.events
    contents = try StoreContents(run.path("quiet"))
    readings = messages.flatMap(\.readings)
    let stored = try await run.export("quiet").readings
    guard quiet.command.code == 0, stored == readings.sorted(), events.count == 2 * SmallTown.devices,
      counts["pwrite64", default: 0] > 50
    else { throw KillFailure("the quiet run is not as it should be: \(quiet.command.text), \(stored.count) readings, \(counts)") }
  }

  /// Readings of a log row.
  var readingsPerRow: Int { readings.count / SmallTown.messages().count * Self.batch }

  /// Runs the trace into that store.
  func replay(_ store: String, under wrapper: [String] = []) async throws -> (command: ThuongCommand, events: [String]) {
    try await run.replay(["trace"], into: store, batch: Self.batch, under: wrapper)
  }

  /// What is wrong after a run that met these faults, one start after the other; nil where nothing is.
  func problem(after faults: [SystemCallFault]) async throws -> String? {
    let store = "disturbed"
    remove(store)
    var least = 0
    for (place, fault) in faults.enumerated() {
      let ended = try await replay(store, under: fault.wrapper).command
      // A later start makes fewer calls than the run that was counted: its fault may not come.
      if let problem = Self.problem(of: ended, after: fault, mayMiss: place > 0) { return problem }
      // Rows of a later run begin with what is known already.
      if place == 0 { least = min(StoreContents.committedRows(run.path(store)) * readingsPerRow, readings.count) }
      let standing = try await standing(in: store, atLeast: least)
      if let problem = standing.problem { return problem }
      least = standing.readings
    }
    return try await problemOfResuming(store)
  }

  func problem(after fault: SystemCallFault) async throws -> String? { try await problem(after: [fault]) }

  func remove(_ store: String) { try? FileManager.default.removeItem(atPath: run.path(store)) }

  /// A kill kills; an error is either of no consequence or ends the run with 3 and one line that says what to do.
  private static func problem(of ended: ThuongCommand, after fault: SystemCallFault, mayMiss: Bool) -> String? {
    if ended.code == 0 { return fault.effect == .kill && !mayMiss ? "was not killed" : nil }
    if fault.effect == .kill { return ended.code == 128 + SIGKILL ? nil : "exit \(ended.code): \(ended.text)" }
    let told = ended.lines.filter { $0.hasPrefix("thuong: ") }
    guard ended.code == 3, told.count == 1, told[0].contains("then start again") else { return "exit \(ended.code): \(ended.text)" }
    return nil
  }

  /// How many readings stand there, and what is wrong with them: they are the first whole batches of the ledger, and at least so many.
  func standing(in store: String, atLeast least: Int) async throws -> (readings: Int, problem: String?) {
    let found = try await run.export(store)
    let count = found.readings.count
    if found.ended.code != 0 { return (0, least == 0 ? nil : "\(least) readings committed, and export: \(found.ended.text)") }
    guard found.readings == readings.prefix(count).sorted(), count % readingsPerRow == 0 else {
      return (count, "what stands is no whole batches of the trace: \(count) readings")
    }
    return (count, count >= least ? nil : "\(least) readings committed, \(count) there")
  }

  /// The same trace once more: what was stored is known again, the rest is stored, and the rest of the events is told.
  func problemOfResuming(_ store: String) async throws -> String? {
    let again = try await replay(store)
    guard again.command.code == 0 else { return "the next run: exit \(again.command.code), \(again.command.text)" }
    let stored = try await run.export(store).readings
    if stored != readings.sorted() { return "in the end: \(LineBalance(expected: readings, found: stored))" }
    let now = try StoreContents(run.path(store))
    if now != contents { return "other alerts than without a fault: \(now.transitions)" }
    if !now.balances || now.counters["readingsStored"] != readings.count { return "the counters do not balance: \(now.counters)" }
    return again.events.elementsEqual(events.suffix(again.events.count)) ? nil : "other events than without a fault: \(again.events)"
  }
}
