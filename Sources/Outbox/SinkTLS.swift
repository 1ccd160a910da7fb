import Foundation
import NIOSSL

/// Whom a sink's HTTPS trusts, and what it shows of itself. Certificates and host names are always verified.
package struct SinkTLS: Sendable {
  let configuration: TLSConfiguration

  /// Reads and checks the files.
  ///
  /// - Parameters:
  ///   - caFile: PEM of the authorities trusted in place of the system's; nil for the system's.
  ///   - certificate: PEM of the client's certificate, those that signed it behind it; nil for none.
  ///   - key: PEM of its key, in a file that others may not read.
  package init(caFile: String?, certificate: String?, key: String?) throws(SinkConfigurationError) {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    if let caFile { configuration.trustRoots = .certificates(try Self.certificates(caFile)) }
    switch (certificate, key) {
    case (nil, nil): break
    case (let certificate?, let key?):
      configuration.certificateChain = try Self.certificates(certificate).map { .certificate($0) }
      configuration.privateKey = .privateKey(try Self.privateKey(key))
      do { _ = try NIOSSLContext(configuration: configuration) } catch {
        throw SinkConfigurationError("\(key): this key does not belong to the certificate \(certificate)")
      }
    default: throw SinkConfigurationError("tls: certificate and key stand together or not at all")
    }
    self.configuration = configuration
  }

  private static func certificates(_ path: String) throws(SinkConfigurationError) -> [NIOSSLCertificate] {
    guard FileManager.default.isReadableFile(atPath: path) else { throw SinkConfigurationError("\(path): no such file, or not readable") }
    let found = try? NIOSSLCertificate.fromPEMFile(path)
    guard let found, !found.isEmpty else { throw SinkConfigurationError("\(path): holds no certificate in PEM") }
    return found
  }

  private static func privateKey(_ path: String) throws(SinkConfigurationError) -> NIOSSLPrivateKey {
    let text = try SecretFile.text(path)
    do { return try NIOSSLPrivateKey(bytes: Array(text.utf8), format: .pem) } catch {
      throw SinkConfigurationError("\(path): holds no private key in PEM without a passphrase")
    }
  }
}
