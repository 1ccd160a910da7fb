import CMosquitto
import Foundation
import Glibc
import Logging
import ServiceLifecycle
import Synchronization

/// The door for commands of this machine's user, `DIR/thuong.sock`: whoever may read the directory's files may use it.
///
/// Threads of its own, a few at most, each for one connection: nothing here is on the way of a reading.
struct ControlServer: Service {
  /// Further ones are told that it is busy.
  static let connectionsMax = 8
  /// Whoever connects has so long to ask, and to take each part of an answer.
  static let patience: Int32 = 10_000

  private let gateway: GatewayService
  private let logger: Logger

  init(gateway: GatewayService, logger: Logger) { (self.gateway, self.logger) = (gateway, logger) }

  /// Serves until a graceful shutdown. Where it cannot listen, that is logged: a gateway goes on without its socket.
  func run() async throws {
    let ending = ControlEnding()
    await withTaskCancellationHandler {
      await withGracefulShutdownHandler {
        await withCheckedContinuation { ended in
          Thread.detachNewThread {
            serve(until: ending)
            ended.resume()
          }
        }
      } onGracefulShutdown: {
        ending.begin()
      }
    } onCancel: {
      ending.begin()
    }
  }

  private func serve(until ending: ControlEnding) {
    let directory = gateway.configuration.dataDirectory
    guard let socket = LocalSocket.listening(directory: directory, name: ControlRequest.socketName, backlog: 16) else {
      logger.error(
        "No commands through the socket: it cannot listen",
        metadata: ["socket": "\(directory)/\(ControlRequest.socketName)", "why": "\(String(cString: strerror(errno)))"])
      return ending.wait()
    }
    defer { unlink("\(directory)/\(ControlRequest.socketName)") }
    let open = DispatchGroup()
    let places = DispatchSemaphore(value: Self.connectionsMax)
    while !ending.hasBegun {
      guard ending.sees(socket.descriptor), let connection = socket.accepted() else { continue }
      guard places.wait(timeout: .now()) == .success else {
        _ = connection.write(ControlProblem(.busy, "\(Self.connectionsMax) commands are being served; try again").line, milliseconds: 0)
        continue
      }
      let conversation = ControlConversation(connection, gateway: gateway, ending: ending)
      open.enter()
      Thread.detachNewThread {
        conversation.run()
        places.signal()
        open.leave()
      }
    }
    open.wait()
  }
}

/// That the server is to end, for all of its threads.
final class ControlEnding: Sendable {
  private let begun = Atomic<Bool>(false)
  private let bell = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))

  deinit { close(bell) }

  var hasBegun: Bool { begun.load(ordering: .acquiring) }

  func begin() {
    begun.store(true, ordering: .releasing)
    eventfd_write(bell, 1)  // never read: whoever looks at it from now on sees it
  }

  func wait() { while !hasBegun { _ = sees(-1) } }

  /// Whether there is something to read on the descriptor; waits for that, for the end, or for `milliseconds`.
  func sees(_ descriptor: Int32, milliseconds: Int32 = -1) -> Bool {
    var places = (pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0), pollfd(fd: bell, events: Int16(POLLIN), revents: 0))
    let found = withUnsafeMutableBytes(of: &places) { poll($0.bindMemory(to: pollfd.self).baseAddress, 2, milliseconds) }
    return found > 0 && places.0.revents != 0
  }
}
