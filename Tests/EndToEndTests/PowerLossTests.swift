import Foundation
import Simulation
import Testing

/// Power loss after every change that the real binary makes to its files: the bytes are the process's own, the loss is computed.
@Suite struct PowerLossTests {
  private enum Loss: String, CaseIterable { case nothingUnsynced, anything, everythingWritten }

  @Test func `F2 After a power loss at any write everything committed is there, and the next run completes the rest`() async throws {
    let sweep = try await ReplaySweep()
    let traced = try await sweep.replay("traced", under: WriteLog.wrapper(log: sweep.run.path("writes")))
    #expect(traced.command.code == 0)
    let log = try WriteLog(log: sweep.run.path("writes"), directory: sweep.run.path("traced"))
    try #require(log.entries.count > 100)
    let whole = log.files(after: log.entries.count) { true }
    let database = try [UInt8](Data(contentsOf: URL(fileURLWithPath: sweep.run.path("traced/thuong.sqlite"))))
    #expect(whole["thuong.sqlite"] == database, "nothing escaped the log")

    var random = SeededGenerator(seed: Soak.seed)
    let all = (0...log.entries.count).flatMap { point in Loss.allCases.map { (point, $0) } }
    let points = all.sampled(30)
    for (point, loss) in points {
      let files = log.files(after: point) {
        switch loss {
        case .nothingUnsynced: false
        case .anything: random.below(2) == 0
        case .everythingWritten: true
        }
      }
      try place(files, in: sweep.run.path("lost"))
      let committed = min(committedRows(log, point) * sweep.readingsPerRow, sweep.readings.count)
      let standing = try await sweep.standing(in: "lost", atLeast: committed).problem
      let problem = if let standing { standing } else { try await sweep.problemOfResuming("lost") }
      #expect(problem == nil, "\(loss) of the first \(point) changes (seed \(Soak.seed))")
    }
    print("power loss: \(points.count) of \(all.count) points, seed \(Soak.seed)")
  }

  /// The number of the last row whose commit had returned by then: the process notes it beside the database after each.
  private func committedRows(_ log: WriteLog, _ count: Int) -> Int {
    let mark = log.files(after: count) { true }["thuong.lock"] ?? []
    return mark.reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  /// The shared memory is gone with the machine.
  private func place(_ files: [String: [UInt8]], in directory: String) throws {
    try? FileManager.default.removeItem(atPath: directory)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    for (name, bytes) in files where !name.hasSuffix("-shm") { try Data(bytes).write(to: URL(fileURLWithPath: "\(directory)/\(name)")) }
  }
}
