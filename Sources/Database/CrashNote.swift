import Glibc
import Synchronization

/// What a crash of this process tells its next start: how many starts have crashed, and what was in hand.
///
/// The kernel calls `crashed` when the process does what ends it (a trap, a bad address, an abort); then the crash goes on as ever. Who is
/// killed from outside, for want of memory too, tells nothing: what it had in hand is innocent. The process has one: that of the store
/// that was armed last.
enum CrashNote {
  /// Of the lock file; -1: not armed. All of this is read by a signal handler: atomics, so that the last store before a trap is made.
  private static let descriptor = Atomic<Int32>(-1)
  private static let deaths = Atomic<Int64>(0)
  private static let row = Atomic<Int64>(0)
  private static let message = Atomic<UInt64>(0)
  /// What was called before us, by signal.
  nonisolated(unsafe) private static let before = UnsafeMutablePointer<sigaction>.allocate(capacity: 32)

  private static let signals = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV]
  private static let stackSize = 64 << 10

  private static let areCaught: Void = {
    before.initialize(repeating: sigaction(), count: 32)
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { CrashNote.crashed($0) }
    action.sa_flags = SA_ONSTACK
    for signal in signals { sigaction(signal, &action, before + Int(signal)) }
  }()

  /// - Parameter deaths: the starts that have crashed before.
  static func arm(_ file: Int32, deaths count: Int64) {
    deaths.store(count, ordering: .relaxed)
    row.store(0, ordering: .relaxed)
    message.store(0, ordering: .relaxed)
    descriptor.store(file, ordering: .releasing)
    _ = areCaught
    catchOverflow()
  }

  static func disarm(_ file: Int32) {
    _ = descriptor.compareExchange(expected: file, desired: -1, ordering: .acquiringAndReleasing)
  }

  static func inHand(row number: Int64) { row.store(number, ordering: .relaxed) }
  static func inHand(message hash: UInt64) { message.store(hash, ordering: .relaxed) }

  /// A stack of its own for the handler on this thread: where the thread's has run out, nothing can be called on it.
  static func catchOverflow() {
    var now = stack_t()
    guard sigaltstack(nil, &now) == 0, now.ss_flags & Int32(SS_DISABLE) != 0 else { return }
    // It stays: the few threads that have one live as long as the process.
    var new = stack_t(ss_sp: .allocate(byteCount: stackSize, alignment: 16), ss_flags: 0, ss_size: stackSize)
    sigaltstack(&new, nil)
  }

  /// Runs as a signal handler: only system calls, no memory.
  private static func crashed(_ signal: Int32) {
    let file = descriptor.exchange(-1, ordering: .acquiringAndReleasing)
    if file >= 0 {
      var note = (
        (deaths.load(ordering: .relaxed) + 1).littleEndian, row.load(ordering: .relaxed).littleEndian,
        message.load(ordering: .relaxed).littleEndian
      )
      pwrite(file, &note, 24, DirectoryLock.notesAt)
    }
    sigaction(signal, before + Int(signal), nil)
    raise(signal)  // at the latest when we return
  }
}
