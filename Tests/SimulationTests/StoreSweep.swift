import Database
import Foundation
import Gateway
import Outbox
import TestSupport

/// One fault at one call of the store's life, on a disk of its own: what the process does about it, and what is there in the end.
///
/// After every start exactly those commits are there that had returned, and in doubt the one in hand. The life goes on from there and
/// ends as if nothing had happened; then the power fails, and everything is still there.
final class StoreSweep {
  enum Fault: String, CaseIterable, Sendable {
    case kill, powerLoss, errorOnce, errorStays, noSpaceOnce, noSpaceStays, tornWrite, readError, openError

    var calls: SimulatedDisk.Calls {
      switch self {
      case .readError: .reads
      case .openError: .opens
      default: .changes
      }
    }
  }

  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  /// The state after each commit of the life without a fault, the first one before any, and the calls that it took.
  struct Reference {
    var states: [[String]] = []
    private(set) var statistics: SimulatedDisk.Statistics

    init() throws {
      let disk = try SimulatedDisk(seed: 0)
      var process: SweptStore? = try SweptStore(disk)
      states = [try process?.state() ?? []]
      for step in SweptLife.steps {
        switch step {
        case .commit(let inputs, let marks):
          process?.feed(inputs)
          try process?.commit(marks, number: states.count)
          try states.append(process?.state() ?? [])
        case .reopen:
          process?.store.file.checkpoint()
          process = nil
          process = try SweptStore(disk)
        }
      }
      process = nil
      statistics = disk.statistics
    }

    func calls(of fault: Fault) -> Int {
      switch fault.calls {
      case .changes: statistics.changes
      case .reads: statistics.reads
      case .opens: statistics.opens
      }
    }
  }

  private let reference: Reference
  private let fault: Fault
  private let n: Int
  private let disk: SimulatedDisk
  private var process: SweptStore?
  /// How many commits returned, or were found to be there.
  private var committed = 0
  /// The commit after those was tried, and its outcome is not known.
  private var isInDoubt = false
  private var next = SweptLife.steps.startIndex
  private var losesPowerSoon = false
  /// What the store said when it could not go on.
  private(set) var errors: [StoreError] = []

  init(_ reference: Reference, _ fault: Fault, at n: Int) throws {
    (self.reference, self.fault, self.n) = (reference, fault, n)
    disk = try SimulatedDisk(seed: UInt64(n))
    switch fault {
    case .kill, .powerLoss: disk.plan(.crash, at: n, isTorn: n % 3 == 0)
    case .errorOnce: disk.plan(.error, at: n)
    case .errorStays: disk.plan(.error, at: n, isSticky: true)
    case .noSpaceOnce: disk.plan(.noSpace, at: n, isTorn: n % 2 == 0)
    case .noSpaceStays: disk.plan(.noSpace, at: n, isTorn: n % 2 == 0, isSticky: true)
    case .tornWrite: disk.plan(.error, at: n, isTorn: true)
    case .readError, .openError: disk.plan(.error, at: n, of: fault.calls)
    }
  }

  /// Whether a call failed at all: without space, a truncation or a deletion does not.
  var hasStruck: Bool { disk.statistics.failures > 0 }

  func run() throws {
    while next < SweptLife.steps.endIndex {
      guard errors.count < 10 else { throw Failure(description: "it never ends: \(errors)") }
      do {
        try start()
        // In doubt, what was the last may be there.
        if next < SweptLife.steps.endIndex { try takeStep() }
      } catch let error as StoreError {
        try fail(error)
      }
    }
    try end()
  }

  private func takeStep() throws {
    switch SweptLife.steps[next] {
    case .commit(let inputs, let marks):
      process?.feed(inputs)
      isInDoubt = true
      try commit(marks)
      (committed, isInDoubt, next) = (committed + 1, false, next + 1)
      if losesPowerSoon {
        losesPowerSoon = false
        restart(.powerLoss)
      }
    case .reopen:
      process?.store.file.checkpoint()
      process = nil
      next += 1
    }
  }

  private func commit(_ marks: [DeliveryMark]) throws {
    do throws(StoreError) {
      try process?.commit(marks, number: committed + 1)
    } catch {
      guard error == .full else { throw error }
      guard fault == .noSpaceOnce || fault == .noSpaceStays else { throw Failure(description: "full without a lack of space") }
      errors.append(error)
      let rows = try process?.state().dropFirst()
      guard rows == reference.states[committed].dropFirst() else { throw Failure(description: "full, and something was kept") }
      disk.heal()
      try process?.commit(marks, number: committed + 1)
    }
  }

  // MARK: A process begins

  /// Opens the store, and looks whether what is there is what must be there.
  private func start() throws {
    guard process == nil else { return }
    let started = try SweptStore(disk)
    process = started
    let state: [String]
    do { state = try started.state() } catch { throw StoreError.unusable("\(error)") }
    if isInDoubt, state == reference.states[committed + 1] {
      (committed, next) = (committed + 1, next + 1)
    } else if state != reference.states[committed] {
      throw Failure(description: "after \(committed) commits: \(Self.difference(state, reference.states[committed]))")
    }
    isInDoubt = false
  }

  static func difference(_ found: [String], _ expected: [String]) -> String {
    let first = zip(found, expected).first { $0 != $1 }
    return "\(found.count) rows, not \(expected.count); \(first.map { "\($0.0.prefix(300))\nnot\n\($0.1.prefix(300))" } ?? "")"
  }

  // MARK: A process ends

  private func fail(_ error: StoreError) throws {
    errors.append(error)
    switch error {
    case .damaged, .damagedRow, .newer, .inUse: throw Failure(description: "\(error)")
    case .full, .unusable, .unknownOutcome, .tooManyReads, .readTooLong: break
    }
    let mark = try mark(), rows = reference.states[committed].count { $0.hasPrefix("log ") }
    guard mark <= rows else { throw Failure(description: "the mark \(mark) leads: \(rows) rows are committed") }
    losesPowerSoon = fault == .errorOnce || fault == .tornWrite
    // A process that gives up closes its files, or is ended.
    if n % 2 == 0 { process = nil }
    restart(fault == .powerLoss ? .powerLoss : .kill)
    if fault == .errorStays || fault == .noSpaceStays, errors.count > 2 { disk.heal() }
  }

  private func restart(_ kind: SimulatedDisk.Restart) {
    disk.restart(kind)
    process = nil
    // The mark is not synced.
    guard kind == .powerLoss, n % 3 > 0, let mark = try? mark() else { return }
    let older = withUnsafeBytes(of: (mark / 2).littleEndian) { Data($0) }
    if n % 3 == 1 { try? older.write(to: lock) } else { try? FileManager.default.removeItem(at: lock) }
  }

  private var lock: URL { URL(filePath: "\(disk.path)/thuong.lock") }

  private func mark() throws -> Int64 {
    guard let bytes = try? Data(contentsOf: lock), bytes.count == 8 else { return 0 }
    return bytes.reversed().reduce(0) { $0 << 8 | Int64($1) }
  }

  private func end() throws {
    guard committed == SweptLife.commits else { throw Failure(description: "\(committed) commits") }
    disk.heal()
    if n % 2 == 0 { process = nil }
    restart(.powerLoss)
    try start()
  }
}
