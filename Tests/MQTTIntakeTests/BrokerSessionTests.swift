import Foundation
import Glibc
import MQTTIntake
import Simulation
import Testing

/// Against a real mosquitto.
@Suite struct BrokerSessionTests {
  private let directory: TemporaryDirectory
  init() throws { directory = try TemporaryDirectory(prefix: "thuong-intake") }

  private func broker(_ settings: [String] = []) throws -> PrivateBroker {
    try PrivateBroker(directory: directory.path, settings: settings)
  }

  @Test func `Messages of QoS 1 and 0 come with topic, payload and sender's time`() throws {
    let broker = try broker()
    defer { broker.end() }
    let subscriber = try LiveSubscriber(broker.endpoint())
    try subscriber.begin([("t/#", 1), ("q/#", 0)])
    #expect(subscriber.log.events == [.accepted(sessionPresent: false), .subscribed])
    try broker.publish(["one", "hai", ""])
    try broker.publish(["zero"], to: "q/0")
    try subscriber.run("four messages") { subscriber.log.messages.count == 4 }
    #expect(subscriber.log.messages.map(\.topic) == ["t/1", "t/1", "t/1", "q/0"])
    #expect(subscriber.log.payloads == ["one", "hai", "", "zero"])
    #expect(subscriber.log.messages.map { $0.packet != 0 } == [true, true, true, false])
    #expect(subscriber.log.messages.allSatisfy { $0.sentAt == 1_763_683_200_123 && !$0.retain })
  }

  @Test func `What was not acknowledged comes again with the session, what was does not`() throws {
    let broker = try broker()
    defer { broker.end() }
    let first = try LiveSubscriber(broker.endpoint())
    try first.begin()
    try broker.publish(["1", "2", "3"])
    try first.run("three messages", writing: false) { first.log.messages.count == 3 }
    #expect(first.connection.write(now: LiveSubscriber.now) == nil)
    try broker.publish(["4", "5"])
    try first.run("five messages", writing: false) { first.log.messages.count == 5 }
    #expect(first.connection.wantsWrite)
    first.connection.close()

    let second = try LiveSubscriber(broker.endpoint())
    try second.begin()
    try second.run("two messages", writing: false) { second.log.messages.count == 2 }
    #expect(second.log.events.first == .accepted(sessionPresent: true))
    #expect(second.log.payloads == ["4", "5"])
    second.leave()

    let third = try LiveSubscriber(broker.endpoint())
    try third.begin()
    try broker.publish(["6"])
    try third.run("the last message") { !third.log.messages.isEmpty }
    #expect(third.log.events.first == .accepted(sessionPresent: true))
    #expect(third.log.payloads == ["6"])
  }

  @Test func `More messages than may be unacknowledged all come, in order, and the broker waits in between`() throws {
    let broker = try broker()
    defer { broker.end() }
    var endpoint = try broker.endpoint()
    endpoint.receiveMaximum = 100
    let subscriber = try LiveSubscriber(endpoint)
    try subscriber.begin()
    let texts = (0..<5000).map { "message \($0)" }
    try broker.publish(texts)
    try subscriber.run("the first hundred", writing: false) { subscriber.log.messages.count >= 100 }
    #expect(subscriber.log.messages.count == 100)
    try subscriber.run("all messages") { subscriber.log.messages.count >= texts.count }
    #expect(subscriber.log.payloads == texts)
  }

  @Test func `A wrong password is refused, the right one is not`() throws {
    let file = "\(directory.path)/passwords"
    let tool = try ChildProcess("/usr/bin/mosquitto_passwd", ["-b", "-c", file, "gateway", "right"])
    tool.wait()
    try #require(tool.exitCode == 0)
    let broker = try broker(["allow_anonymous false", "password_file \(file)"])
    defer { broker.end() }
    for (password, isAccepted) in [("wrong", false), (nil, false), ("right", true)] {
      var endpoint = try broker.endpoint()
      (endpoint.username, endpoint.password) = ("gateway", password)
      let subscriber = try LiveSubscriber(endpoint)
      let fault = try subscriber.run("an answer") { !subscriber.log.events.isEmpty }
      if isAccepted {
        #expect(subscriber.log.events == [.accepted(sessionPresent: false)])
      } else {
        let reason = "the broker refuses the connection (not authorized)"
        #expect(fault?.description == reason && subscriber.log.events == [.refused(reason)])
      }
    }
  }

  @Test func `Another client under the same id takes the session, and the first is told why it ends`() throws {
    let broker = try broker()
    defer { broker.end() }
    let first = try LiveSubscriber(broker.endpoint())
    try first.begin()
    let second = try LiveSubscriber(broker.endpoint())
    try second.begin()
    let fault = try first.run("the end of the first") { false }
    #expect(fault?.description.contains("another client") == true, "\(String(describing: fault))")
    #expect(second.log.events.first == .accepted(sessionPresent: true))
  }

  @Test func `A message of a mebibyte comes whole, between small ones`() throws {
    let broker = try broker(["max_packet_size 2000000"])
    defer { broker.end() }
    let subscriber = try LiveSubscriber(broker.endpoint())
    try subscriber.begin()
    let large = String((0..<1 << 20).map { Character(UnicodeScalar(UInt8($0 % 26 + 97))) })
    try broker.publish(["a", large, "b", large, "c"])
    try subscriber.run("five messages") { subscriber.log.messages.count == 5 }
    #expect(subscriber.log.payloads == ["a", large, "b", large, "c"])
  }

  @Test func `A broker that stops ends the connection, and its session lives on where it is kept`() throws {
    let broker = try broker()
    let subscriber = try LiveSubscriber(broker.endpoint())
    try subscriber.begin()
    broker.end()
    let fault = try subscriber.run("the end") { false }
    #expect(fault?.description.contains("server shutting down") == true || fault?.description.contains("closed the connection") == true)
  }

  @Test func `Nobody at the address is told with the address`() throws {
    let port = try LoopbackPort.free()
    let endpoint = try #require(MQTTEndpoint(url: "mqtt://localhost:\(port)", clientID: "thuong"))
    #expect {
      try MQTTConnection.dial(endpoint, readsSenderTime: false, now: 0)
    } throws: {
      "\($0)".contains("localhost:\(port): Connection refused") && "\($0)".contains("is a broker running there?")
    }
  }

  @Test func `A link that swallows everything is noticed`() throws {
    let broker = try broker()
    defer { broker.end() }
    let proxy = try SwallowingProxy(to: broker.port)
    defer { proxy.end() }
    var endpoint = try broker.endpoint(port: proxy.port)
    endpoint.keepAliveSeconds = 1
    let subscriber = try LiveSubscriber(endpoint)
    try subscriber.begin()
    // Some keep-alives long the link is well: pings are answered.
    let healthy = LiveSubscriber.now + 2500
    try #require(try subscriber.run("pings") { LiveSubscriber.now > healthy } == nil)
    proxy.isSwallowing = true
    let fault = try subscriber.run("the end") { false }
    #expect(fault?.description.contains("has been silent for") == true)
  }
}
