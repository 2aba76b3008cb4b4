#include "net/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

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
}

TlsStream::~TlsStream() {
  SSL_free(ssl_);
}

bool TlsStream::is_shaken() const {
  return SSL_is_init_finished(ssl_) != 0;
}

bool TlsStream::has_received() const {
  return has_looked_ && (is_plain_rtmp() || BIO_number_read(SSL_get_rbio(ssl_)) > 0);
}

bool TlsStream::is_plain_rtmp() const {
  std::uint8_t first = 0;
  return ::recv(descriptor_, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && first == kRtmpVersion;
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

void TlsStream::say_end() {
  // SSL_shutdown must not follow a failure (its manual page), nor come before the handshake's end.
  if (has_failed_ || !is_shaken()) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
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
      const char* const text = ERR_reason_error_string(code);
      fail(word_for(ERR_GET_REASON(code)),
           std::string("tls: ") + (text != nullptr ? text : "protocol error"));
      return Outcome::kFailed;
    }
  }
}

void TlsStream::fail(std::string reason, std::string message) {
  has_failed_ = true;
  failure_ = {std::move(reason), std::move(message)};
}

}  // namespace millrace::net
