import ArgumentParser
import Database
import DeviceRegistry
import Foundation
import Gateway
import Simulation

/// Why a command ends: its exit code and what its user reads.
struct CommandFailure: Error {
  var code: Int32
  var message: String

  init(code: Int32, _ message: String) { (self.code, self.message) = (code, message) }

  init(_ refused: CommandRefused) { self.init(code: refused.kind == .conflict ? 1 : 2, refused.words) }

  /// Nil for what the argument parser answers itself (usage, help, version).
  init?(_ error: any Error) {
    switch error {
    case let failure as CommandFailure: self = failure
    case let faults as FileFaults: self.init(code: 3, faults.description)
    case let fault as FileFault: self.init(code: 3, fault.description)
    case let store as StoreError: self.init(code: Self.code(of: store), store.description)
    case let problem as ControlProblem: self.init(code: Self.code(of: problem.kind), problem.description)
    case let publisher as MQTTPublisherError: self.init(code: 6, publisher.description)
    case is ExitCode, is ValidationError, is CleanExit: return nil
    default:
      // The parser's own errors have a type that it keeps to itself; they are usage.
      guard Thuong.exitCode(for: error) == .failure else { return nil }
      self.init(code: 3, "\(error)")
    }
  }

  private static func code(of error: StoreError) -> Int32 {
    switch error {
    case .inUse: 4
    case .damaged, .damagedRow: 5
    case .unusable, .newer, .full, .unknownOutcome, .tooManyReads, .readTooLong: 3
    }
  }

  private static func code(of problem: ControlProblem.Kind) -> Int32 {
    switch problem {
    case .notFound, .malformed: 2
    case .conflict, .badFiles: 1
    case .busy, .unavailable, .behind: 6
    }
  }

  func print() {
    for line in message.split(separator: "\n") { FileHandle.standardError.write(Data("thuong: \(line)\n".utf8)) }
  }
}
