import Foundation
import Glibc
package import Logging
package import ServiceLifecycle
import Synchronization

/// The door for commands of this machine's user, `DIR/thuong.sock`: whoever may read the directory's files may use it.
///
/// Threads of its own, a few at most, each for one connection: nothing here is on the way of a reading.
package struct ControlServer: Service {
  /// Further ones are told that it is busy.
  static let connectionsMax = 8
  /// Whoever connects has so long to ask, and to take each part of an answer.
  static let patience: Int32 = 10_000

  private let gateway: GatewayService
  private let logger: Logger

  package init(gateway: GatewayService, logger: Logger) { (self.gateway, self.logger) = (gateway, logger) }

  /// Serves until a graceful shutdown. Where it cannot listen, that is logged: a gateway goes on without its socket.
  package func run() async throws {
    let ending = Ending()
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

  private func serve(until ending: Ending) {
    let directory = gateway.configuration.dataDirectory
    guard let socket = LocalSocket.listening(directory: directory, name: ControlRequest.socketName, backlog: 16) else {
      logger.error(
        "No commands through the socket: it cannot listen",
        metadata: ["socket": "\(directory)/\(ControlRequest.socketName)", "why": "\(String(cString: strerror(errno)))"])
      return ending.wait()
    }
    defer { unlink("\(directory)/\(ControlRequest.socketName)") }
    let open = DispatchGroup()
    let count = Atomic<Int>(0)
    withExtendedLifetime(count) {
      while !ending.hasBegun {
        guard ending.sees(socket.descriptor), let connection = socket.accepted() else { continue }
        guard count.load(ordering: .relaxed) < Self.connectionsMax else {
          _ = connection.write(ControlProblem(.busy, "\(Self.connectionsMax) commands are being served; try again").line, milliseconds: 0)
          continue
        }
        _ = count
        serve(connection, open, ending)
      }
    }
    open.wait()
  }

  private func serve(_ connection: consuming LocalSocket, _ open: DispatchGroup, _ ending: Ending) {
    let conversation = ControlConversation(connection, gateway: gateway, ending: ending)
    open.enter()
    Thread.detachNewThread {
      conversation.run()
      open.leave()
    }
  }
}
