import Foundation
import Glibc
import MQTTIntake
import Readings
import Simulation
import Testing

/// A connection to a real broker with the loop of an owner: poll, read until drained, then write where it may.
final class LiveSubscriber {
  let log = ConnectionLog()
  let connection: MQTTConnection

  init(_ endpoint: MQTTEndpoint) throws {
    connection = try MQTTConnection.dial(endpoint, readsSenderTime: true, now: Self.now)
    connection.delegate = log
  }

  static var now: Int64 { Int64(DispatchTime.now().uptimeNanoseconds / 1_000_000) }

  /// Turns until it is so, or until the connection ends: then why.
  @discardableResult
  func run(_ what: Comment, writing: Bool = true, until isSo: () -> Bool) throws -> MQTTFault? {
    let end = ContinuousClock.now + .seconds(60)
    if writing, let fault = connection.write(now: Self.now) { return fault }
    while !isSo() {
      try #require(ContinuousClock.now < end, what)
      var one = pollfd(
        fd: connection.socket, events: Int16(POLLIN) | (writing && connection.wantsWrite ? Int16(POLLOUT) : 0), revents: 0)
      poll(&one, 1, 20)
      reading: while true {
        switch connection.read(now: Self.now) {
        case .drained: break reading
        case .more: continue
        case .fault(let fault): return fault
        }
      }
      if let fault = connection.misc(now: Self.now) { return fault }
      if writing, let fault = connection.write(now: Self.now) { return fault }
    }
    return nil
  }

  /// Disconnects, and returns when the broker has closed its side too: mosquitto gives a session to a new connection at once, and then
  /// no longer reads the acknowledgements that wait on the old one.
  func leave() {
    let spare = dup(connection.socket)
    connection.disconnect(now: Self.now)
    var one = pollfd(fd: spare, events: Int16(POLLIN), revents: 0)
    var bytes = [UInt8](repeating: 0, count: 4096)
    while poll(&one, 1, 10_000) > 0, recv(spare, &bytes, bytes.count, 0) > 0 {}
    close(spare)
  }

  /// Connects, and subscribes where the broker has kept no session; nothing is acknowledged yet.
  func begin(_ filters: [(topic: String, qos: UInt8)] = [("t/#", 1)]) throws {
    var isAccepted = false
    var isPresent = false
    log.whenTold = { event in if case .accepted(let present) = event { (isAccepted, isPresent) = (true, present) } }
    try #require(connection.write(now: Self.now) == nil)
    try #require(try run("the broker accepts", writing: false) { isAccepted } == nil)
    if isPresent { return }
    try #require(connection.subscribe(filters) == nil && connection.write(now: Self.now) == nil)
    try #require(try run("the broker subscribes", writing: false) { log.isSubscribed } == nil)
  }
}

extension PrivateBroker {
  func endpoint(clientID: String = "thuong", scheme: String = "mqtt", port: Int? = nil, host: String = "127.0.0.1") throws -> MQTTEndpoint {
    try #require(MQTTEndpoint(url: "\(scheme)://\(host):\(port ?? self.port)", clientID: clientID))
  }

  /// Publishes each text to the topic at QoS 1; returns when the broker has them all.
  func publish(_ texts: [String], to topic: String = "t/1") throws {
    let publisher = try MQTTPublisher(address: BrokerAddress(host: "127.0.0.1", port: port))
    for text in texts { try publisher.publish(at: Timestamp(milliseconds: 1_763_683_200_123), topic: topic, payload: Array(text.utf8)) }
    try publisher.flush(within: .seconds(30))
  }
}
