import Foundation
import Glibc
import MQTTIntake
import Testing

/// Ten seconds is what an address may take.
@Suite struct PatienceTests {
  /// On a thread of its own: it blocks.
  private func refusal(_ url: String) async throws -> String {
    let endpoint = try #require(MQTTEndpoint(url: url, clientID: "thuong"))
    return await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        do throws(MQTTFault) {
          _ = try MQTTConnection.dial(endpoint, readsSenderTime: false, now: 0)
          continuation.resume(returning: "connected")
        } catch {
          continuation.resume(returning: error.description)
        }
      }
    }
  }

  @Test func `A host that never answers is given up`() async throws {
    let (listener, port) = try SwallowingProxy.listen(backlog: 0)
    defer { close(listener) }
    // One waits in the queue, which is full then: the next one's SYN is dropped.
    let waiting = SwallowingProxy.connect(port)
    defer { close(waiting) }
    #expect(waiting >= 0)
    #expect(try await refusal("mqtt://127.0.0.1:\(port)") == "127.0.0.1:\(port): no answer in ten seconds; is a broker running there?")
  }

  @Test func `A host that connects and never shakes hands is given up`() async throws {
    let (listener, port) = try SwallowingProxy.listen()
    defer { close(listener) }
    #expect(try await refusal("mqtts://127.0.0.1:\(port)") == "127.0.0.1: no TLS handshake in ten seconds; is it a port for TLS?")
  }
}
