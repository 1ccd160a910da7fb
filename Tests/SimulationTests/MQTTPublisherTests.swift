import CMosquitto
import Foundation
import Readings
import Simulation
import Synchronization
import Testing

@Suite struct MQTTPublisherTests {
  @Test func `what is published arrives with its arrival time, and each message is acknowledged once`() throws {
    let broker = try PrivateBroker()
    try broker.start()
    let listener = try BrokerListener(broker.address, topic: "t/#")
    let ledger = AcknowledgementLedger()
    var options = MQTTPublisher.Options()
    options.window = 64
    let publisher = try MQTTPublisher(address: broker.address, options: options) { ledger.add($0) }
    for number in 0..<1000 {
      let given = try publisher.publish(
        at: Timestamp(milliseconds: 1_763_683_200_000 + Int64(number)), topic: "t/\(number % 3)", payload: Array("\(number)".utf8))
      #expect(given == number)
    }
    try publisher.flush()
    #expect(publisher.counts == (1000, 1000))
    #expect(ledger.accepted.sorted() == Array(0..<1000))
    let heard = listener.hear(1000)
    #expect(heard == (0..<1000).map { "t/\($0 % 3) \($0) \(1_763_683_200_000 + $0)" })
  }

  @Test func `a broker that is restarted gets what it has not acknowledged again`() throws {
    let broker = try PrivateBroker()
    try broker.start()
    let ledger = AcknowledgementLedger()
    let publisher = try MQTTPublisher(address: broker.address) { ledger.add($0) }
    for round in 0..<3 {
      for number in 0..<700 {
        try publisher.publish(at: Timestamp(milliseconds: Int64(number)), topic: "t", payload: Array("\(round) \(number)".utf8))
        if number == 350 {
          broker.stop()
          // With what this round has sent, fewer than the window: these wait for the broker's return.
          for late in 0..<100 { try publisher.publish(at: Timestamp(milliseconds: Int64(late)), topic: "t", payload: Array("late".utf8)) }
          try broker.start()
        }
      }
      try publisher.flush()
    }
    #expect(ledger.accepted.sorted() == Array(0..<2400))
    #expect(publisher.connectionCount >= 2)
  }

  @Test func `no broker, and a broker that refuses, are told apart`() throws {
    let broker = try PrivateBroker(allowAnonymous: false)
    #expect { try MQTTPublisher(address: broker.address) } throws: { "\($0)".contains("is a broker running there?") }
    try broker.start()
    #expect { try MQTTPublisher(address: broker.address) } throws: { "\($0)".contains("refuses the connection") }
  }

  @Test func `a publisher that was stopped waits for nothing more`() throws {
    let broker = try PrivateBroker()
    try broker.start()
    var options = MQTTPublisher.Options()
    options.window = 2
    let publisher = try MQTTPublisher(address: broker.address, options: options)
    broker.stop()
    let blocked = Thread { _ = try? { while true { try publisher.publish(at: Timestamp(milliseconds: 1), topic: "t", payload: [1]) } }() }
    blocked.start()
    while publisher.counts.sent < 2 { Thread.sleep(forTimeInterval: 0.001) }
    publisher.stop()
    #expect(throws: MQTTPublisherError.stopped) { try publisher.flush() }
    while !blocked.isFinished { Thread.sleep(forTimeInterval: 0.001) }
  }

  @Test(arguments: [("mqtt://127.0.0.1:1884", 1884), ("mqtt://broker", 1883), ("mqtt://[::1]:9/", 9)])
  func `an address is read`(_ text: String, _ port: Int) { #expect(BrokerAddress(url: text)?.port == port) }

  @Test(arguments: ["", "127.0.0.1", "http://a", "mqtt://", "mqtt://a:0", "mqtt://a:x", "mqtt://a:65536", "mqtt://u@a", "mqtt://a/b"])
  func `what is no address is refused`(_ text: String) { #expect(BrokerAddress(url: text) == nil) }
}

private final class AcknowledgementLedger: Sendable {
  private let numbers = Mutex<[Int]>([])
  func add(_ acknowledgement: MQTTPublisher.Acknowledgement) {
    if acknowledgement.isAccepted { numbers.withLock { $0.append(acknowledgement.number) } }
  }
  var accepted: [Int] { numbers.withLock { $0 } }
}

/// A mosquitto of the test's own, on a free loopback port.
private final class PrivateBroker {
  let address: BrokerAddress
  private let folder: ScratchFolder
  private let configuration: URL
  private var process: pid_t?

  init(allowAnonymous: Bool = true) throws {
    folder = try ScratchFolder()
    address = BrokerAddress(host: "127.0.0.1", port: Self.freePort())
    configuration = try folder.file(
      "mosquitto.conf",
      "listener \(address.port) 127.0.0.1\nallow_anonymous \(allowAnonymous)\nlog_dest none\nmax_inflight_messages 0\nmax_queued_messages 0\n"
    )
  }

  deinit { stop() }

  func start() throws {
    // Not Foundation's Process: threads of the concurrency pool block signals, and a child that inherits that never hears SIGTERM.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("mosquitto"), strdup("-c"), strdup(configuration.path), nil]
    defer { for argument in arguments { free(argument) } }
    var child: pid_t = 0
    let code = posix_spawn(&child, "/usr/sbin/mosquitto", nil, &attributes, &arguments, environ)
    try #require(code == 0)
    process = child
    while !accepts() {
      try #require(waitpid(child, nil, WNOHANG) == 0, "mosquitto ended at once")
      Thread.sleep(forTimeInterval: 0.01)
    }
  }

  func stop() {
    guard let child = process else { return }
    process = nil
    kill(child, SIGTERM)
    while waitpid(child, nil, 0) < 0 && errno == EINTR {}
  }

  private func accepts() -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var place = Self.loopback(UInt16(address.port))
    return withUnsafePointer(to: &place) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) } == 0
    }
  }

  private static func freePort() -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var place = loopback(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeMutablePointer(to: &place) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size)
        getsockname(descriptor, $0, &size)
      }
      return Int(UInt16(bigEndian: $0.pointee.sin_port))
    }
  }

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = port.bigEndian
    place.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return place
  }
}

/// Hears a topic on the test's own thread: "topic payload at".
private final class BrokerListener {
  private final class Heard {
    var messages: [String] = []
    var isSubscribed = false
  }

  private let client: OpaquePointer
  private let heard = Heard()

  init(_ address: BrokerAddress, topic: String) throws {
    client = try #require(mosquitto_new(nil, true, Unmanaged.passUnretained(heard).toOpaque()))
    mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5)
    mosquitto_subscribe_callback_set(client) { _, context, _, _, _ in BrokerListener.heard(context)?.isSubscribed = true }
    mosquitto_message_v5_callback_set(client) { _, context, message, properties in
      guard let message = message?.pointee else { return }
      var name: UnsafeMutablePointer<CChar>?
      var value: UnsafeMutablePointer<CChar>?
      mosquitto_property_read_string_pair(properties, Int32(MQTT_PROP_USER_PROPERTY.rawValue), &name, &value, false)
      let payload = String(decoding: UnsafeRawBufferPointer(start: message.payload, count: Int(message.payloadlen)), as: UTF8.self)
      let at = name.map { String(cString: $0) } == "at" ? value.map { String(cString: $0) } ?? "" : ""
      BrokerListener.heard(context)?.messages.append("\(String(cString: message.topic)) \(payload) \(at)")
      free(name)
      free(value)
    }
    mosquitto_connect(client, address.host, Int32(address.port), 30)
    mosquitto_subscribe(client, nil, topic, 1)
    while !heard.isSubscribed { mosquitto_loop(client, 100, 1) }
  }

  deinit { mosquitto_destroy(client) }

  func hear(_ count: Int) -> [String] {
    while heard.messages.count < count { mosquitto_loop(client, 100, 1) }
    return heard.messages
  }

  private static func heard(_ context: UnsafeMutableRawPointer?) -> Heard? {
    context.map { Unmanaged<Heard>.fromOpaque($0).takeUnretainedValue() }
  }
}
