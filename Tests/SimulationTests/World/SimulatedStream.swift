import MQTTIntake
import Readings
import TestSupport

/// A TCP connection between gateway and broker: bytes that take their time, come in pieces, and are lost when it is cut.
final class SimulatedStream: ByteStream {
  /// A PUBLISH as the broker sent it: where it ends in the stream tells whether the gateway has read it.
  struct Sent {
    var end: Int
    var packet: UInt16
    var message: SimulatedBroker.Message
  }

  let descriptor: Int32 = 1
  private(set) var sent: [Sent] = []
  private(set) var bytesRead = 0
  /// How much the gateway had read when a write failed: what it reads after that is the broker's last word, and it takes no message more.
  private var brokenAt: Int?
  private var toGateway: [UInt8] = []
  /// What the gateway wrote, with the instant from which the broker sees it.
  private var toBroker: [(due: Milliseconds, bytes: [UInt8])] = []
  private var ending: String?
  /// The network swallows everything, in both directions, and says nothing.
  var isSwallowed = false
  private var random: SeededGenerator
  private let machine: SimulatedMachine
  /// The gateway's process ends inside this call: after so many bytes of a write, or at a read.
  var diesAtWrite: Int?
  var diesAtRead = false
  private(set) var hasDied = false

  init(machine: SimulatedMachine, seed: UInt64) { (self.machine, random) = (machine, SeededGenerator(seed: seed)) }

  // MARK: The gateway's end

  func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamResult {
    if diesAtRead { hasDied = true }
    if hasDied { return .ended("the process is dead") }
    let left = isSwallowed ? 0 : toGateway.count - bytesRead
    guard left > 0 else { return ending.map { .ended($0) } ?? .wouldBlock }
    // Mostly all there is; now and then a torn piece.
    let most = Int.random(in: 0..<4, using: &random) == 0 ? Int.random(in: 1...400, using: &random) : left
    let count = min(left, most, buffer.count)
    toGateway.withUnsafeBytes { bytes in
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[bytesRead..<(bytesRead + count)]))
    }
    bytesRead += count
    return .bytes(count)
  }

  func write(_ bytes: UnsafeRawBufferPointer) -> StreamResult {
    if hasDied || ending != nil {
      brokenAt = brokenAt ?? bytesRead
      return .ended("broken pipe")
    }
    var count = bytes.count
    if Int.random(in: 0..<20, using: &random) == 0 { count = Int.random(in: 0...count, using: &random) }
    if let most = diesAtWrite {
      count = min(count, most)
      hasDied = true
    }
    if count == 0 { return hasDied ? .ended("the process is dead") : .wouldBlock }
    let due = max(machine.now + Int64.random(in: 0...40, using: &random), toBroker.last?.due ?? 0)
    toBroker.append((due, Array(bytes.prefix(count))))
    return .bytes(count)
  }

  func close() { if ending == nil { ending = "closed" } }

  /// What poll would say.
  var isReadable: Bool { !isSwallowed && (toGateway.count > bytesRead || ending != nil) }
  var isOver: Bool { ending != nil }

  var hasInput: Bool { isReadable }

  // MARK: The broker's end

  func send(_ bytes: [UInt8]) { if ending == nil { toGateway += bytes } }

  func send(_ bytes: [UInt8], publishing message: SimulatedBroker.Message, packet: UInt16) {
    guard ending == nil else { return }
    toGateway += bytes
    sent.append(Sent(end: toGateway.count, packet: packet, message: message))
  }

  /// What has reached the broker by now.
  func received(now: Milliseconds) -> [UInt8] {
    guard !isSwallowed else { return [] }
    var bytes: [UInt8] = []
    while let first = toBroker.first, first.due <= now {
      bytes += first.bytes
      toBroker.removeFirst()
    }
    return bytes
  }

  var nextReceipt: Milliseconds? { isSwallowed ? nil : toBroker.first?.due }

  /// The broker's end closes: what it sent before arrives first.
  func end(_ why: String) { if ending == nil { ending = why } }

  /// Both ends hear of it; what was under way is lost, or a part of it.
  func cut() {
    guard ending == nil else { return }
    let left = toGateway.count - bytesRead
    if left > 0 { toGateway.removeLast(Int.random(in: 0...left, using: &random)) }
    sent.removeAll { $0.end > toGateway.count }
    toBroker.removeAll()
    ending = "connection reset by peer"
  }

  /// The gateway's process is gone. Its kernel still sends what was written, unless the machine went with it or a reset overtakes it.
  func endOfProcess() {
    guard ending == nil, Bool.random(using: &random) else { return cut() }
    for place in toBroker.indices { toBroker[place].due = machine.now }
    ending = "the other end is gone"
  }

  /// The publishes that the gateway has read whole and taken, in order.
  var publishesRead: [Sent] { sent.filter { $0.end <= brokenAt ?? bytesRead } }
}
