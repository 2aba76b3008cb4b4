#include "net/http_transport.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <cstring>
#include <string>

namespace millrace::net {
namespace {

using boost::asio::const_buffer;
using boost::system::error_code;
using Outcome = TlsStream::Outcome;

// RFC 7301 6: "h2" before all, and what HTTP/1 is called.
constexpr std::string_view kProtocols = "\x02h2\x08http/1.1\x08http/1.0";

error_code error_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return {};
    case Outcome::kWantsRead:
    case Outcome::kWantsWrite:
      return boost::asio::error::would_block;
    case Outcome::kClosed:
      return boost::asio::error::eof;
    case Outcome::kFailed:
      break;
  }
  return boost::asio::error::connection_aborted;
}

std::span<const std::uint8_t> bytes_of(const const_buffer& piece) {
  return {static_cast<const std::uint8_t*>(piece.data()), piece.size()};
}

}  // namespace

HttpTransport::HttpTransport(Socket socket, TlsContext* tls)
    : socket_(std::move(socket)), tls_context_(tls) {
  if (!tls) return;
  tls_ = std::make_unique<TlsStream>(tls->current(), socket_.native_handle());
  tls_->offer(kProtocols);
}

HttpTransport::Transfer HttpTransport::shake_hands() {
  const auto outcome = tls_->handshake();
  is_shaken_ = outcome == Outcome::kDone;
  Transfer transfer{.error = error_of(outcome), .wants_write = outcome == Outcome::kWantsWrite};
  if (outcome != Outcome::kFailed) return transfer;
  if (tls_->has_received())
    tls_context_->count_handshake_failure(tls_->failure().reason);
  else
    transfer.error = boost::asio::error::eof;
  return transfer;
}

HttpTransport::Transfer HttpTransport::read(std::span<char> bytes) {
  Transfer transfer;
  if (!tls_) {
    transfer.count =
        socket_.read_some(boost::asio::buffer(bytes.data(), bytes.size()), transfer.error);
    return transfer;
  }
  const auto read = tls_->read({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  return {read.count, error_of(read.outcome), read.outcome == Outcome::kWantsWrite};
}

HttpTransport::Transfer HttpTransport::write(std::span<const const_buffer> pieces,
                                             std::span<char> record) {
  Transfer transfer;
  if (!tls_) {
    transfer.count = socket_.write_some(pieces, transfer.error);
    return transfer;
  }
  std::size_t offset = 0;  // Of the first piece, sent already.
  while (!pieces.empty()) {
    if (offset == pieces.front().size()) {
      pieces = pieces.subspan(1);
      offset = 0;
      continue;
    }
    const auto written = write_record(pieces, offset, record);
    if (written.error) {
      // What has left counts; the next write meets the rest again.
      if (transfer.count == 0) transfer.error = written.error;
      return transfer;
    }
    transfer.count += written.count;
    offset += written.count;
    while (!pieces.empty() && offset >= pieces.front().size()) {
      offset -= pieces.front().size();
      pieces = pieces.subspan(1);
    }
  }
  return transfer;
}

// A frame's head in a record of its own would be a system call and a packet of its own.
HttpTransport::Transfer HttpTransport::write_record(std::span<const const_buffer> pieces,
                                                    std::size_t offset, std::span<char> record) {
  auto bytes = bytes_of(pieces.front()).subspan(offset);
  if (bytes.size() < record.size() && pieces.size() > 1) {
    std::size_t size = 0;
    for (const auto& piece : pieces) {
      const auto rest = bytes_of(piece).subspan(&piece == &pieces.front() ? offset : 0);
      const auto count = std::min(rest.size(), record.size() - size);
      if (count > 0) std::memcpy(record.data() + size, rest.data(), count);
      size += count;
    }
    bytes = {reinterpret_cast<const std::uint8_t*>(record.data()), size};
  }
  const auto written = tls_->write(bytes);
  // Without renegotiation a write never waits for the client.
  if (written.outcome == Outcome::kWantsRead)
    return {.error = boost::asio::error::connection_aborted};
  return {written.count, error_of(written.outcome)};
}

void HttpTransport::say_end() {
  if (tls_ && is_shaken_) tls_->say_end();
}

void HttpTransport::end_sending(error_code& error) {
  say_end();
  socket_.shutdown(Socket::shutdown_send, error);
}

}  // namespace millrace::net
