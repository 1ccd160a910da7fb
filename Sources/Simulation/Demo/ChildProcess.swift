package import Foundation
import Glibc
import Synchronization

/// A process that we started, in a group of its own: ended by its id, and no other. Ctrl-C at our terminal does not reach it.
///
/// Not Foundation's Process: threads of the concurrency pool block signals, and a child that inherits that never hears SIGTERM.
package final class ChildProcess: Sendable {
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  package let id: Int32
  /// Its exit status as waitpid gave it, once it has ended.
  private let status = Mutex<Int32?>(nil)

  /// - Parameter output: where its standard output and error go; nowhere by default.
  package init(_ executable: String, _ arguments: [String], output: FileHandle? = nil) throws {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    for descriptor: Int32 in [1, 2] {
      if let output {
        posix_spawn_file_actions_adddup2(&actions, output.fileDescriptor, descriptor)
      } else {
        posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
      }
    }
    // None of our files, whoever opened them. One that is closed meanwhile is no error.
    for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
      if let descriptor = Int32(name), descriptor > 2 { posix_spawn_file_actions_addclose(&actions, descriptor) }
    }
    var words = ([executable] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    // What makes a test run long is no setting of the gateway's, which refuses settings that it does not know.
    var environment = ProcessInfo.processInfo.environment.filter { $0.key != "THUONG_SOAK" }.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for variable in environment { free(variable) } }
    var child: pid_t = 0
    let code = posix_spawn(&child, executable, &actions, &attributes, &words, &environment)
    guard code == 0 else { throw Failure(description: "\(executable): \(String(cString: strerror(code)))") }
    id = child
  }

  package var isRunning: Bool { poll(WNOHANG) == nil }

  /// What it exited with, or 128 + the signal that ended it; -1 while it runs.
  package var exitCode: Int32 {
    guard let raw = poll(WNOHANG) else { return -1 }
    return raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
  }

  package func send(_ signal: Int32) { if isRunning { kill(id, signal) } }

  /// Blocks until it has ended.
  package func wait() { while poll(0) == nil {} }

  /// SIGTERM, and SIGKILL to its group where it has not ended after that many seconds. Blocks.
  package func end(within seconds: Double = 10) {
    send(SIGTERM)
    let limit = Date(timeIntervalSinceNow: seconds)
    while isRunning, Date() < limit { Thread.sleep(forTimeInterval: 0.005) }
    if isRunning { kill(-id, SIGKILL) }  // with what it started: a debugger's child outlives the debugger
    wait()
  }

  /// Reaps it once; its id is never used after that.
  private func poll(_ options: Int32) -> Int32? {
    status.withLock { known in
      if let known { return known }
      var raw: Int32 = 0
      if waitpid(id, &raw, options) == id { known = raw }
      return known
    }
  }
}

/// Loopback ports.
package enum LoopbackPort {
  /// One that was free a moment ago.
  package static func free() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard descriptor >= 0, bound else { throw CocoaError(.executableLoad) }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  /// Whether somebody listens there.
  package static func isOpen(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
    }
  }
}
