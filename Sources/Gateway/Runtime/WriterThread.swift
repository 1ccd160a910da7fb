import CMosquitto
import Glibc
import Synchronization

/// One thread for the life of the process, and the executor of the writer's actor: a turn, a sleep in poll, the jobs that came.
final class WriterThread: SerialExecutor {
  /// What to sleep on; poll ignores a socket of -1.
  struct Wait {
    var socket: Int32
    var events: Int16
    var milliseconds: Int32
  }

  private let jobs = Mutex<[UnownedJob]>([])
  private let bell = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
  private let identity = Atomic<UInt>(0)

  deinit { close(bell) }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let isFirst = jobs.withLock { jobs in
      jobs.append(job)
      return jobs.count == 1
    }
    if isFirst { eventfd_write(bell, 1) }
  }

  func isIsolatingCurrentContext() -> Bool? { identity.load(ordering: .relaxed) == UInt(pthread_self()) }

  func checkIsolated() { precondition(isIsolatingCurrentContext() == true, "only the writer thread touches the writer's state") }

  /// Runs `turn` until it returns nil.
  ///
  /// - Parameter turn: what poll saw on the socket in, what to wait for out.
  func start(_ turn: @escaping @Sendable (Int16) -> Wait?) {
    var thread = pthread_t()
    let body = Unmanaged.passRetained(Body { self.run(turn) })
    let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
      if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().call() }
      return nil
    }
    let failed = pthread_create(&thread, nil, main, body.toOpaque())
    precondition(failed == 0, "a process that cannot start its first thread cannot serve")
    pthread_detach(thread)
  }

  private func run(_ turn: (Int16) -> Wait?) {
    identity.store(UInt(pthread_self()), ordering: .relaxed)
    var taken: [UnownedJob] = []
    var seen: Int16 = 0
    while let wait = turn(seen) {
      var descriptors = (pollfd(fd: wait.socket, events: wait.events, revents: 0), pollfd(fd: bell, events: Int16(POLLIN), revents: 0))
      _ = withUnsafeMutableBytes(of: &descriptors) { poll($0.bindMemory(to: pollfd.self).baseAddress, 2, wait.milliseconds) }
      seen = descriptors.0.revents
      if descriptors.1.revents != 0 { runJobs(&taken) }
    }
    runJobs(&taken)
  }

  private func runJobs(_ taken: inout [UnownedJob]) {
    var rung: eventfd_t = 0
    eventfd_read(bell, &rung)  // before the swap: a job that comes after it rings again
    jobs.withLock { swap(&$0, &taken) }
    for job in taken { job.runSynchronously(on: asUnownedSerialExecutor()) }
    taken.removeAll(keepingCapacity: true)
  }

  private final class Body {
    let call: () -> Void
    init(_ call: @escaping () -> Void) { self.call = call }
  }
}
