import Glibc
package import Readings

/// One connection to the broker: MQTT 5, as a subscriber at QoS 0 and 1. Dialled by one thread, then owned by the writer's.
///
/// A PUBACK is queued when its message has been told to the delegate, and leaves with `write`, which alone sends: the owner calls it
/// with everything received committed. `read` must not be called from inside its own calls of the delegate; all else may be, `close` too.
@safe package final class MQTTConnection: @unchecked Sendable {
  // Unchecked: handed over once, from the dialling thread to the writer thread; never used by two at a time.

  package enum ReadOutcome {
    /// The stream has no more for now.
    case drained
    case more
    /// It is over.
    case fault(MQTTFault)
  }

  /// As much as one read may bring; what is behind it in the buffer is never touched unless a packet is larger.
  private static let readSize = 64 << 10
  /// Reading makes room, into which the broker's kernel pushes at once what waits there: only a read that brings less has come to an end.
  private static let trickle = 1024
  /// More acknowledgements than there are packet numbers: the broker sends without waiting for them.
  private static let queuedMax = 512 << 10

  package weak var delegate: (any MQTTConnectionDelegate)?
  /// Filters of QoS 0 that the broker refused; complete when the delegate is told `subscribed`.
  package private(set) var refusedOptionalTopics: [String] = []

  private let stream: any ByteStream
  private let decoder: PacketDecoder
  private let buffer: UnsafeMutableRawBufferPointer
  /// Bytes of the buffer that begin a packet which is not whole yet.
  private var filled = 0
  /// Bytes that this packet lacks, where its length is known.
  private var lacking = 0
  private var isDispatching = false
  private var outgoing = OutgoingPackets()
  private var keepAlive: KeepAlive
  private var isAccepted = false
  private var subscription: (packet: UInt16, filters: [(topic: String, qos: UInt8)])?
  private var lastPacket: UInt16 = 0
  private var over: MQTTFault?

  /// CONNECT is queued; nothing is sent before `write`.
  package init(stream: any ByteStream, endpoint: MQTTEndpoint, readsSenderTime: Bool, now: Milliseconds) {
    self.stream = stream
    decoder = PacketDecoder(sizeMax: Int(endpoint.packetSizeMax), readsSenderTime: readsSenderTime)
    // Room for a read behind the longest packet that is not whole. Memory that is never touched costs nothing.
    unsafe buffer = .allocate(byteCount: Int(endpoint.packetSizeMax) + Self.readSize, alignment: 16)
    keepAlive = KeepAlive(seconds: endpoint.keepAliveSeconds, now: now)
    keepAlive.owe(.connectAck)
    do throws(MQTTFault) { try outgoing.connect(endpoint) } catch { _ = fail(error) }
  }

  deinit {
    stream.close()
    unsafe buffer.deallocate()
  }

  /// Looks the name up, connects, and shakes hands where TLS is wanted: blocks, for ten seconds an address at most once the name is known.
  package static func dial(_ endpoint: MQTTEndpoint, readsSenderTime: Bool, now: Milliseconds) throws(MQTTFault) -> MQTTConnection {
    let tcp = try TCPStream.connect(host: endpoint.host, port: endpoint.port)
    let stream: any ByteStream = endpoint.tls ? try TLSStream(over: tcp, host: endpoint.host, caFile: endpoint.caFile) : tcp
    return MQTTConnection(stream: stream, endpoint: endpoint, readsSenderTime: readsSenderTime, now: now)
  }

  /// For poll; -1 once the connection is over.
  package var socket: Int32 { over == nil ? stream.descriptor : -1 }
  package var wantsWrite: Bool { over == nil && !outgoing.isEmpty }

  // MARK: Reading

  /// Reads the stream once and tells the delegate of every whole packet.
  package func read(now: Milliseconds) -> ReadOutcome {
    precondition(!isDispatching, "read is not called from inside its own calls of the delegate")
    if let over { return .fault(over) }
    guard let delegate else { return .fault(fail(MQTTFault("nobody listens to the connection"))) }
    let room = unsafe min(max(Self.readSize, lacking), buffer.count - filled)
    // Safe: filled is below the packet maximum, so that at least readSize bytes are free; they are behind what is there.
    let result = unsafe stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + room]))
    switch result {
    case .wouldBlock: return .drained
    case .ended(let why): return .fault(fail(MQTTFault(why)))
    case .bytes(let count):
      precondition(count > 0 && count <= room, "a stream gives no more than there is room for")
      filled += count
      keepAlive.received(now)
      isDispatching = true
      dispatch(to: delegate)
      isDispatching = false
      if let over { return .fault(over) }
      return count < Self.trickle ? .drained : .more
    }
  }

  private func dispatch(to delegate: any MQTTConnectionDelegate) {
    var start = 0
    lacking = 0
    do throws(MQTTFault) {
      while over == nil {
        // Safe: start never passes filled; the pointers are used before the buffer changes.
        let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[start..<filled])
        guard let length = unsafe try decoder.length(rest) else { break }
        guard length <= rest.count else {
          lacking = length - rest.count
          break
        }
        let packet = unsafe try decoder.packet(UnsafeRawBufferPointer(rebasing: rest[..<length]))
        start += length
        try handle(packet, delegate)
      }
    } catch {
      _ = fail(error)
    }
    keep(from: start)
  }

  /// Moves the packet that is not whole to the buffer's begin.
  private func keep(from start: Int) {
    filled -= start
    guard start > 0, filled > 0, let base = unsafe buffer.baseAddress else { return }
    // Safe: both ranges lie within the buffer; memmove allows them to overlap.
    unsafe memmove(base, base + start, filled)
  }

  private func handle(_ packet: IncomingPacket, _ delegate: any MQTTConnectionDelegate) throws(MQTTFault) {
    switch packet {
    case .message(let message):
      guard isAccepted else { throw MQTTFault("the broker sent a message before it accepted the connection") }
      delegate.received(message)
      if message.packet != 0 { try acknowledge(message.packet) }
    case .connectAck(let sessionPresent, let reason, let keepAliveSeconds):
      guard !isAccepted else { throw MQTTFault("the broker accepted the connection twice") }
      keepAlive.answered(.connectAck)
      guard reason == 0 else {
        let fault = fail(MQTTFault("the broker refuses the connection (\(ReasonText.of(reason)))"))
        return delegate.refused(fault.description)
      }
      isAccepted = true
      if let keepAliveSeconds { keepAlive.limit(seconds: keepAliveSeconds) }
      delegate.accepted(sessionPresent: sessionPresent)
    case .subscribeAck(let packet, let reasons): try granted(packet, unsafe Array(reasons), delegate)
    case .pingResponse: break  // it was heard when its bytes came
    case .disconnect(let reason): throw MQTTFault.ended(by: reason)
    }
  }

  private func acknowledge(_ packet: UInt16) throws(MQTTFault) {
    outgoing.acknowledge(packet)
    if outgoing.count > Self.queuedMax { throw MQTTFault("the broker sends without waiting for acknowledgements") }
  }

  private func granted(_ packet: UInt16, _ reasons: [UInt8], _ delegate: any MQTTConnectionDelegate) throws(MQTTFault) {
    guard let subscription, subscription.packet == packet, subscription.filters.count == reasons.count else {
      throw MQTTFault("the broker answered a subscription that was not sent")
    }
    self.subscription = nil
    keepAlive.answered(.subscribeAck)
    for (filter, reason) in zip(subscription.filters, reasons) where reason >= 0x80 || reason < filter.qos {
      if filter.qos == 0 {
        refusedOptionalTopics.append(filter.topic)
      } else {
        let why = reason >= 0x80 ? ReasonText.of(reason) : "QoS \(reason) is all it grants"
        return delegate.subscriptionRefused("the broker refuses the subscription to \(filter.topic) (\(why))")
      }
    }
    delegate.subscribed()
  }

  // MARK: Writing

  /// Queues a ping when one is due. A fault where the broker has been silent for too long: a dead link is noticed within two keep-alives.
  package func misc(now: Milliseconds) -> MQTTFault? {
    if let over { return over }
    switch keepAlive.advice(now) {
    case .none: return nil
    case .ping:
      outgoing.ping()
      return nil
    case .silent(let why):
      // What has come and was not read yet is no silence: the owner may have been busy for longer than the keep-alive.
      return stream.hasInput ? nil : fail(MQTTFault(why))
    }
  }

  /// When the last byte came, or the connection was made, in monotonic milliseconds.
  package var lastHeardAt: Milliseconds { keepAlive.lastReceived }

  /// When `misc` has to be called next, in monotonic milliseconds; nil where nothing is due.
  package var dueAt: Milliseconds? { over == nil ? keepAlive.dueAt : nil }

  /// Sends all that is queued, PUBACKs among it, as far as the stream takes it; the rest stays queued.
  package func write(now: Milliseconds) -> MQTTFault? {
    if let over { return over }
    guard !outgoing.isEmpty else { return nil }
    keepAlive.tried(now)
    let (taken, end) = outgoing.write(to: stream)
    if taken > 0 { keepAlive.sent(now) }
    return end.map { fail(lastWord ?? MQTTFault($0)) }
  }

  /// A broker that ends the connection says why before it closes it: that may have come before our write failed.
  private var lastWord: MQTTFault? {
    guard !isDispatching else { return nil }
    while unsafe filled < buffer.count {
      // Safe: behind what is there, within the buffer. Messages among it are not told and not acknowledged: they will come again.
      let result = unsafe stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
      guard case .bytes(let count) = result else { break }
      filled += count
    }
    var start = 0
    while start < filled {
      // Safe: start is below filled.
      let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[start..<filled])
      guard let length = unsafe try? decoder.length(rest), length <= rest.count,
        let packet = unsafe try? decoder.packet(UnsafeRawBufferPointer(rebasing: rest[..<length]))
      else { return nil }
      if case .disconnect(let reason) = packet { return MQTTFault.ended(by: reason) }
      start += length
    }
    return nil
  }

  /// Queues one SUBSCRIBE; the delegate is told `subscribed`, or `subscriptionRefused` for the first filter of QoS 1 that is refused.
  /// Filters of QoS 0 are optional: see `refusedOptionalTopics`.
  package func subscribe(_ filters: [(topic: String, qos: UInt8)]) -> MQTTFault? {
    precondition(!filters.isEmpty && filters.allSatisfy { $0.qos < 2 }, "a subscription has filters, of QoS 0 or 1")
    if let over { return over }
    lastPacket = lastPacket == .max ? 1 : lastPacket + 1
    do throws(MQTTFault) { try outgoing.subscribe(packet: lastPacket, filters) } catch { return fail(error) }
    subscription = (lastPacket, filters)
    refusedOptionalTopics = []
    keepAlive.owe(.subscribeAck)
    return nil
  }

  // MARK: The end

  /// Sends what is queued, as far as the stream takes it at once, and DISCONNECT; the broker keeps the session. Then closes.
  package func disconnect(now: Milliseconds) {
    guard over == nil else { return }
    outgoing.disconnect()
    _ = write(now: now)
    close()
  }

  /// Ends the connection without a word: nothing more is told or sent.
  package func close() { if over == nil { _ = fail(MQTTFault("the connection is closed")) } }

  private func fail(_ fault: MQTTFault) -> MQTTFault {
    over = fault
    stream.close()
    return fault
  }
}
