import ArgumentParser
import CMosquitto
import DeviceRegistry
import Foundation
import Synchronization

/// A process of its own that does nothing but receive: libmosquitto with its own loop, as a program that stores nothing would use it.
///
/// It asks for what the gateway asks for. Prints `subscribed`, and `received NANOSECONDS` at every `every` messages; ends on SIGTERM.
struct Subscriber: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Child: the do-nothing subscriber.", shouldDisplay: false)

  @Option var port: Int
  /// Messages between two lines.
  @Option var every: Int

  func run() throws {
    mosquitto_lib_init()
    guard let client = mosquitto_new("bench-subscriber", false, nil) else { throw BenchFailure("no MQTT client") }
    mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5)
    mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1)
    mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, 900)
    ReceivedCount.shared.every = every
    SubscriberCallbacks.set(on: client)
    var properties: OpaquePointer?
    mosquitto_property_add_int32(&properties, Int32(MQTT_PROP_SESSION_EXPIRY_INTERVAL.rawValue), 0xffff_ffff)
    mosquitto_property_add_int32(&properties, Int32(MQTT_PROP_MAXIMUM_PACKET_SIZE.rawValue), 2 << 20)
    mosquitto_property_add_int16(&properties, Int32(MQTT_PROP_RECEIVE_MAXIMUM.rawValue), 900)
    guard mosquitto_connect_bind_v5(client, "127.0.0.1", Int32(port), 30, nil, properties) == MOSQ_ERR_SUCCESS.rawValue else {
      throw BenchFailure("no broker on port \(port)")
    }
    mosquitto_loop_forever(client, -1, 1)
    throw BenchFailure("the broker has closed the subscriber's connection")
  }
}

/// What the callback counts. libmosquitto's one thread alone touches it, once the loop runs.
private final class ReceivedCount: @unchecked Sendable {
  static let shared = ReceivedCount()
  var every = 1
  var count = 0
  var grants = 0
}

private enum SubscriberCallbacks {
  static func set(on client: OpaquePointer) {
    mosquitto_connect_v5_callback_set(client) { client, _, _, _, _ in
      for topic in TopicIndex.subscriptions { mosquitto_subscribe_v5(client, nil, topic, 1, 0, nil) }
    }
    mosquitto_subscribe_v5_callback_set(client) { _, _, _, _, _, _ in
      ReceivedCount.shared.grants += 1
      if ReceivedCount.shared.grants == TopicIndex.subscriptions.count { say("subscribed") }
    }
    let counted = ReceivedCount.shared
    mosquitto_user_data_set(client, Unmanaged.passUnretained(counted).toOpaque())
    mosquitto_message_v5_callback_set(client) { _, context, _, _ in
      guard let context else { return }
      let counted = Unmanaged<ReceivedCount>.fromOpaque(context).takeUnretainedValue()
      counted.count += 1
      if counted.count == counted.every {
        counted.count = 0
        say("received \(Machine.nanoseconds)")
      }
    }
  }
}
