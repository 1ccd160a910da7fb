import CMosquitto
import Database
import Dispatch
import Glibc
import Synchronization

/// One thread for the life of the process, and the executor of the writer's actor: a turn, a sleep in poll, the jobs that came.
final class WriterThread: SerialExecutor {
  private struct Queue {
    var jobs: [UnownedJob] = []
    /// The thread has ended: what comes now runs on `epilogue`, so that nobody waits for ever.
    var isOver = false
  }

  private let queue = Mutex(Queue())
  private let epilogue = DispatchQueue(label: "writer-epilogue")
  private let bell = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
  private let identity = Atomic<UInt>(0)

  deinit { close(bell) }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let (isOver, isFirst) = queue.withLock { queue in
      if !queue.isOver { queue.jobs.append(job) }
      return (queue.isOver, queue.jobs.count == 1)
    }
    if isOver {
      epilogue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    } else if isFirst {
      eventfd_write(bell, 1)
    }
  }

  func isIsolatingCurrentContext() -> Bool? { identity.load(ordering: .relaxed) == UInt(pthread_self()) }

  func checkIsolated() { precondition(isIsolatingCurrentContext() == true, "only the writer thread touches the writer's state") }

  /// Runs `turn` until it returns nil.
  ///
  /// - Parameter turn: what poll saw on the socket in, what to wait for out.
  func start(_ turn: @escaping @Sendable (Int16) -> WriterCore.Wait?) {
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

  private func run(_ turn: (Int16) -> WriterCore.Wait?) {
    identity.store(UInt(pthread_self()), ordering: .relaxed)
    StoreFile.catchOverflow()
    var taken: [UnownedJob] = []
    var seen: Int16 = 0
    while let wait = turn(seen) {
      var descriptors = (pollfd(fd: wait.socket, events: wait.events, revents: 0), pollfd(fd: bell, events: Int16(POLLIN), revents: 0))
      _ = withUnsafeMutableBytes(of: &descriptors) { poll($0.bindMemory(to: pollfd.self).baseAddress, 2, wait.milliseconds) }
      seen = descriptors.0.revents
      if descriptors.1.revents != 0 { runJobs(&taken) }
    }
    queue.withLock { queue in
      queue.isOver = true
      swap(&queue.jobs, &taken)
    }
    identity.store(0, ordering: .relaxed)
    let rest = taken
    epilogue.async { for job in rest { job.runSynchronously(on: self.asUnownedSerialExecutor()) } }
  }

  private func runJobs(_ taken: inout [UnownedJob]) {
    var rung: eventfd_t = 0
    eventfd_read(bell, &rung)  // before the swap: a job that comes after it rings again
    queue.withLock { swap(&$0.jobs, &taken) }
    for job in taken { job.runSynchronously(on: asUnownedSerialExecutor()) }
    taken.removeAll(keepingCapacity: true)
  }

  private final class Body {
    let call: () -> Void
    init(_ call: @escaping () -> Void) { self.call = call }
  }
}
