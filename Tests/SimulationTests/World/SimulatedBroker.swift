import Readings
import TestSupport

/// An MQTT 5 broker for one client, the gateway: a session that outlives connections, a queue with a bound, redelivery with DUP, restarts
/// that keep what is queued and ends that lose it, and what it says of itself under `$SYS`. It keeps a ledger of every message it took.
final class SimulatedBroker {
  struct Message: Sendable {
    /// From 0, in the order in which devices published.
    var number: Int
    var topic: [UInt8]
    var payload: [UInt8]
    var retain: Bool
  }

  enum Fate: Equatable {
    /// In the session's queue, or sent and not acknowledged.
    case kept
    case acknowledged
    /// Gone at that instant: the broker's own loss.
    case lost(at: Milliseconds)
    /// Nobody had subscribed yet.
    case unwanted
  }

  private struct Session {
    var queue: [Message] = []
    var inflight: [(packet: UInt16, message: Message)] = []
    var packet: UInt16 = 0
    var isSubscribed = false
  }

  private(set) var fates: [Fate] = []
  private(set) var isRunning = true
  private(set) var acknowledged = 0
  private var session: Session?
  private var hadSession = false
  private var connection: SimulatedStream?
  private var isConnected = false
  private var input: [UInt8] = []
  private var receiveMaximum = 1
  private var dropped: Int64 = 0
  private var toldDropped: Int64 = -1
  private var startedAt: Milliseconds
  private var nextReport: Milliseconds = 0
  /// The answer to the next CONNECT is lost on its way, and the connection with it.
  var losesNextAnswer = false
  private let queueMax: Int
  private let machine: SimulatedMachine

  init(machine: SimulatedMachine, queueMax: Int) {
    (self.machine, self.queueMax) = (machine, queueMax)
    startedAt = machine.now - 3_600_000
  }

  var isDrained: Bool { session.map { $0.queue.isEmpty && $0.inflight.isEmpty } ?? false }

  // MARK: Devices

  /// A device publishes. Nothing, and no number, where the broker is down: the device keeps it.
  func publish(topic: [UInt8], payload: [UInt8], retain: Bool) {
    guard isRunning else { return }
    let message = Message(number: fates.count, topic: topic, payload: payload, retain: retain)
    guard var session, session.isSubscribed else {
      fates.append(hadSession ? .lost(at: machine.now) : .unwanted)
      return
    }
    if session.queue.count >= queueMax {
      fates.append(.lost(at: machine.now))
      dropped += 1
      return
    }
    fates.append(.kept)
    session.queue.append(message)
    self.session = session
    sendQueue()
  }

  // MARK: The gateway

  /// TCP stands. Nil where nobody listens.
  func accept(seed: UInt64) -> SimulatedStream? {
    guard isRunning else { return nil }
    let stream = SimulatedStream(machine: machine, seed: seed)
    connection?.end("session taken over")
    (connection, isConnected, input) = (stream, false, [])
    return stream
  }

  /// Reads what has come, says what is due.
  func process() {
    guard isRunning, let connection else { return }
    input += connection.received(now: machine.now)
    while let packet = nextPacket() { handle(packet.type, packet.body) }
    if connection.isOver { drop() } else if isConnected, machine.now >= nextReport { report() }
  }

  var nextInstant: Milliseconds? {
    guard isRunning, let connection else { return nil }
    let report = isConnected ? nextReport : nil
    return [connection.nextReceipt, report].compactMap { $0 }.min()
  }

  private func nextPacket() -> (type: UInt8, body: [UInt8])? {
    guard input.count >= 2 else { return nil }
    var (length, shift, place) = (0, 0, 1)
    repeat {
      guard place < input.count else { return nil }
      length |= Int(input[place] & 0x7f) << shift
      shift += 7
      place += 1
    } while input[place - 1] >= 0x80
    guard input.count >= place + length else { return nil }
    defer { input.removeFirst(place + length) }
    return (input[0] >> 4, Array(input[place..<(place + length)]))
  }

  private func handle(_ type: UInt8, _ body: [UInt8]) {
    switch type {
    case 1: connect(body)
    case 4: acknowledge(UInt16(body[0]) << 8 | UInt16(body[1]))
    case 8: subscribe(body)
    case 12: connection?.send([0xd0, 0])
    case 14: drop()
    default: preconditionFailure("the gateway sends no packet of type \(type)")
    }
  }

  private func connect(_ body: [UInt8]) {
    precondition(body[7] & 0x02 == 0, "the gateway never asks for a clean start")
    receiveMaximum = 65_535
    var place = 11  // behind name, level, flags, keep-alive and the length of the properties, which is below 128
    let end = place + Int(body[10])
    while place < end {
      switch body[place] {
      case 0x21:
        receiveMaximum = Int(body[place + 1]) << 8 | Int(body[place + 2])
        place += 3
      case 0x11, 0x27: place += 5
      default: preconditionFailure("property \(body[place]) of CONNECT")
      }
    }
    let isPresent = session != nil
    if session == nil { session = Session() }
    if losesNextAnswer {
      losesNextAnswer = false
      connection?.cut()
      return drop()
    }
    connection?.send([0x20, 3, isPresent ? 1 : 0, 0, 0])
    (isConnected, nextReport, toldDropped) = (true, machine.now + 10_000, -1)
    let again = session?.inflight ?? []
    for old in again { send(old.message, packet: old.packet, again: true) }
    sendQueue()
  }

  private func subscribe(_ body: [UInt8]) {
    var (place, count) = (3 + Int(body[2]), 0)
    while place < body.count {
      place += 2 + Int(body[place]) << 8 + Int(body[place + 1]) + 1
      count += 1
    }
    session?.isSubscribed = true
    hadSession = true
    connection?.send([0x90, UInt8(3 + count), body[0], body[1], 0] + [UInt8](repeating: 1, count: count))
    report()
  }

  private func acknowledge(_ packet: UInt16) {
    guard let place = session?.inflight.firstIndex(where: { $0.packet == packet }) else { return }
    if let old = session?.inflight.remove(at: place) {
      fates[old.message.number] = .acknowledged
      acknowledged += 1
    }
    sendQueue()
  }

  private func sendQueue() {
    guard isConnected, let connection, !connection.isOver else { return }
    while var session, !session.queue.isEmpty, session.inflight.count < receiveMaximum {
      let message = session.queue.removeFirst()
      repeat {
        session.packet = session.packet == .max ? 1 : session.packet + 1
      } while session.inflight.contains { $0.packet == session.packet }
      session.inflight.append((session.packet, message))
      self.session = session
      send(message, packet: session.packet, again: false)
    }
  }

  private func send(_ message: Message, packet: UInt16, again: Bool) {
    let body = Self.text(message.topic) + [UInt8(packet >> 8), UInt8(packet & 0xff), 0] + message.payload
    let head: UInt8 = 0x32 | (again ? 0x08 : 0) | (message.retain ? 0x01 : 0)
    connection?.send([head] + Self.length(body.count) + body, publishing: message, packet: packet)
  }

  /// `$SYS`: at QoS 0, every ten seconds and with the subscription.
  private func report() {
    nextReport = machine.now + 10_000
    say("$SYS/broker/uptime", "\((machine.now - startedAt) / 1000) seconds")
    if dropped != toldDropped { say("$SYS/broker/publish/messages/dropped", "\(dropped)") }
    toldDropped = dropped
  }

  private func say(_ topic: String, _ text: String) {
    let body = Self.text(Array(topic.utf8)) + [0] + Array(text.utf8)
    connection?.send([0x30] + Self.length(body.count) + body)
  }

  private func drop() { (connection, isConnected) = (nil, false) }

  static func text(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xff)] + bytes }

  static func length(_ count: Int) -> [UInt8] {
    var (rest, bytes) = (count, [UInt8]())
    repeat {
      let digit = UInt8(rest & 0x7f)
      rest >>= 7
      bytes.append(rest > 0 ? digit | 0x80 : digit)
    } while rest > 0
    return bytes
  }

  // MARK: Faults

  /// The connection breaks; the broker lives.
  func cut() {
    connection?.cut()
    drop()
  }

  func swallow(_ isOn: Bool) { connection?.isSwallowed = isOn }

  /// An orderly end: it takes leave, and keeps the session.
  func stop() {
    connection?.send([0xe0, 2, 0x8b, 0])
    connection?.end("closed by the broker")
    drop()
    isRunning = false
  }

  enum Loss { case nothing, newest(Int), session }

  /// It is killed, and loses what it had not saved.
  func kill(losing loss: Loss) {
    connection?.cut()
    drop()
    isRunning = false
    switch loss {
    case .nothing: break
    case .newest(let count):
      let queue = session?.queue ?? []
      for message in queue.suffix(count) { fates[message.number] = .lost(at: machine.now) }
      session?.queue = queue.dropLast(count)
    case .session:
      for message in (session?.queue ?? []) + (session?.inflight.map(\.message) ?? []) { fates[message.number] = .lost(at: machine.now) }
      session = nil
    }
  }

  func start() {
    isRunning = true
    (startedAt, dropped) = (machine.now, 0)
  }
}
