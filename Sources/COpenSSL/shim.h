// OpenSSL as a TLS client needs it: what are macros there, and a socket BIO that raises no SIGPIPE.
#ifndef THUONG_COPENSSL_H
#define THUONG_COPENSSL_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

// A client's context: TLS 1.2 or later, the peer's certificate verified. NULL where there is no memory.
static inline SSL_CTX *thuong_tls_client_context(void) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  if (context == NULL) return NULL;
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
    SSL_CTX_free(context);
    return NULL;
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  // MQTT packets say how long they are, so that an end without close_notify hides nothing.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One read(2) for many records, not two for each.
  SSL_CTX_set_read_ahead(context, 1);
  return context;
}

static inline int thuong_tls_server_name(SSL *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, name); }

static inline int thuong_bio_send(BIO *bio, const char *bytes, int count) {
  int descriptor = -1;
  BIO_get_fd(bio, &descriptor);
  BIO_clear_retry_flags(bio);
  int sent = (int)send(descriptor, bytes, (size_t)count, MSG_NOSIGNAL);
  if (sent <= 0 && BIO_sock_should_retry(sent)) BIO_set_retry_write(bio);
  return sent;
}

// OpenSSL's socket BIO, but for write(2), which raises SIGPIPE. Free it after the last BIO made of it. NULL where there is no memory.
static inline BIO_METHOD *thuong_socket_method(void) {
  const BIO_METHOD *plain = BIO_s_socket();
  BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOCKET, "socket without SIGPIPE");
  if (method == NULL) return NULL;
  BIO_meth_set_write(method, thuong_bio_send);
  BIO_meth_set_read(method, BIO_meth_get_read(plain));
  BIO_meth_set_ctrl(method, BIO_meth_get_ctrl(plain));
  BIO_meth_set_create(method, BIO_meth_get_create(plain));
  BIO_meth_set_destroy(method, BIO_meth_get_destroy(plain));
  return method;
}

// The socket stays the caller's to close. NULL where there is no memory.
static inline BIO *thuong_socket_bio(const BIO_METHOD *method, int descriptor) {
  BIO *bio = BIO_new(method);
  if (bio != NULL) BIO_set_fd(bio, descriptor, BIO_NOCLOSE);
  return bio;
}

#endif
