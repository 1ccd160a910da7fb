import COpenSSL
import Glibc

/// TLS 1.2 or later over a TCP connection, by OpenSSL. The broker's certificate and name are checked.
@safe final class TLSStream: ByteStream {
  private let tcp: TCPStream
  private let host: String
  private let context: OpaquePointer
  private let method: OpaquePointer
  private let ssl: OpaquePointer
  /// Why it is over, once it is: OpenSSL tells it once.
  private var ended: String?

  var descriptor: Int32 { tcp.descriptor }

  /// Shakes hands; at most about ten seconds. Blocks.
  ///
  /// - Parameter caFile: whom to trust; nil for the system's authorities.
  init(over tcp: TCPStream, host: String, caFile: String?) throws(MQTTFault) {
    // Safe: each object is made by OpenSSL, checked, and freed once, in deinit; the context and the method outlive what is made of them.
    guard let context = unsafe thuong_tls_client_context(), let method = unsafe thuong_socket_method(), let ssl = unsafe SSL_new(context),
      let bio = unsafe thuong_socket_bio(method, tcp.descriptor)
    else { throw MQTTFault("no memory for TLS") }
    unsafe SSL_set_bio(ssl, bio, bio)
    unsafe (self.tcp, self.host, self.context, self.method, self.ssl) = (tcp, host, context, method, ssl)
    try trust(caFile)
    try expectName()
    try shakeHands(caFile)
  }

  deinit {
    close()
    unsafe SSL_free(ssl)
    unsafe BIO_meth_free(method)
    unsafe SSL_CTX_free(context)
  }

  private func trust(_ caFile: String?) throws(MQTTFault) {
    ERR_clear_error()
    if let caFile {
      guard unsafe SSL_CTX_load_verify_locations(context, caFile, nil) == 1 else {
        throw MQTTFault("broker.ca_file \(caFile) cannot be used (\(Self.queuedError())): it must hold CA certificates in PEM form")
      }
    } else {
      guard unsafe SSL_CTX_set_default_verify_paths(context) == 1 else {
        throw MQTTFault(
          "the system's CA certificates cannot be read (\(Self.queuedError())): install ca-certificates or set broker.ca_file")
      }
    }
  }

  /// The certificate must be for this host, by name or by address.
  private func expectName() throws(MQTTFault) {
    var address = in6_addr()
    let isAddress = unsafe inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1
    let isSet =
      if isAddress {
        unsafe X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1
      } else {
        unsafe SSL_set1_host(ssl, host) == 1 && thuong_tls_server_name(ssl, host) == 1
      }
    guard isSet else { throw MQTTFault("broker.url: '\(host)' is no name that a certificate can be for") }
  }

  private func shakeHands(_ caFile: String?) throws(MQTTFault) {
    var patience = SocketPatience()
    while true {
      ERR_clear_error()
      let code = unsafe SSL_connect(ssl)
      if code == 1 { return }
      let events: Int16
      switch unsafe SSL_get_error(ssl, code) {
      case SSL_ERROR_WANT_READ: events = Int16(POLLIN)
      case SSL_ERROR_WANT_WRITE: events = Int16(POLLOUT)
      case let error: throw handshakeFault(error, caFile)
      }
      guard patience.wait(for: events, on: descriptor) else {
        throw MQTTFault("\(host): no TLS handshake in ten seconds; is it a port for TLS?")
      }
    }
  }

  private func handshakeFault(_ error: Int32, _ caFile: String?) -> MQTTFault {
    let verdict = unsafe SSL_get_verify_result(ssl)
    switch Int32(truncatingIfNeeded: verdict) {
    case X509_V_OK:
      return MQTTFault("\(host): the TLS handshake failed (\(reason(error))); is it a port for TLS?")
    case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
      return MQTTFault("\(host): the broker's certificate is for another name: set broker.url to a name that the certificate holds")
    case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID:
      return MQTTFault("\(host): the broker's certificate is not valid at this time: renew it, or set this machine's clock")
    default:
      // Safe: a constant of OpenSSL's.
      let why = unsafe String(cString: X509_verify_cert_error_string(verdict))
      let whom = caFile ?? "the system's authorities"
      return MQTTFault(
        "\(host): the broker's certificate is not vouched for by \(whom) (\(why)): set broker.ca_file to the CA that issued it")
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamResult {
    if let ended { return .ended(ended) }
    var count = 0
    // Until OpenSSL has no whole record left: poll cannot see what it holds.
    while count < buffer.count {
      ERR_clear_error()
      // Safe: within the buffer, behind what is there.
      let got = unsafe SSL_read(ssl, buffer.baseAddress.map { unsafe $0 + count }, Int32(clamping: buffer.count - count))
      if got > 0 {
        count += Int(got)
        continue
      }
      let result = result(got)
      return count > 0 ? .bytes(count) : result
    }
    return .bytes(count)
  }

  /// What OpenSSL holds is no whole record: a read takes all that are.
  var hasInput: Bool { tcp.hasInput }

  func write(_ bytes: UnsafeRawBufferPointer) -> StreamResult {
    if let ended { return .ended(ended) }
    ERR_clear_error()
    // Safe: no more bytes than there are.
    let sent = unsafe SSL_write(ssl, bytes.baseAddress, Int32(clamping: bytes.count))
    return sent > 0 ? .bytes(Int(sent)) : result(sent)
  }

  func close() {
    // A farewell, where TLS still stands; nobody waits for its answer.
    if ended == nil, unsafe SSL_is_init_finished(ssl) == 1 { unsafe SSL_shutdown(ssl) }
    ended = ended ?? "the connection is closed"
    tcp.close()
  }

  private func result(_ code: Int32) -> StreamResult {
    let error = unsafe SSL_get_error(ssl, code)
    if error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE { return .wouldBlock }
    let why = error == SSL_ERROR_ZERO_RETURN ? MQTTFault.closed.description : "the connection to the broker broke (\(reason(error)))"
    ended = why
    return .ended(why)
  }

  private func reason(_ error: Int32) -> String {
    let code = errno
    if error == SSL_ERROR_SYSCALL, ERR_peek_error() == 0 {
      // Safe: strerror's text is this thread's own, and copied at once.
      return code == 0 ? "the broker closed the connection" : unsafe String(cString: strerror(code))
    }
    return error == SSL_ERROR_ZERO_RETURN ? "the broker closed the connection" : Self.queuedError()
  }

  /// What OpenSSL says of the last failure, and empties its list of them.
  private static func queuedError() -> String {
    let code = ERR_peek_error()
    defer { ERR_clear_error() }
    // Safe: a constant of OpenSSL's, or of strerror's for a code of the system; copied at once.
    if let text = unsafe ERR_reason_error_string(code) { return unsafe String(cString: text) }
    return code & 0x8000_0000 != 0 ? unsafe String(cString: strerror(Int32(truncatingIfNeeded: code & 0x7fff_ffff))) : "error \(code)"
  }
}
