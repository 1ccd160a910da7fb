import Foundation
import GRDB

/// A read transaction that another process holds until it is told to let go. The process is a test's own child (an exit test), which
/// learns from the environment where the database is; it says that it holds by a file beside it, and lets go when another is there.
package struct HeldRead {
  private let suite: String
  private let database: String
  private let path: String

  /// - Parameters:
  ///   - suite: who asks: each suite that holds reads has a name of its own, and holds one after the other.
  ///   - database: its path.
  ///   - name: tells several holders of a database apart.
  package init(for suite: String, database: String, name: String = "reader") {
    (self.suite, self.database, path) = (suite, database, "\(database)-\(name)")
  }

  private static func variable(_ suite: String) -> String { "HELD_READ_\(suite)" }

  /// What the suite's next child holds: to be called before that is started.
  package func announce() { setenv(Self.variable(suite), "\(database)\n\(path)", 1) }

  /// The holder's process; nil until it holds.
  package var process: Int32? { (try? String(contentsOfFile: "\(path).holding", encoding: .utf8)).flatMap { Int32($0) } }

  package func letGo() { _ = FileManager.default.createFile(atPath: "\(path).let-go", contents: nil) }

  /// The child's part.
  package static func hold(for suite: String) throws {
    let lines = ProcessInfo.processInfo.environment[variable(suite)]?.split(separator: "\n").map(String.init) ?? []
    guard lines.count == 2 else { throw CocoaError(.fileNoSuchFile) }
    var configuration = Configuration()
    configuration.readonly = true
    try DatabaseQueue(path: lines[0], configuration: configuration).read { db in
      _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master")
      try "\(getpid())".write(toFile: "\(lines[1]).holding", atomically: true, encoding: .utf8)
      let parent = getppid()
      while access("\(lines[1]).let-go", F_OK) != 0, getppid() == parent { usleep(5000) }
    }
  }
}
