import Dispatch
package import GRDB
import Glibc
package import Readings
import Synchronization

/// How many reads may wait, and how long one may take.
package struct ReadLimits: Sendable {
  /// A read beyond these is refused with `StoreError.tooManyReads`.
  package var waitingMax = 256
  /// A longer read is cut off with `StoreError.readTooLong`.
  package var lengthMax: Milliseconds = 10_000

  package init() {}
}

/// A read-only look at the store beside a running writer, on threads of its own (`ReadThreads`) that give way to it.
///
/// A read copies out what it needs and returns: while it lasts, the write-ahead log cannot begin anew.
package final class StoreReader: Sendable {
  private let path: String
  private let limits: ReadLimits
  private let threads: ReadThreads

  /// - Throws: `.unusable` where there is no store in the directory.
  package init(
    directory: String, limits: ReadLimits = ReadLimits(), priority: ReadPriority = .niced
  ) throws(StoreError) {
    let path = "\(directory)/\(StoreFile.name)"
    (self.path, self.limits) = (path, limits)
    try RestoredFile.refusePending(directory)
    guard access(path, R_OK) == 0 else { throw .unusable("\(directory): no store here; name the gateway's directory with --data") }
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(5)
    do {
      let connections = try (0..<ReadThreads.count).map { _ in try DatabaseQueue(path: path, configuration: configuration) }
      threads = ReadThreads(connections, limits, priority, logPath: StoreFile.logPath(directory))
    } catch let error as DatabaseError where [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode) {
      throw .damaged("\(path): \(error.message ?? "not readable")")
    } catch {
      throw .unusable("\(path): cannot be read")
    }
  }

  deinit { threads.end() }

  /// Waits for the read. Not for tasks: the thread that calls is blocked.
  ///
  /// - Throws: `.tooManyReads`, `.readTooLong`, `.damaged` where SQLite finds the file damaged, and what `body` throws.
  package func read<T: Sendable>(_ body: @Sendable @escaping (Database) throws -> T) throws -> T {
    try outcome(of: submit(body).wait())
  }

  /// Several reads, on both threads: they see the store as it is when each begins. The answers are in the order of the questions.
  ///
  /// - Throws: as `read`, when all are over.
  package func readAll<T: Sendable>(_ bodies: [@Sendable (Database) throws -> T]) throws -> [T] {
    var answers: [T] = []
    for start in stride(from: 0, to: bodies.count, by: limits.waitingMax / 4) {
      let some = bodies[start..<min(bodies.count, start + limits.waitingMax / 4)]
      let asked = some.map { body in Result { try submit(body) } }
      let results = asked.map { answer in answer.flatMap { $0.wait() } }
      for result in results { answers.append(try outcome(of: result)) }
    }
    return answers
  }

  private func submit<T: Sendable>(_ body: @Sendable @escaping (Database) throws -> T) throws -> Answer<T> {
    let answer = Answer<T>()
    try threads.submit { connection in
      let result = Result { try connection.read(body) }
      return { answer.give(result) }
    }
    return answer
  }

  /// As `read`, for tasks.
  package func readAsync<T: Sendable>(_ body: @Sendable @escaping (Database) throws -> T) async throws -> T {
    let result: Result<T, any Error> = try await withCheckedThrowingContinuation { continuation in
      do {
        try threads.submit { connection in
          let result = Result { try connection.read(body) }
          return { continuation.resume(returning: result) }
        }
      } catch {
        continuation.resume(throwing: error)
      }
    }
    return try outcome(of: result)
  }

  private func outcome<T>(of result: Result<T, any Error>) throws -> T {
    do {
      return try result.get()
    } catch let error as DatabaseError {
      switch error.resultCode {
      case .SQLITE_CORRUPT, .SQLITE_NOTADB: throw StoreError.damaged("\(path): \(error.message ?? "not readable")")
      case .SQLITE_INTERRUPT: throw StoreError.readTooLong(limits.lengthMax)
      default: throw error
      }
    }
  }
}

/// What a read came to, for the thread that waits for it.
private final class Answer<T: Sendable>: Sendable {
  private let result = Mutex<Result<T, any Error>?>(nil)
  private let isThere = DispatchSemaphore(value: 0)

  func give(_ new: Result<T, any Error>) {
    result.withLock { $0 = new }
    isThere.signal()
  }

  func wait() -> Result<T, any Error> {
    isThere.wait()
    guard let result = result.withLock({ $0 }) else { preconditionFailure("an answer is there when it is told") }
    return result
  }
}
