import Foundation
import NIOSSL
import Outbox
import Testing

/// HTTPS to a peer that demands a client certificate.
@Suite struct SinkTLSTests {
  private let files: SinkCertificates
  init() throws { files = try SinkCertificates() }

  private func peer(_ certificate: String) async throws -> TestPeer {
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: try NIOSSLCertificate.fromPEMFile(files.path("\(certificate).pem")).map { .certificate($0) },
      privateKey: .privateKey(try NIOSSLPrivateKey(file: files.path("\(certificate).key"), format: .pem)))
    configuration.trustRoots = .file(files.path("ca.pem"))
    configuration.certificateVerification = .noHostnameVerification  // of clients: those that `ca` signed, and no other
    return try await TestPeer(tls: configuration) { _ in .answer(204) }
  }

  private func tls(_ client: String? = "client", ca: String? = "ca") throws -> SinkTLS {
    try SinkTLS(
      caFile: ca.map { files.path("\($0).pem") }, certificate: client.map { files.path("\($0).pem") },
      key: client.map { files.path("\($0).key") })
  }

  private func lastError(_ peer: TestPeer, _ tls: SinkTLS?, host: String = "127.0.0.1") async throws -> String {
    var sink = try DeliveryRun.sink("ioc", peer.port, scheme: "https", host: host)
    sink.tls = tls
    let figures = try await DeliveryRun.deliver(1, to: sink) { $0.attemptsOfOldest >= 1 || $0.delivered == 1 }
    #expect(figures.delivered == 0)
    #expect(peer.requests.isEmpty, "nothing was sent")
    return figures.lastError ?? ""
  }

  @Test(arguments: ["127.0.0.1", "localhost"]) func `events arrive with the client's certificate`(host: String) async throws {
    let peer = try await peer("server")
    var sink = try DeliveryRun.sink("ioc", peer.port, scheme: "https", host: host)
    sink.tls = try tls()
    #expect(try await DeliveryRun.deliver(20, to: sink).delivered == 20)
    #expect(peer.accepted == 1)
  }

  @Test func `a server of an authority that is not trusted gets nothing`() async throws {
    #expect(try await lastError(peer("forged"), tls()).contains("not of a trusted authority"))
    #expect(try await lastError(peer("server"), tls(ca: "other")).contains("not of a trusted authority"))
    #expect(try await lastError(peer("server"), nil).contains("not of a trusted authority"), "the system's authorities do not know it")
  }

  @Test(arguments: ["127.0.0.1", "localhost"]) func `a server whose certificate is of another host gets nothing`(host: String) async throws
  {
    #expect(try await lastError(peer("elsewhere"), tls(), host: host) == "the peer's certificate is of another host")
  }

  @Test func `without a certificate, or with one that the peer does not know, nothing arrives, and the error says why`() async throws {
    #expect(try await lastError(peer("server"), tls(nil)).contains("client certificate"))
    #expect(try await lastError(peer("server"), tls("stranger")) != "")
  }

  @Test func `files that cannot work are refused when they are loaded, in one line`() throws {
    func error(_ ca: String?, _ certificate: String?, _ key: String?) -> String {
      let error = #expect(throws: SinkConfigurationError.self) {
        try SinkTLS(caFile: ca.map(files.path), certificate: certificate.map(files.path), key: key.map(files.path))
      }
      #expect(error?.description.contains("\n") == false)
      return error?.description ?? ""
    }
    #expect(error("none.pem", nil, nil).hasSuffix("none.pem: no such file, or not readable"))
    #expect(error("ca.key", nil, nil).hasSuffix("holds no certificate in PEM"))
    #expect(error("ca.pem", "client.pem", nil) == "tls: certificate and key stand together or not at all")
    #expect(error(nil, "client.pem", "client.pem").contains("client.pem: "))
    #expect(error(nil, "client.pem", "server.key").contains("does not belong to the certificate"))
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: files.path("client.key"))
    #expect(error(nil, "client.pem", "client.key").contains("chmod 600"))
  }
}
