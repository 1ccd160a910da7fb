import CMosquitto
import Foundation
package import Readings

/// Why a publisher cannot go on, in one line for people.
package enum MQTTPublisherError: Error, Hashable, CustomStringConvertible {
  case cannotConnect(address: String, reason: String)
  case refused(address: String, reason: String)
  case unsendable(topic: String, reason: String)
  case timedOut(unacknowledged: Int)
  case stopped

  package var description: String {
    switch self {
    case .cannotConnect(let address, let reason): "\(address): cannot connect (\(reason)); is a broker running there?"
    case .refused(let address, let reason): "\(address): the broker refuses the connection (\(reason)); check user name and password"
    case .unsendable(let topic, let reason): "a message to \(topic) cannot be sent: \(reason)"
    case .timedOut(let count): "\(count) messages were not acknowledged in time"
    case .stopped: "the publisher was stopped"
    }
  }
}

/// Sends messages to a broker at QoS 1 over MQTT 5, each with its arrival time in the user property `at`, and tells which were
/// acknowledged. A lost connection is taken up again with growing delays, and what was not acknowledged is sent again in order.
///
/// May be used from any thread; `publish` and `flush` block. `acknowledged` is called on the network's thread.
package final class MQTTPublisher: @unchecked Sendable {
  /// A PUBACK: the number that `publish` gave, and whether the broker took the message.
  package struct Acknowledgement: Sendable {
    package let number: Int
    package let isAccepted: Bool
  }

  package struct Options: Sendable {
    package var clientID = ""
    package var username: String?
    package var password: String?
    /// Messages sent and not yet acknowledged; more wait.
    package var window = 500
    package var connectTimeout: Duration = .seconds(10)
    package init() {}
  }

  private let address: BrokerAddress
  private let window: Int
  private let client: OpaquePointer
  private let state: PublisherState

  /// Connects, and returns once the broker has said yes.
  package init(
    address: BrokerAddress, options: Options = Options(), acknowledged: @escaping @Sendable (Acknowledgement) -> Void = { _ in }
  ) throws(MQTTPublisherError) {
    self.address = address
    window = max(1, min(60_000, options.window))
    _ = LibraryStart.once
    guard let client = mosquitto_new(options.clientID.isEmpty ? nil : options.clientID, true, nil) else {
      throw .cannotConnect(address: address.description, reason: String(cString: strerror(errno)))
    }
    self.client = client
    state = PublisherState(acknowledged: acknowledged)
    // Released after the client is gone.
    mosquitto_user_data_set(client, Unmanaged.passRetained(state).toOpaque())
    mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5)
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1)
    mosquitto_max_inflight_messages_set(client, UInt32(window))
    mosquitto_reconnect_delay_set(client, 1, 10, true)
    if let username = options.username { mosquitto_username_pw_set(client, username, options.password) }
    PublisherCallbacks.set(on: client)
    try connect(within: options.connectTimeout)
  }

  deinit {
    mosquitto_disconnect(client)
    mosquitto_loop_stop(client, false)
    mosquitto_destroy(client)
    Unmanaged.passUnretained(state).release()
  }

  /// Messages acknowledged, and messages sent.
  package var counts: (accepted: Int, sent: Int) { state.condition.withLock { (state.accepted, state.sent) } }
  /// How often the broker has said yes: 1 after the first connection.
  package var connectionCount: Int { state.condition.withLock { state.connections } }

  /// Sends a message, once fewer than `window` are under way.
  ///
  /// - Returns: the message's number, from 0, by which `acknowledged` will name it.
  @discardableResult
  package func publish(at: Timestamp, topic: String, payload: UnsafeRawBufferPointer, retain: Bool = false) throws(MQTTPublisherError)
    -> Int
  {
    state.condition.lock()
    defer { state.condition.unlock() }
    while state.inFlight.count >= window && !state.isStopped { state.condition.wait() }
    if state.isStopped { throw .stopped }
    var properties: OpaquePointer?
    mosquitto_property_add_string_pair(&properties, Int32(MQTT_PROP_USER_PROPERTY.rawValue), "at", String(at.milliseconds))
    defer { mosquitto_property_free_all(&properties) }
    var identifier: Int32 = 0
    // Under the lock, so that the acknowledgement cannot come before its message is known; libmosquitto calls nothing back from here.
    let code = mosquitto_publish_v5(client, &identifier, topic, Int32(payload.count), payload.baseAddress, 1, retain, properties)
    // Without a connection the message waits in libmosquitto's queue.
    guard code == MOSQ_ERR_SUCCESS.rawValue || code == MOSQ_ERR_NO_CONN.rawValue else {
      throw .unsendable(topic: topic, reason: Self.text(code))
    }
    return state.note(identifier)
  }

  @discardableResult
  package func publish(at: Timestamp, topic: String, payload: [UInt8], retain: Bool = false) throws(MQTTPublisherError) -> Int {
    let result = payload.withUnsafeBytes { bytes in
      Result { () throws(MQTTPublisherError) in try publish(at: at, topic: topic, payload: bytes, retain: retain) }
    }
    return try result.get()
  }

  /// Waits until every message is acknowledged.
  package func flush(within timeout: Duration? = nil) throws(MQTTPublisherError) {
    let limit = timeout.map(Self.deadline)
    state.condition.lock()
    defer { state.condition.unlock() }
    while !state.inFlight.isEmpty {
      if state.isStopped { throw .stopped }
      guard let limit else {
        state.condition.wait()
        continue
      }
      if !state.condition.wait(until: limit) { throw .timedOut(unacknowledged: state.inFlight.count) }
    }
  }

  /// Makes every blocked and every later call throw `stopped`. From any thread.
  package func stop() {
    state.condition.withLock {
      state.isStopped = true
      state.condition.broadcast()
    }
  }

  private func connect(within timeout: Duration) throws(MQTTPublisherError) {
    let code = mosquitto_connect(client, address.host, Int32(address.port), 30)
    guard code == MOSQ_ERR_SUCCESS.rawValue else { throw .cannotConnect(address: address.description, reason: Self.text(code)) }
    mosquitto_loop_start(client)
    let limit = Self.deadline(timeout)
    state.condition.lock()
    defer { state.condition.unlock() }
    while state.connectionCode == nil {
      if !state.condition.wait(until: limit) { throw .cannotConnect(address: address.description, reason: "no answer") }
    }
    guard state.connectionCode == 0 else {
      throw .refused(address: address.description, reason: String(cString: mosquitto_reason_string(state.connectionCode ?? -1)))
    }
  }

  private static func deadline(_ timeout: Duration) -> Date {
    Date(timeIntervalSinceNow: Double(timeout.components.seconds) + Double(timeout.components.attoseconds) * 1e-18)
  }

  private static func text(_ code: Int32) -> String {
    code == MOSQ_ERR_ERRNO.rawValue ? String(cString: strerror(errno)) : String(cString: mosquitto_strerror(code))
  }
}

/// libmosquitto's own start, once in a process.
private enum LibraryStart {
  static let once: Int32 = mosquitto_lib_init()
}

/// The C callbacks, made where no actor is around them.
private enum PublisherCallbacks {
  static func set(on client: OpaquePointer) {
    mosquitto_connect_v5_callback_set(client) { _, context, code, _, _ in PublisherState.of(context)?.connected(code: code) }
    mosquitto_publish_v5_callback_set(client) { _, context, identifier, reason, _ in
      PublisherState.of(context)?.acknowledged(identifier: identifier, reason: reason)
    }
  }
}
