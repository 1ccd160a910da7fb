import Dispatch
import Foundation
import GRDB
import Glibc
import Readings
import Synchronization

/// How much a reader's threads give way.
package enum ReadPriority: Sendable {
  /// At nice 10: short reads that somebody waits for.
  case niced
  /// See `BackgroundWork`: reads of much, one after the other.
  case background

  fileprivate func apply() {
    switch self {
    case .niced: BackgroundWork.giveWay()
    case .background: BackgroundWork.begin()
    }
  }
}

/// The threads on which the store is read: two that give way to the writer, and never Swift's or Dispatch's own, where long reads would stop
/// every task. A third thread, which sleeps, cuts off what takes too long; a fourth gives the answers: who is resumed may start threads,
/// which inherit how much the thread that starts them gives way.
final class ReadThreads: Sendable {
  static let count = 2
  /// How long a read waits for the writer to begin its log anew.
  private static let courtesy: Int32 = 100

  /// Gives the answer to whoever waits for it.
  typealias Answer = @Sendable () -> Void
  typealias Read = @Sendable (ReadConnection) -> Answer

  private struct State {
    var waiting: [Read] = []
    /// Reads give way while the log is longer.
    var logBytesMax = StoreFile.logSizeUsual
  }

  private let state = Mutex(State())
  /// Rung once for each read that comes.
  private let bell = DispatchSemaphore(value: 0)
  private let watch: ReadWatch
  private let waitingMax: Int
  private let priority: ReadPriority
  private let logPath: String
  private let answers = Mutex<(given: [Answer], areOver: Int)>(([], 0))
  private let answerBell = DispatchSemaphore(value: 0)

  init(_ connections: [DatabaseQueue], _ limits: ReadLimits, _ priority: ReadPriority, logPath: String) {
    (waitingMax, self.priority, self.logPath) = (limits.waitingMax, priority, logPath)
    watch = ReadWatch(connections, lengthMax: limits.lengthMax)
    Thread.detachNewThread { [watch] in watch.run() }
    for place in connections.indices {
      let connection = ReadConnection(queue: connections[place], watch: watch, place: place)
      Thread.detachNewThread { self.serve(connection) }
    }
    Thread.detachNewThread { self.giveAnswers() }
  }

  /// Nobody reads any more: the threads end.
  func end() {
    for _ in 0..<Self.count { bell.signal() }
    watch.end()
  }

  /// - Throws: `.tooManyReads`.
  func submit(_ read: @escaping Read) throws(StoreError) {
    let isFull = state.withLock { state in
      if state.waiting.count >= waitingMax { return true }
      state.waiting.append(read)
      return false
    }
    if isFull { throw .tooManyReads }
    bell.signal()
  }

  private func serve(_ connection: ReadConnection) {
    priority.apply()
    while true {
      bell.wait()
      let read: Read? = state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
      guard let read else {
        answers.withLock { $0.areOver += 1 }
        answerBell.signal()
        return
      }
      giveWay()
      let answer = read(connection)
      answers.withLock { $0.given.append(answer) }
      answerBell.signal()
    }
  }

  /// Until every thread has read its last.
  private func giveAnswers() {
    while true {
      answerBell.wait()
      let (given, areOver) = answers.withLock { answers in
        defer { answers.given = [] }
        return (answers.given, answers.areOver == Self.count)
      }
      for answer in given { answer() }
      if areOver { return }
    }
  }

  /// SQLite begins its log anew only at a moment without readers. Readers that take turns would never leave it one, and the log would
  /// grow, which makes every commit slower: so while it is longer than usual they wait for that moment. A log that nobody writes to
  /// does not change: then they go on, until it has grown by as much again.
  private func giveWay() {
    let most = state.withLock { $0.logBytesMax }
    var bytes = StoreFile.size(logPath)
    var left = Self.courtesy
    while bytes > most, left > 0 {
      poll(nil, 0, 2)
      left -= 2
      bytes = StoreFile.size(logPath)
    }
    let next = bytes > most ? bytes + StoreFile.logSizeUsual : StoreFile.logSizeUsual
    if bytes > most || most > StoreFile.logSizeUsual { state.withLock { $0.logBytesMax = next } }
  }
}

/// A connection of one of the threads.
struct ReadConnection: Sendable {
  let queue: DatabaseQueue
  let watch: ReadWatch
  /// Which of the threads.
  let place: Int

  /// Runs `body` in a read transaction on the calling thread.
  func read<T>(_ body: @Sendable (Database) throws -> T) throws -> T {
    try queue.read { db in
      // Only the body can be cut off: were the end of the transaction, it would stay open.
      watch.began(place)
      defer { watch.ended(place) }
      return try body(db)
    }
  }
}
