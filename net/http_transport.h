#pragma once
// A client's socket, and TLS on it where the port has that. Private to net/. Everything on its
// loop.
#include <utility>  // Before Asio: Boost 1.81 needs std::exchange.

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <span>

#include "net/tls_context.h"
#include "net/tls_stream.h"

namespace millrace::net {

/// The most that a TLS record has (RFC 8446 5.1).
inline constexpr std::size_t kTlsRecordSize = 16 * 1024;

class HttpTransport {
 public:
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                  boost::asio::io_context::executor_type>;

  /// `would_block` in `error`: nothing until the socket is readable (read, shake_hands) or writable
  /// (write, or where `wants_write` says so). `eof`: the client sends no more.
  struct Transfer {
    std::size_t count = 0;
    boost::system::error_code error;
    bool wants_write = false;
  };

  /// `tls`: null for clear text; outlives it. The socket is non-blocking.
  HttpTransport(Socket socket, TlsContext* tls);

  Socket& socket() { return socket_; }
  bool is_tls() const { return tls_ != nullptr; }
  bool is_shaken() const { return !tls_ || is_shaken_; }
  /// A failure of TLS is counted here; it is an `eof` where the client has sent nothing at all, as
  /// a health check does.
  Transfer shake_hands();
  /// Whether HTTP/2 was agreed upon.
  bool has_agreed_on_http2() const { return tls_ && tls_->protocol() == "h2"; }
  /// Of a handshake that the client does not go on with.
  void count_timeout() { tls_context_->count_handshake_failure("timeout"); }
  /// In a few words, once shake_hands() has failed.
  const std::string& failure() const { return tls_->failure().message; }

  Transfer read(std::span<char> bytes);
  /// Something has been received and decrypted that was not read: no wait for the socket shows it.
  bool has_more() const { return tls_ && tls_->has_more(); }
  /// Sends from all of `pieces`, none of them copied but into `record`, where TLS would make
  /// records of less than kTlsRecordSize, the size of `record`. What was blocked has to come again,
  /// perhaps with more behind it.
  Transfer write(std::span<const boost::asio::const_buffer> pieces, std::span<char> record);
  /// Nothing more is sent.
  void end_sending(boost::system::error_code& error);
  /// Says so to TLS alone, as far as the socket takes it.
  void say_end();

 private:
  Transfer write_record(std::span<const boost::asio::const_buffer> pieces, std::size_t offset,
                        std::span<char> record);

  Socket socket_;
  TlsContext* tls_context_;
  std::unique_ptr<TlsStream> tls_;
  bool is_shaken_ = false;
};

}  // namespace millrace::net
