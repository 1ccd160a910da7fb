import ArgumentParser
import Foundation

/// A process of its own that sends QoS 1 messages as fast as the broker takes them, or at a rate.
///
/// Prints `sending NANOSECONDS` before the first byte and `sent NANOSECONDS CPU-SECONDS` when all are acknowledged.
struct Sender: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Child: the sender.", shouldDisplay: false)

  @Option var port: Int
  @Option var messages: Int
  /// Unacknowledged messages at most.
  @Option var window = 2000
  /// Messages a second; 0 is as fast as they go.
  @Option var rate = 0

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    let interval = rate > 0 ? max(1, Int64(BenchCity.deviceCount * 1000 / rate)) : 10
    let packets = try PublishPackets(count: messages, firstTS: Int64(Date().timeIntervalSince1970 * 1000), interval: interval)
    var connection = try SenderConnection(port: port, packets: packets)
    say("sending \(Machine.nanoseconds)")
    if rate > 0 { try connection.sendAll(window: window, rate: rate) } else { try connection.sendAll(window: window) }
    say("sent \(Machine.nanoseconds) \(Machine.ownCPUSeconds)")
  }
}

/// A socket, the packets, and how far they are sent and acknowledged.
private struct SenderConnection {
  private let descriptor: Int32
  private let packets: PublishPackets
  private var sentBytes = 0
  private var acknowledgements = AcknowledgementCounter()
  private var buffer = [UInt8](repeating: 0, count: 16_384)
  private var wakesAt: Int32 = 1

  init(port: Int, packets: PublishPackets) throws {
    self.packets = packets
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
    }
    guard connected else { throw BenchFailure("no broker on port \(port)") }
    var yes: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    let hello = MQTTBytes.connect(clientID: "bench-sender-\(getpid())")
    guard write(descriptor, hello, hello.count) == hello.count else { throw BenchFailure("the broker does not take CONNECT") }
    let got = recv(descriptor, &buffer, buffer.count, 0)
    guard got > 4, buffer[0] == 0x20, buffer[3] == 0 else { throw BenchFailure("the broker refuses the sender") }
    guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { throw BenchFailure("fcntl: \(errno)") }
  }

  mutating func sendAll(window: Int) throws {
    while acknowledgements.count < packets.count {
      let isStuck = try send(through: min(packets.count, acknowledgements.count + window))
      wake(at: sentBytes < packets.bytes.count ? Int32(min(1024, window)) : 1)
      try wait(isStuck: isStuck, milliseconds: 1000)
      try readAcknowledgements()
    }
  }

  mutating func sendAll(window: Int, rate: Int) throws {
    let begun = Machine.nanoseconds
    while acknowledgements.count < packets.count {
      let due = Int(Double(Machine.nanoseconds - begun) * Double(rate) / 1e9)
      let isStuck = try send(through: min(packets.count, due, acknowledgements.count + window))
      try wait(isStuck: isStuck, milliseconds: 0)
      try readAcknowledgements()
      usleep(1000)
    }
  }

  /// Sends up to that packet. True where the socket is full.
  private mutating func send(through packet: Int) throws -> Bool {
    let end = packet * packets.packetBytes
    while sentBytes < end {
      let written = packets.bytes.withUnsafeBytes { write(descriptor, $0.baseAddress.map { $0 + sentBytes }, min(end - sentBytes, 65_536)) }
      if written < 0 {
        guard errno == EAGAIN else { throw BenchFailure("the broker has closed the sender's connection") }
        return true
      }
      sentBytes += written
    }
    return false
  }

  private func wait(isStuck: Bool, milliseconds: Int32) throws {
    var wanted = pollfd(fd: descriptor, events: Int16(POLLIN) | (isStuck ? Int16(POLLOUT) : 0), revents: 0)
    poll(&wanted, 1, milliseconds)
  }

  private mutating func readAcknowledgements() throws {
    while true {
      let got = recv(descriptor, &buffer, buffer.count, 0)
      if got < 0, errno == EAGAIN { return }
      guard got > 0 else { throw BenchFailure("the broker has closed the sender's connection") }
      try buffer.withUnsafeBytes { try acknowledgements.take(UnsafeRawBufferPointer(rebasing: $0[..<got])) }
      if got < buffer.count { return }
    }
  }

  /// How many bytes wake it: acknowledgements are read in lots, so that the sender takes little of the machine.
  private mutating func wake(at bytes: Int32) {
    guard bytes != wakesAt else { return }
    wakesAt = bytes
    setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, &wakesAt, socklen_t(MemoryLayout<Int32>.size))
  }
}
