import Database
import Dispatch
import Gateway
import Synchronization
import Testing

@Suite struct BusyStoreTests {
  @Test func `while too many reads of the store wait the API says so, and when they are done it answers`() async throws {
    // Nothing listens on port 1: no broker is needed here.
    try await RunningConsole.run(try TestTown(broker: 1)) { console in
      let reader = console.gateway.reader
      let goOn = DispatchSemaphore(value: 0)
      let refused = Refusals()
      try await withThrowingTaskGroup(of: Void.self) { group in
        // However this ends: nothing else would let the two threads go.
        defer { goOn.signal() }
        let read: @Sendable () async -> Void = {
          do {
            try await reader.readAsync { _ in
              refused.held.add(1, ordering: .relaxed)
              goOn.wait()
              goOn.signal()
            }
          } catch {
            refused.count.add(1, ordering: .relaxed)
          }
        }
        // Two hold the threads; from then on the others wait, until one finds no place to wait in.
        for _ in 0..<2 { group.addTask { await read() } }
        while refused.held.load(ordering: .relaxed) < 2 { await Task.yield() }
        while refused.count.load(ordering: .relaxed) == 0 {
          group.addTask { await read() }
          await Task.yield()
        }
        let reply = try await console.get("/api/v1/alerts")
        try expectProblem(reply, 503, "too many reads")
        #expect(reply.headers["retry-after"] == "1")
        #expect(try await console.get("/livez").status == 200)
        goOn.signal()
        try await group.waitForAll()
      }
      #expect(try await console.get("/api/v1/alerts").status == 200)
    }
  }
}

private final class Refusals: Sendable {
  let count = Atomic(0)
  let held = Atomic(0)
}
