#include "net/rtmp/transport.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

namespace millrace::net::rtmp {

Transport::Transport(TlsContext* tls, int descriptor) : tls_context_(tls) {
  if (tls_context_) tls_ = std::make_unique<TlsStream>(tls_context_->current(), descriptor);
}

Transport::Transfer Transport::read(Socket& socket, std::span<std::uint8_t> bytes) {
  Transfer transfer;
  if (!tls_) {
    transfer.count =
        socket.read_some(boost::asio::buffer(bytes.data(), bytes.size()), transfer.error);
    return transfer;
  }
  const auto read = tls_->read(bytes);
  return outcome_of(read, TlsStream::Outcome::kWantsRead);
}

Transport::Transfer Transport::write(Socket& socket, std::span<const std::uint8_t> bytes) {
  Transfer transfer;
  if (!tls_) {
    transfer.count =
        socket.write_some(boost::asio::buffer(bytes.data(), bytes.size()), transfer.error);
    return transfer;
  }
  return outcome_of(tls_->write(bytes), TlsStream::Outcome::kWantsWrite);
}

Transport::Transfer Transport::outcome_of(const TlsStream::Transfer& transfer,
                                          TlsStream::Outcome waits) {
  Transfer result;
  result.count = transfer.count;
  switch (transfer.outcome) {
    case TlsStream::Outcome::kDone:
      break;
    case TlsStream::Outcome::kWantsRead:
    case TlsStream::Outcome::kWantsWrite:
      result.error = boost::asio::error::would_block;
      result.wants_write = transfer.outcome == TlsStream::Outcome::kWantsWrite &&
                           waits == TlsStream::Outcome::kWantsRead;
      break;
    case TlsStream::Outcome::kClosed:
      result.error = boost::asio::error::eof;
      break;
    case TlsStream::Outcome::kFailed:
      if (!tls_->has_received()) {  // A port that is only looked at, as by a health check.
        result.error = boost::asio::error::eof;
        break;
      }
      if (!tls_->is_shaken()) tls_context_->count_handshake_failure(tls_->failure().reason);
      result.failure =
          Error{tls_->failure().reason == "closed" ? ErrorCode::kClosed : ErrorCode::kInvalidData,
                tls_->failure().message};
      break;
  }
  return result;
}

void Transport::end_sending(Socket& socket) {
  if (tls_) tls_->say_end();
  boost::system::error_code ignored;  // A peer that is gone needs no goodbye.
  socket.shutdown(Socket::shutdown_send, ignored);
}

}  // namespace millrace::net::rtmp
