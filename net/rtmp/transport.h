#pragma once
// A publisher's bytes, from and to its socket, through TLS where the port has it. Private to
// net/rtmp. Moves with its connection; one thread at a time.
#include <utility>  // Before Asio: Boost 1.81 needs std::exchange.

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/result.h"
#include "net/tls_context.h"
#include "net/tls_stream.h"

namespace millrace::net::rtmp {

class Transport {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  /// `would_block` in `error`: nothing until the socket is readable, or writable where
  /// `wants_write` says so.
  struct Transfer {
    std::size_t count = 0;
    boost::system::error_code error;
    bool wants_write = false;
    std::optional<Error> failure;  ///< Of TLS: nothing can be said to the peer any more.
  };

  /// `tls`: null for plain RTMP; outlives it. `descriptor`: the socket's, for its life.
  Transport(TlsContext* tls, int descriptor);

  Transfer read(Socket& socket, std::span<std::uint8_t> bytes);
  Transfer write(Socket& socket, std::span<const std::uint8_t> bytes);
  /// Nothing more is sent.
  void end_sending(Socket& socket);

  /// Something has been received and decrypted that was not read: no wait for the socket shows it.
  bool has_more() const { return tls_ && tls_->has_more(); }

 private:
  Transfer outcome_of(const TlsStream::Transfer& transfer, TlsStream::Outcome waits);

  TlsContext* tls_context_;
  std::unique_ptr<TlsStream> tls_;
};

}  // namespace millrace::net::rtmp
