import Foundation
import Simulation
import Testing

/// Too few descriptors, too little memory.
@Suite(.serialized) struct ScarceResourceTests {
  /// Connections that ask nothing; each costs the gateway a descriptor, as far as it takes them.
  private final class IdleConnections {
    private var descriptors: [Int32] = []

    init(_ count: Int, port: Int) {
      for _ in 0..<count {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        _ = withUnsafePointer(to: &address) { pointer in
          pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        descriptors.append(descriptor)
      }
    }

    func end() {
      for descriptor in descriptors { close(descriptor) }
      descriptors = []
    }

    deinit { end() }
  }

  private static func descriptors(of child: ChildProcess) -> Int {
    (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(child.id)/fd").count) ?? 0
  }

  /// Clock ticks of processor time.
  private static func processorTime(of child: ChildProcess) -> Int {
    let text = (try? String(contentsOfFile: "/proc/\(child.id)/stat", encoding: .utf8)) ?? ""
    let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
    return fields.count > 12 ? (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0) : 0
  }

  @Test func `F22 Without free descriptors intake goes on, also after the broker came back`() async throws {
    let limit = 64
    var plan = FaultCity.Plan()
    plan.isBrokerPersistent = true
    let city = try await FaultCity(plan)
    let child = try await city.start(under: ["/usr/bin/prlimit", "--nofile=\(limit):\(limit)"])
    defer { child.send(SIGKILL) }
    let used = Self.descriptors(of: child)
    let sender = try city.makeSender(seed: 22)
    defer { sender.abandon() }
    let crowd = IdleConnections(200, port: city.gateway.httpPort)
    defer { crowd.end() }
    var most = 0
    _ = await Bench.wait(seconds: 1) {
      most = max(most, Self.descriptors(of: child))
      return most >= limit
    }
    #expect(most > used)
    try await sender.send(2000)
    try await city.waitForStored(6000)
    try await Bench.blocking {
      city.stopBroker()
      try city.startBroker()
    }
    try await sender.send(2000)
    try await city.waitForStored(12_000)
    let (began, spent) = (ContinuousClock.now, Self.processorTime(of: child))
    try await Task.sleep(for: .milliseconds(500))
    let busy = Double(Self.processorTime(of: child) - spent) / 100 / Bench.seconds(since: began)
    #expect(busy < 0.5, "it spins: \(busy)")
    crowd.end()
    let isReady = await city.gateway.waitUntilReady(child, seconds: 10)
    #expect(isReady, "\(city.log)")
    #expect(await city.imbalances() == [])
    #expect(try await city.stop(child) == 0)
    let readings = try await city.comparedReadings(sender)
    #expect(readings.isRight, "\(readings)")
    Bench.say("F22, descriptors: \(used) used, \(most) of \(limit) in the crowd, busy \(busy); \(readings)")
  }

  @Test func `F22 At the end of its memory it lives on or is killed, and then nothing acknowledged is lost`() async throws {
    let city = try await FaultCity()
    let child = try await city.start(under: ["/usr/bin/prlimit", "--data=\(200 << 20)"])
    defer { child.send(SIGKILL) }
    let sender = try city.makeSender(seed: 222)
    defer { sender.abandon() }
    sender.begin()
    try await city.waitForAccepted(10_000)
    #expect(child.isRunning, "200 MB are enough for this city")
    // What it has now and a little more: what comes next does not fit.
    let status = try String(contentsOfFile: "/proc/\(child.id)/status", encoding: .utf8)
    let data = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmData:") }?.split(separator: " ").dropLast().last)
    let limit = try #require(prlimit(child.id, to: Int(data).map { $0 << 10 + 1 << 20 }))
    let before = sender.acknowledged
    _ = await Bench.wait(seconds: 20) { !child.isRunning || sender.acknowledged >= before + (Bench.isSoak ? 2_000_000 : 50_000) }
    let isAlive = child.isRunning
    Bench.say("F22, memory: with \(limit >> 20) MB it \(isAlive ? "lives" : "ended with \(child.exitCode)")")
    child.send(SIGKILL)
    child.wait()
    let next = try await city.start()
    defer { next.send(SIGKILL) }
    try await sender.finish()
    try await city.settle(sender)
    #expect(await city.imbalances() == [])
    #expect(try await city.stop(next) == 0)
    let readings = try await city.comparedReadings(sender)
    #expect(readings.isRight, "\(readings)")
    let events = try city.comparedEvents(sender)
    #expect(events.isRight && events.expected > 50, "\(events)")
  }

  /// Sets the limit of a running process' private memory; returns it.
  private func prlimit(_ id: Int32, to bytes: Int?) -> Int? {
    guard let bytes, let set = try? ChildProcess("/usr/bin/prlimit", ["--pid", "\(id)", "--data=\(bytes)"]) else { return nil }
    set.wait()
    return set.exitCode == 0 ? bytes : nil
  }
}
