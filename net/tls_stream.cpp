#include "net/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace millrace::net {
namespace {

// RTMP's C0: the version. A TLS record of a handshake begins with 22.
constexpr std::uint8_t kRtmpVersion = 3;

// RFC 8446 6: an alert of the peer's; OpenSSL gives its number plus a thousand.
bool is_peers_alert(int reason) {
  return reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256;
}

const char* word_for(int reason) {
  if (is_peers_alert(reason)) return "alert";
  switch (reason) {
    case SSL_R_NO_SHARED_CIPHER:
      return "no_shared_cipher";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
      return "protocol_version";
    case SSL_R_HTTP_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
      return "not_tls";
    default:
      return "protocol";
  }
}

}  // namespace

TlsStream::TlsStream(std::shared_ptr<SSL_CTX> context, int descriptor)
    : context_(std::move(context)), descriptor_(descriptor), ssl_(SSL_new(context_.get())) {
  CHECK(ssl_ != nullptr);  // Out of memory aborts.
  CHECK(SSL_set_fd(ssl_, descriptor) == 1);
  SSL_set_accept_state(ssl_);
  SSL_set_app_data(ssl_, this);
}

TlsStream::TlsStream(std::shared_ptr<SSL_CTX> context, int descriptor, const std::string& host)
    : TlsStream(std::move(context), descriptor) {
  has_looked_ = true;  // No server speaks first.
  SSL_set_connect_state(ssl_);
  X509_VERIFY_PARAM* const verify = SSL_get0_param(ssl_);
  // An address is none where it cannot be parsed; then it is a name.
  if (X509_VERIFY_PARAM_set1_ip_asc(verify, host.c_str()) == 1) return;
  CHECK(X509_VERIFY_PARAM_set1_host(verify, host.c_str(), host.size()) == 1);
  CHECK(SSL_set_tlsext_host_name(ssl_, host.c_str()) == 1);
}

TlsStream::~TlsStream() {
  SSL_free(ssl_);
}

bool TlsStream::is_shaken() const {
  return SSL_is_init_finished(ssl_) != 0;
}

bool TlsStream::has_received() const {
  return BIO_number_read(SSL_get_rbio(ssl_)) > 0 || (has_looked_ && is_plain_rtmp());
}

bool TlsStream::is_plain_rtmp() const {
  std::uint8_t first = 0;
  return ::recv(descriptor_, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && first == kRtmpVersion;
}

TlsStream::Outcome TlsStream::handshake() {
  if (has_failed_) return Outcome::kFailed;
  has_looked_ = true;  // From here on the socket may be in the middle of a record.
  ERR_clear_error();
  const int returned = SSL_do_handshake(ssl_);
  return returned == 1 ? Outcome::kDone : outcome_of(returned);
}

TlsStream::Transfer TlsStream::read(std::span<std::uint8_t> bytes) {
  if (has_failed_) return {Outcome::kFailed};
  if (!std::exchange(has_looked_, true) && is_plain_rtmp()) {
    fail("plain_rtmp", "plain RTMP came to an RTMPS port: write rtmps://, or take the other port");
    return {Outcome::kFailed};
  }
  Transfer transfer;
  has_more_ = true;
  // To the end: what OpenSSL has read ahead makes no socket readable.
  while (transfer.count < bytes.size()) {
    std::size_t count = 0;
    ERR_clear_error();
    const int returned =
        SSL_read_ex(ssl_, bytes.data() + transfer.count, bytes.size() - transfer.count, &count);
    if (returned != 1) {
      transfer.outcome = outcome_of(returned);
      has_more_ = transfer.count > 0 && transfer.outcome != Outcome::kWantsRead;
      // What came before the end or the failure counts; the next read meets it again.
      if (transfer.count > 0) transfer.outcome = Outcome::kDone;
      return transfer;
    }
    transfer.count += count;
  }
  return transfer;
}

TlsStream::Transfer TlsStream::write(std::span<const std::uint8_t> bytes) {
  if (has_failed_) return {Outcome::kFailed};
  std::size_t count = 0;
  ERR_clear_error();
  const int returned = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &count);
  if (returned != 1) return {outcome_of(returned)};
  return {Outcome::kDone, count};
}

bool TlsStream::say_end() {
  // SSL_shutdown must not follow a failure (its manual page), nor come before the handshake's end.
  if (has_failed_ || !is_shaken()) return true;
  ERR_clear_error();
  const int returned = SSL_shutdown(ssl_);
  const bool is_blocked = returned < 0 && SSL_get_error(ssl_, returned) == SSL_ERROR_WANT_WRITE;
  ERR_clear_error();
  return !is_blocked;
}

std::string TlsStream::peer_name() const {
  const X509* const certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr) return {};
  std::array<char, 128> name{};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                             name.data(), static_cast<int>(name.size()));
  return size > 0 ? std::string(name.data(), static_cast<std::size_t>(size)) : std::string();
}

std::string_view TlsStream::offered_on(const SSL* ssl) {
  const auto* const stream = static_cast<const TlsStream*>(SSL_get_app_data(ssl));
  return stream != nullptr ? stream->offered_ : std::string_view();
}

std::string_view TlsStream::protocol() const {
  const unsigned char* name = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

TlsStream::Outcome TlsStream::outcome_of(int returned) {
  const int system_error = errno;
  switch (SSL_get_error(ssl_, returned)) {
    case SSL_ERROR_WANT_READ:
      return Outcome::kWantsRead;
    case SSL_ERROR_WANT_WRITE:
      return Outcome::kWantsWrite;
    case SSL_ERROR_ZERO_RETURN:
      if (!is_shaken()) fail("closed", "tls: closed during the handshake");
      return is_shaken() ? Outcome::kClosed : Outcome::kFailed;
    case SSL_ERROR_SYSCALL:
      fail("closed", system_error == 0 ? "tls: connection lost"
                                       : std::string("tls: connection lost (") +
                                             std::strerror(system_error) + ")");
      return Outcome::kFailed;
    default: {
      const auto code = ERR_peek_error();
      if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        fail("closed", "tls: connection lost");
        return Outcome::kFailed;
      }
      const char* const text = ERR_reason_error_string(code);
      std::string message = std::string("tls: ") + (text != nullptr ? text : "protocol error");
      if (const auto verified = SSL_get_verify_result(ssl_); verified != X509_V_OK)
        message += std::string(" (") + X509_verify_cert_error_string(verified) + ")";
      fail(word_for(ERR_GET_REASON(code)), std::move(message));
      return Outcome::kFailed;
    }
  }
}

void TlsStream::fail(std::string reason, std::string message) {
  has_failed_ = true;
  failure_ = {std::move(reason), std::move(message)};
}

}  // namespace millrace::net
