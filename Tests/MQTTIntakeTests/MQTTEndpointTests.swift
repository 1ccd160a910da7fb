import MQTTIntake
import Testing

@Suite struct MQTTEndpointTests {
  @Test(arguments: [
    ("mqtt://127.0.0.1:1884", "127.0.0.1", 1884, false, true), ("mqtt://localhost", "localhost", 1883, false, true),
    ("mqtts://broker.example", "broker.example", 8883, true, false), ("mqtt://[::1]:1883", "::1", 1883, false, true),
    ("mqtts://10.0.0.1:1", "10.0.0.1", 1, true, false), ("mqtt://127.9.9.9:65535", "127.9.9.9", 65_535, false, true),
    ("mqtt://[::1]", "::1", 1883, false, true), ("mqtts://[2001:db8::1]", "2001:db8::1", 8883, true, false),
  ]) func anAddressIsHostAndPort(_ url: String, _ host: String, _ port: Int, _ tls: Bool, _ isLoopback: Bool) throws {
    let endpoint = try #require(MQTTEndpoint(url: url, clientID: "thuong"))
    #expect((endpoint.host, endpoint.port, endpoint.tls) == (host, port, tls))
    #expect(endpoint.isLoopback == isLoopback)
  }

  @Test(arguments: [
    "", "127.0.0.1", "http://127.0.0.1", "mqtt://", "mqtt://:1883", "mqtt://host:", "mqtt://host:0", "mqtt://host:65536", "mqtt://host:-1",
    "mqtt://host:x",
    "mqtt://user:secret@host", "mqtt://host/path", "MQTT://host", "mqtt://[::1]x", "mqtt://[::1]x:1883", "mqtt://2001:db8::1",
    "mqtt://[]:1883",
  ]) func anotherTextIsNoAddress(_ url: String) {
    #expect(MQTTEndpoint(url: url, clientID: "thuong") == nil)
  }

  /// Whoever may set the clock must be on this machine.
  @Test(arguments: [
    "mqtt://127.evil.example", "mqtt://localhost.example", "mqtt://0.0.0.0", "mqtt://128.0.0.1", "mqtt://127.0.0.1.example",
  ])
  func aNameThatOnlyLooksLikeThisMachineIsNotIt(_ url: String) throws {
    #expect(try #require(MQTTEndpoint(url: url, clientID: "thuong")).isLoopback == false)
  }

  @Test func theLimitsKeepTheBrokerFromDroppingSilently() throws {
    let endpoint = try #require(MQTTEndpoint(url: "mqtt://localhost", clientID: "thuong"))
    #expect(endpoint.receiveMaximum < 1000, "below max_queued_messages")
    #expect(endpoint.packetSizeMax > 1 << 20, "above the broker's max_packet_size")
  }
}
