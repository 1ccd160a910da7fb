import CMosquitto
import Glibc

/// A message as the broker sent it. The bytes are libmosquitto's, valid during the call.
package struct MQTTMessage {
  package var topic: UnsafeRawBufferPointer
  package var payload: UnsafeRawBufferPointer
  package var retain: Bool
  package var packet: UInt16
  /// The user property `at` in milliseconds, where the connection reads it.
  package var sentAt: Int64?
}

/// What the connection tells its owner, on the owner's thread, from inside `read` and `misc`.
package protocol MQTTConnectionDelegate: AnyObject {
  func received(_ message: borrowing MQTTMessage)
  func accepted(sessionPresent: Bool)
  func refused(_ reason: String)
  func subscribed()
  func subscriptionRefused(_ reason: String)
}

/// One connection to the broker, over libmosquitto: dialled by one thread, then owned by the writer's.
///
/// libmosquitto queues a PUBACK before it calls back. Because it believes that another thread writes (`threaded_set`), nothing leaves
/// before `write()`: which the owner calls only with everything received committed.
package final class MQTTConnection: @unchecked Sendable {
  // Unchecked: handed over once, from the dialling thread to the writer thread; never used by two at a time.
  private let client: OpaquePointer
  private let readsSenderTime: Bool
  package weak var delegate: (any MQTTConnectionDelegate)?

  /// Connects and queues CONNECT. Blocks for as long as name look-up and TCP do.
  package static func dial(_ endpoint: MQTTEndpoint, readsSenderTime: Bool) throws(MQTTFault) -> MQTTConnection {
    let connection = try MQTTConnection(endpoint, readsSenderTime: readsSenderTime)
    try connection.connect(endpoint)
    return connection
  }

  private init(_ endpoint: MQTTEndpoint, readsSenderTime: Bool) throws(MQTTFault) {
    mosquitto_lib_init()
    guard let client = mosquitto_new(endpoint.clientID, false, nil) else {
      throw MQTTFault("no MQTT client: \(String(cString: strerror(errno)))")
    }
    (self.client, self.readsSenderTime) = (client, readsSenderTime)
    mosquitto_user_data_set(client, Unmanaged.passUnretained(self).toOpaque())
    mosquitto_threaded_set(client, true)
    mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5)
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1)
    mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, Int32(endpoint.receiveMaximum))
    if let username = endpoint.username { mosquitto_username_pw_set(client, username, endpoint.password) }
    if endpoint.tls {
      let path = endpoint.caFile == nil ? "/etc/ssl/certs" : nil
      try check(mosquitto_tls_set(client, endpoint.caFile, path, nil, nil, nil), "TLS")
    }
    setCallbacks(client)
  }

  deinit { mosquitto_destroy(client) }

  private func connect(_ endpoint: MQTTEndpoint) throws(MQTTFault) {
    var properties: OpaquePointer?
    defer { mosquitto_property_free_all(&properties) }
    mosquitto_property_add_int32(&properties, Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue), 0xffff_ffff)
    mosquitto_property_add_int32(&properties, Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue), endpoint.packetSizeMax)
    mosquitto_property_add_int16(&properties, Int32(MQTT_PROP_RECEIVE_MAXIMUM.rawValue), endpoint.receiveMaximum)
    let result = mosquitto_connect_bind_v5(client, endpoint.host, Int32(endpoint.port), endpoint.keepAliveSeconds, nil, properties)
    try check(result, "\(endpoint.host):\(endpoint.port)")
  }

  /// -1 where there is none.
  package var socket: Int32 { mosquitto_socket(client) }
  package var wantsWrite: Bool { mosquitto_want_write(client) }

  /// Reads about one packet, calling the delegate. False where the connection is over.
  package func read() -> MQTTFault? { fault(mosquitto_loop_read(client, 1)) }

  /// Pings and timeouts; writes nothing.
  package func misc() -> MQTTFault? { fault(mosquitto_loop_misc(client)) }

  /// Sends all that is queued, PUBACKs among it: call it only with everything received committed.
  ///
  /// libmosquitto writes packet by packet; corked, the PUBACKs of a batch leave as a few segments and not as one each.
  package func write() -> MQTTFault? {
    guard mosquitto_want_write(client) else { return nil }
    cork(true)
    defer { cork(false) }
    while mosquitto_want_write(client) {
      if let fault = fault(mosquitto_loop_write(client, 1)) { return fault }
      if mosquitto_want_write(client) { return nil }  // the socket is full; poll says when it is not
    }
    return nil
  }

  private func cork(_ isOn: Bool) {
    let socket = mosquitto_socket(client)  // asked each time: a failed write closes it
    guard socket >= 0 else { return }
    var value: Int32 = isOn ? 1 : 0
    setsockopt(socket, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  package func subscribe(_ topics: [String]) -> MQTTFault? {
    for topic in topics {
      if let fault = fault(mosquitto_subscribe_v5(client, nil, topic, 1, 0, nil)) { return fault }
    }
    expectedGrants = topics.count
    return nil
  }

  package func disconnect() {
    mosquitto_disconnect_v5(client, 0, nil)
    _ = write()
  }

  fileprivate var expectedGrants = 0
  fileprivate func granted(_ code: Int32) {
    guard code == 1 || code == 2 else {
      delegate?.subscriptionRefused("the broker refuses the subscription (\(String(cString: mosquitto_reason_string(code))))")
      return
    }
    expectedGrants -= 1
    if expectedGrants == 0 { delegate?.subscribed() }
  }

  fileprivate func accepted(_ code: Int32, _ flags: Int32) {
    if code == 0 {
      delegate?.accepted(sessionPresent: flags & 1 != 0)
    } else {
      delegate?.refused("the broker refuses the connection (\(String(cString: mosquitto_reason_string(code))))")
    }
  }

  fileprivate func received(_ message: mosquitto_message, _ properties: OpaquePointer?) {
    delegate?.received(
      MQTTMessage(
        topic: UnsafeRawBufferPointer(start: message.topic, count: strlen(message.topic)),
        payload: UnsafeRawBufferPointer(start: message.payload, count: Int(message.payloadlen)), retain: message.retain,
        packet: UInt16(truncatingIfNeeded: message.mid), sentAt: readsSenderTime ? senderTime(properties) : nil))
  }

  private func senderTime(_ properties: OpaquePointer?) -> Int64? {
    var property = properties
    var skipFirst = false
    while property != nil {
      var name: UnsafeMutablePointer<CChar>?
      var value: UnsafeMutablePointer<CChar>?
      property = mosquitto_property_read_string_pair(property, Int32(MQTT_PROP_USER_PROPERTY.rawValue), &name, &value, skipFirst)
      skipFirst = true
      guard property != nil, let name, let value else { return nil }
      defer {
        free(name)
        free(value)
      }
      if strcmp(name, "at") == 0 {
        var end: UnsafeMutablePointer<CChar>?
        let at = strtoll(value, &end, 10)
        return end.map { $0.pointee == 0 && $0 != value } == true ? at : nil
      }
    }
    return nil
  }

  private func fault(_ code: Int32) -> MQTTFault? {
    code == MOSQ_ERR_SUCCESS.rawValue ? nil : MQTTFault(describe(code))
  }

  private func check(_ code: Int32, _ what: String) throws(MQTTFault) {
    if code != MOSQ_ERR_SUCCESS.rawValue { throw MQTTFault("\(what): \(describe(code))") }
  }

  private func describe(_ code: Int32) -> String {
    code == MOSQ_ERR_ERRNO.rawValue ? String(cString: strerror(errno)) : String(cString: mosquitto_strerror(code))
  }
}

/// Why a connection failed or ended.
package struct MQTTFault: Error, Sendable, CustomStringConvertible {
  package let description: String
  init(_ description: String) { self.description = description }
}

/// C calls these on the thread that calls `read`; they find their connection through the user data.
private nonisolated func setCallbacks(_ client: OpaquePointer) {
  mosquitto_connect_v5_callback_set(client) { _, context, code, flags, _ in connection(context)?.accepted(code, flags) }
  mosquitto_subscribe_v5_callback_set(client) { _, context, _, count, codes, _ in
    for i in 0..<Int(count) { if let code = codes?[i] { connection(context)?.granted(code) } }
  }
  mosquitto_message_v5_callback_set(client) { _, context, message, properties in
    if let message { connection(context)?.received(message.pointee, properties) }
  }
}

private func connection(_ context: UnsafeMutableRawPointer?) -> MQTTConnection? {
  context.map { Unmanaged<MQTTConnection>.fromOpaque($0).takeUnretainedValue() }
}
