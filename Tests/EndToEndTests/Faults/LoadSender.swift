import Foundation
import Readings
import Simulation
import Synchronization

/// Sends a rush hour to the broker, and keeps the ledger: which of its messages the broker has acknowledged.
final class LoadSender: Sendable {
  private struct Ledger {
    var sent = 0
    var acknowledged = 0
    /// By the message's number.
    var isAcknowledged: [Bool] = []
  }

  let seed: UInt64
  let start: Int64
  private let publisher: MQTTPublisher
  private let ledger: Box<Ledger>
  /// Messages a second; nil for as fast as the broker takes them.
  private let rate: Double?
  private let isOver = Mutex(false)
  /// It pauses where it has sent so many: a slow machine gets no more to do than a fast one.
  let limit = Box(Int.max)
  private let city: Mutex<RushHour>
  private let task = Mutex<Task<Void, any Error>?>(nil)

  init(seed: UInt64, port: Int, rate: Double? = 10_000, start: Int64 = RushHour.start) throws {
    (self.seed, self.start, self.rate) = (seed, start, rate)
    let ledger = Box(Ledger())
    self.ledger = ledger
    city = Mutex(RushHour(seed: seed, start: start))
    publisher = try MQTTPublisher(
      address: BrokerAddress(host: "127.0.0.1", port: port),
      acknowledged: { acknowledgement in
        guard acknowledgement.isAccepted else { return }
        ledger.change { ledger in
          while ledger.isAcknowledged.count <= acknowledgement.number { ledger.isAcknowledged.append(false) }
          ledger.isAcknowledged[acknowledgement.number] = true
          ledger.acknowledged += 1
        }
      })
  }

  deinit { publisher.stop() }

  var sent: Int { ledger.value.sent }
  var acknowledged: Int { ledger.value.acknowledged }

  /// Sends until `finish`, in order, on a thread of its own. After `finish` it may begin again.
  func begin() {
    isOver.withLock { $0 = false }
    task.withLock { $0 = Task.detached { [self] in try await Bench.blocking { try self.run() } } }
  }

  /// Ends the sending; returns when the broker has acknowledged everything.
  func finish(within seconds: Int = 60) async throws {
    isOver.withLock { $0 = true }
    try await task.withLock { $0 }?.value
    try await Bench.blocking { [publisher] in try publisher.flush(within: .seconds(seconds)) }
  }

  /// Sends that many more and waits for their acknowledgements.
  func send(_ count: Int) async throws {
    try await Bench.blocking { for _ in 0..<count { try self.sendNext() } }
    try await finish()
  }

  /// Makes whoever is blocked in it give up.
  func abandon() {
    isOver.withLock { $0 = true }
    publisher.stop()
  }

  private func run() throws {
    let began = ContinuousClock.now
    var count = 0.0
    while !isOver.withLock({ $0 }) {
      guard sent < limit.value else {
        Thread.sleep(forTimeInterval: 0.001)
        continue
      }
      try sendNext()
      count += 1
      guard let rate else { continue }
      let ahead = count / rate - Bench.seconds(since: began)
      if ahead > 0.002 { Thread.sleep(forTimeInterval: ahead) }
    }
  }

  private func sendNext() throws {
    let message = city.withLock { $0.next() }
    _ = try publisher.publish(at: message.at, topic: message.topic, payload: message.payload)
    ledger.change { $0.sent += 1 }
  }

  // MARK: The ledger, message by message

  /// Calls `body` with every message sent, in order, and whether the broker acknowledged it.
  func eachMessage(
    _ body: (_ at: Timestamp, _ topic: String, _ payload: [UInt8], _ values: [Double], _ isAcknowledged: Bool) throws -> Void
  )
    rethrows
  {
    let ledger = ledger.value
    var city = RushHour(seed: seed, start: start)
    for number in 0..<ledger.sent {
      let message = city.next()
      let isAcknowledged = number < ledger.isAcknowledged.count && ledger.isAcknowledged[number]
      try body(message.at, message.topic, message.payload, message.values, isAcknowledged)
    }
  }

  /// The newest message sent: its device and the `ts` of its readings.
  var newest: (device: String, ts: Int64)? {
    let count = Int64(sent) - 1
    guard count >= 0 else { return nil }
    let device = Int(count % Int64(RushHour.devices))
    return (RushHour.id(device), start + count / Int64(RushHour.devices) * 1000 + Int64(device) * 5 - 3)
  }
}

/// A value that several threads change.
final class Box<Value: Sendable>: Sendable {
  private let content: Mutex<Value>
  init(_ value: Value) { content = Mutex(value) }
  var value: Value { content.withLock { $0 } }
  func change<Result: Sendable>(_ body: (inout Value) -> Result) -> Result { content.withLock { body(&$0) } }
}

extension Bench {
  /// Whether the long forms of the tests run.
  static let isSoak = ProcessInfo.processInfo.environment["THUONG_SOAK"] != nil

  /// Runs what blocks on a thread of its own: the pool's few threads serve the stand-in IOC as well.
  static func blocking<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread { continuation.resume(with: Swift.Result { try body() }) }
    }
  }

  static func seconds(since instant: ContinuousClock.Instant) -> Double {
    let duration = ContinuousClock.now - instant
    return Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
  }

  /// A line of a run's own log, shown at once.
  static func say(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }
}
