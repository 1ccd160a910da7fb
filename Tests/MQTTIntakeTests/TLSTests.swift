import Foundation
import Glibc
import MQTTIntake
import Simulation
import Testing

/// The broker must prove who it is (S7), against a real mosquitto with real certificates.
@Suite struct TLSTests {
  private let directory: TemporaryDirectory
  private let certificates: Certificates
  private let broker: TLSBroker

  init() throws {
    directory = try TemporaryDirectory(prefix: "thuong-tls")
    certificates = try Certificates(in: directory.path)
    broker = try TLSBroker(certificates)
  }

  private func endpoint(_ certificate: String = "server", ca: String? = "ca", host: String = "localhost") throws -> MQTTEndpoint {
    let port = certificate == "server" ? broker.port : broker.elsewherePort
    var endpoint = try #require(MQTTEndpoint(url: "mqtts://\(host):\(port)", clientID: "thuong"))
    endpoint.caFile = ca.map { certificates.path("\($0).pem") }
    return endpoint
  }

  private func refusal(_ endpoint: MQTTEndpoint) throws -> String {
    do throws(MQTTFault) {
      _ = try MQTTConnection.dial(endpoint, readsSenderTime: false, now: 0)
    } catch {
      return error.description
    }
    try #require(Bool(false), "the broker was accepted")
    return ""
  }

  @Test(arguments: ["localhost", "127.0.0.1"]) func `A broker whose certificate is for the host, by name or address, is accepted`(
    _ host: String
  ) throws {
    let subscriber = try LiveSubscriber(endpoint(host: host))
    try subscriber.begin()
    try broker.plain.publish(["one", "two"])
    try subscriber.run("two messages") { subscriber.log.messages.count == 2 }
    #expect(subscriber.log.payloads == ["one", "two"])
  }

  @Test func `Many messages and large ones come whole over TLS, and their acknowledgements arrive`() throws {
    let subscriber = try LiveSubscriber(endpoint())
    try subscriber.begin()
    let texts = (0..<3000).map { "\($0) " + String(repeating: "x", count: $0 % 700 == 0 ? 200_000 : $0 % 90) }
    try broker.plain.publish(texts)
    try subscriber.run("all messages") { subscriber.log.messages.count >= texts.count }
    #expect(subscriber.log.payloads == texts)
    subscriber.leave()
    let again = try LiveSubscriber(endpoint())
    try again.begin()
    try broker.plain.publish(["last"])
    try again.run("the last message") { !again.log.messages.isEmpty }
    #expect(again.log.payloads == ["last"], "the others were acknowledged")
  }

  @Test func `A broker with a certificate of another authority is refused, with what to do`() throws {
    let text = try refusal(endpoint(ca: "other"))
    #expect(text.hasPrefix("localhost: the broker's certificate is not vouched for by \(certificates.path("other.pem")) ("))
    #expect(text.hasSuffix("set broker.ca_file to the CA that issued it"))
  }

  @Test func `A private authority is not trusted unless its file is named`() throws {
    let text = try refusal(endpoint(ca: nil))
    #expect(text.contains("not vouched for by the system's authorities") && text.contains("set broker.ca_file"))
  }

  @Test(arguments: ["localhost", "127.0.0.1"]) func `A broker whose certificate is for another host is refused`(_ host: String) throws {
    let text = try refusal(endpoint("elsewhere", host: host))
    #expect(text == "\(host): the broker's certificate is for another name: set broker.url to a name that the certificate holds")
  }

  @Test func `A port that does not speak TLS is named as such`() throws {
    var endpoint = try endpoint()
    endpoint.port = broker.plain.port
    #expect(try refusal(endpoint).hasSuffix("is it a port for TLS?"))
  }

  @Test func `A CA file that is not there or holds no certificate is named`() throws {
    var endpoint = try endpoint()
    endpoint.caFile = "\(directory.path)/nothing.pem"
    #expect(try refusal(endpoint).hasPrefix("broker.ca_file \(directory.path)/nothing.pem cannot be used"))
    endpoint.caFile = certificates.path("ca.key")
    #expect(try refusal(endpoint).hasPrefix("broker.ca_file \(certificates.path("ca.key")) cannot be used"))
  }

  /// What the gateway says to openssl's own server; nil where the handshake is done.
  private func verdict(on options: [String], certificate: String) throws -> String? {
    let port = try LoopbackPort.free()
    let files = ["-cert", certificates.path("\(certificate).pem"), "-key", certificates.path("\(certificate).key")]
    let server = try ChildProcess("/usr/bin/openssl", ["s_server", "-accept", "127.0.0.1:\(port)", "-www"] + options + files)
    defer { server.end() }
    while !LoopbackPort.isOpen(port) { try #require(server.isRunning, "openssl s_server \(options)") }
    var endpoint = try endpoint(host: "127.0.0.1")
    endpoint.port = port
    do throws(MQTTFault) {
      return try MQTTConnection.dial(endpoint, readsSenderTime: false, now: 0).socket >= 0 ? nil : "no socket"
    } catch {
      return error.description
    }
  }

  @Test(arguments: [("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)])
  func `A broker that offers less than TLS 1_2 is refused`(_ version: String, _ isAccepted: Bool) throws {
    let verdict = try verdict(on: [version, "-cipher", "ALL:@SECLEVEL=0"], certificate: "server")
    #expect(isAccepted ? verdict == nil : verdict?.contains("the TLS handshake failed") == true, "\(String(describing: verdict))")
  }

  @Test func `A broker whose certificate has run out is refused`() throws {
    #expect(
      try verdict(on: [], certificate: "expired")
        == "127.0.0.1: the broker's certificate is not valid at this time: renew it, or set this machine's clock")
  }

  /// SIGPIPE goes to the thread that wrote; blocked there, it stays pending where it can be seen, whatever the process does with it.
  @Test(arguments: ["mqtt", "mqtts"]) func `Writing to a broker that is gone raises no SIGPIPE`(_ scheme: String) throws {
    var pipe = sigset_t()
    var before = sigset_t()
    sigemptyset(&pipe)
    sigaddset(&pipe, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &pipe, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var ends: [Int32] = [0, 0]
    Glibc.pipe(&ends)
    close(ends[0])
    Glibc.write(ends[1], "x", 1)
    #expect(takesSIGPIPE(), "a plain write raises it")
    close(ends[1])

    var endpoint = try endpoint()
    if scheme == "mqtt" { endpoint = try broker.plain.endpoint() }
    let subscriber = try LiveSubscriber(endpoint)
    try subscriber.begin()
    broker.plain.end()
    var fault: MQTTFault?
    while fault == nil {
      fault = subscriber.connection.subscribe([("t/#", 1)]) ?? subscriber.connection.write(now: LiveSubscriber.now)
    }
    #expect(subscriber.connection.socket == -1)
    #expect(!takesSIGPIPE())
  }

  private func takesSIGPIPE() -> Bool {
    var pending = sigset_t()
    sigpending(&pending)
    guard sigismember(&pending, SIGPIPE) == 1 else { return false }
    var pipe = sigset_t()
    sigemptyset(&pipe)
    sigaddset(&pipe, SIGPIPE)
    var number: Int32 = 0
    sigwait(&pipe, &number)
    return true
  }
}

/// A mosquitto with a plain listener and two with TLS: one for this host, one with a certificate for another.
private final class TLSBroker {
  let plain: PrivateBroker
  let port: Int
  let elsewherePort: Int

  init(_ certificates: Certificates) throws {
    (port, elsewherePort) = (try LoopbackPort.free(), try LoopbackPort.free())
    let settings = [(port, "server"), (elsewherePort, "elsewhere")].flatMap { port, name in
      [
        "listener \(port) 127.0.0.1", "allow_anonymous true", "certfile \(certificates.path("\(name).pem"))",
        "keyfile \(certificates.path("\(name).key"))",
      ]
    }
    plain = try PrivateBroker(directory: certificates.directory, settings: settings)
    while !LoopbackPort.isOpen(elsewherePort) || !LoopbackPort.isOpen(port) { Thread.sleep(forTimeInterval: 0.005) }
  }

  deinit { plain.end() }
}
