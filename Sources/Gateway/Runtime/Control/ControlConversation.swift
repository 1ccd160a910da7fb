import Database
import DeviceRegistry
import Foundation
import Glibc
import Readings
import RuleEngine
import Synchronization

/// One connection of the control socket: a request, its answer, the end. It runs on a thread of its own.
final class ControlConversation: Sendable {
  private let socket: LocalSocket
  private let gateway: GatewayService
  private let ending: ControlEnding

  init(_ socket: consuming LocalSocket, gateway: GatewayService, ending: ControlEnding) {
    self.socket = socket
    (self.gateway, self.ending) = (gateway, ending)
  }

  func run() {
    do {
      switch try request() {
      case .command(let json):
        try Self.wait { [gateway] in try await gateway.obey(json) }
        answer { $0.field("done", object: { _ in }) }
      case .reload:
        let files = try Self.wait { [gateway] in try await gateway.reload() }
        answer { json in
          json.field(
            "done",
            object: { json in
              json.field("version", files.version)
              json.field("rules", files.book.rules.count)
              json.field("devices", files.registry.devices.count)
            })
        }
      case .record: try record()
      case .outbox(.order(let order, let by)):
        let done = try Self.wait { [gateway] in try await gateway.obey(order, by: by) }
        answer { json in json.field("done", object: { done.write(to: &$0) }) }
      case .outbox(.test(let sink, let by)):
        let test = try Self.wait { [gateway] in try await gateway.test(sink: sink, by: by) }
        answer { json in json.field("done", object: { test.write(to: &$0) }) }
      }
    } catch {
      _ = socket.write(ControlProblem(error).line, milliseconds: ControlServer.patience)
    }
  }

  private func answer(_ body: (inout JSONWriter) -> Void) {
    var json = JSONWriter()
    json.object(body)
    _ = socket.write(json.bytes + [0x0a], milliseconds: ControlServer.patience)
  }

  private func request() throws(ControlProblem) -> ControlRequest {
    var line: [UInt8] = []
    let until = SystemClock().monotonic + Int64(ControlServer.patience)
    while true {
      let left = until - SystemClock().monotonic
      guard left > 0, ending.sees(socket.descriptor, milliseconds: Int32(left)) else {
        throw ControlProblem(
          .unavailable, ending.hasBegun ? "the gateway is ending" : "no request came in \(ControlServer.patience / 1000) s")
      }
      let part = socket.read(atMost: 64 << 10)
      if part.isEmpty { throw .malformed("the request has no end of line") }
      line += part
      if let end = line.firstIndex(of: 0x0a) { return try ControlRequest(line: Array(line[..<end])) }
      if line.count > ControlRequest.requestMax { throw .malformed("a request has at most \(ControlRequest.requestMax >> 10) KB") }
    }
  }

  // MARK: Recording

  /// Lines go on until the asker ends its side, falls behind, or the gateway ends.
  private func record() throws {
    let recording = InputRecording()
    try Self.wait { [gateway] in try await gateway.writer.begin(recording) }
    defer { try? Self.wait { [gateway] in await gateway.writer.end(recording) } }
    while true {
      let (lines, end) = recording.take()
      guard socket.write(lines, milliseconds: ControlServer.patience) else { return }
      switch end {
      case .behind:
        throw ControlProblem(.behind, "the recording was not taken as fast as inputs came, and has ended; the trace is not complete")
      case .stopped: return answer { json in json.field("end", object: { $0.field("lines", recording.count) }) }
      case nil: break
      }
      if ending.hasBegun {
        recording.stop()
      } else if ending.sees(socket.descriptor, milliseconds: 100) {
        // Nothing more is asked on this connection: what can be read is its end.
        if socket.read(atMost: 4096).isEmpty { recording.stop() }
      }
    }
  }

  // MARK: Asking the writer

  /// Waits on this thread, which is nobody else's.
  private static func wait<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) throws -> T {
    let answer = Answer<T>()
    Task {
      do { answer.give(.success(try await work())) } catch { answer.give(.failure(error)) }
    }
    return try answer.taken().get()
  }

  private final class Answer<T: Sendable>: Sendable {
    private let given = DispatchSemaphore(value: 0)
    private let result = Mutex<Result<T, any Error>?>(nil)

    func give(_ result: Result<T, any Error>) {
      self.result.withLock { $0 = result }
      given.signal()
    }

    func taken() -> Result<T, any Error> {
      given.wait()
      return result.withLock { $0 } ?? .failure(ControlProblem(.unavailable, "there is no answer"))
    }
  }
}

extension ControlProblem {
  /// As whoever asked through the socket reads it.
  init(_ error: any Error) {
    switch error {
    case let problem as ControlProblem: self = problem
    case let refusal as CommandRefused:
      switch refusal.kind {
      case .malformed: self.init(.malformed, refusal.words)
      case .notFound: self.init(.notFound, refusal.words)
      case .conflict: self.init(.conflict, refusal.words)
      }
    case let faults as FileFaults:
      self.init(.badFiles, "files do not load, and nothing has changed", faults: faults.faults.map(\.description))
    case is ReloadBusy: self.init(.busy, "files are being loaded just now; try again")
    case let error as StoreError: self.init(.unavailable, "\(error)")
    default: self.init(.unavailable, "\(error)")
    }
  }
}
