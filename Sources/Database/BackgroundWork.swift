import Glibc

/// Work that gives way to everything else on the machine.
package enum BackgroundWork {
  /// Linux's SCHED_IDLE, which the C library's module does not show to Swift.
  private static let idlePolicy: Int32 = 5

  /// From now on the calling thread runs where nothing else wants its processor, and leaves it at once to whatever does. There is no way
  /// back without privileges.
  ///
  /// Niceness is not enough: since Linux 6.6 a niced thread that runs keeps its processor for up to 3 ms although the writer's disk has
  /// answered.
  package static func begin() {
    var parameters = sched_param()
    let code = sched_setscheduler(0, idlePolicy, &parameters)
    precondition(code == 0, "any thread may give way")
  }

  /// Whether the calling thread gives way.
  package static var isRunning: Bool { sched_getscheduler(0) == idlePolicy }
}
