#pragma once
// TLS, either side, over one non-blocking socket that somebody else owns and waits for. Knows
// no loop, so it moves with its connection. One thread at a time.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

using SSL = struct ssl_st;
using SSL_CTX = struct ssl_ctx_st;

namespace millrace::net {

class TlsStream {
 public:
  enum class Outcome {
    kDone,        ///< `count` bytes.
    kWantsRead,   ///< Nothing until the socket is readable,
    kWantsWrite,  ///< or writable.
    kClosed,      ///< By the peer.
    kFailed,      ///< failure() says how.
  };
  struct Transfer {
    Outcome outcome = Outcome::kDone;
    std::size_t count = 0;
  };
  struct Failure {
    std::string reason;   ///< One of a few words, for a metric: "plain_rtmp", "alert", "protocol".
    std::string message;  ///< "tls: wrong version number"
  };

  /// The server's side. `descriptor` stays the caller's, and the same for the stream's life.
  TlsStream(std::shared_ptr<SSL_CTX> context, int descriptor);
  /// The client's: the peer's certificate has to be of `host`, a name or an address.
  TlsStream(std::shared_ptr<SSL_CTX> context, int descriptor, const std::string& host);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  /// kDone: the handshake is over, on this side. read() and write() need no call of it.
  Outcome handshake();
  /// Shakes hands first. Fills `bytes` as far as there is something; kDone with less than that, and
  /// the next read waits for the socket.
  Transfer read(std::span<std::uint8_t> bytes);
  /// Whether the last read ended for another reason than that nothing more has come: its room, the
  /// peer's end, a failure. Then the socket need not become readable for the next one.
  bool has_more() const { return has_more_; }
  /// Before the handshake is over it wants to read.
  Transfer write(std::span<const std::uint8_t> bytes);
  /// Says that nothing follows (close_notify). False where the socket does not take it now. The
  /// peer's bytes can still be read.
  bool say_end();
  /// "CN" of the peer's certificate; empty where there is none.
  std::string peer_name() const;

  /// What the server speaks on it, the best first, each behind its length (RFC 7301 3.1). A
  /// literal; before the handshake. A peer that names only others is refused.
  void offer(std::string_view protocols) { offered_ = protocols; }
  /// For the context's choice: what was offered on a stream of ours.
  static std::string_view offered_on(const SSL* ssl);
  /// What was agreed upon: "h2"; empty where the peer named nothing or nothing was offered.
  std::string_view protocol() const;

  bool is_shaken() const;
  /// Anything at all of the peer's.
  bool has_received() const;
  const Failure& failure() const { return failure_; }

 private:
  bool is_plain_rtmp() const;
  Outcome outcome_of(int returned);
  void fail(std::string reason, std::string message);

  std::shared_ptr<SSL_CTX> context_;
  int descriptor_;
  SSL* ssl_;
  std::string_view offered_;
  bool has_looked_ = false;
  bool has_more_ = false;
  bool has_failed_ = false;
  Failure failure_;
};

}  // namespace millrace::net
