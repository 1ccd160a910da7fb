import Glibc

/// Work that gives way to everything else on the machine.
package enum BackgroundWork {
  /// Linux's SCHED_IDLE, which the C library's module does not show to Swift.
  private static let idlePolicy: Int32 = 5

  /// From now on the calling thread runs where nothing else wants its processor, and leaves it at once to whatever does. There is no way
  /// back without privileges. Where the system does not allow it the thread is niced as far as can be.
  ///
  /// Niceness is not enough: since Linux 6.6 a niced thread that runs keeps its processor for up to 3 ms although the writer's disk has
  /// answered. Threads that it starts inherit it.
  package static func begin() {
    var parameters = sched_param()
    if sched_setscheduler(0, idlePolicy, &parameters) != 0 { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19) }
  }

  /// From now on the calling thread runs at nice 10: for what others wait for, such as a long read that holds the store's log.
  package static func giveWay() {
    // Linux takes 0 for the calling thread alone.
    let which = __priority_which_t(PRIO_PROCESS.rawValue)
    setpriority(which, 0, max(getpriority(which, 0), 10))
  }

  /// Whether the calling thread gives way.
  package static var isRunning: Bool { sched_getscheduler(0) == idlePolicy }
}
