#include "net/http_connection.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/check.h"
#include "net/http_loop.h"

namespace millrace::net {
namespace {

using boost::system::error_code;

// As many as Asio hands to one sendmsg().
constexpr std::size_t kMaxPieces = 64;
// Less than this taken by the client within a write timeout is no progress: 13 kbit/s by default,
// less than any stream's audio.
constexpr int kMinProgressBytes = 16 * 1024;
// What a client that was told to go may still send while it has not read so.
constexpr std::size_t kMaxDroppedBytes = 1024 * 1024;

}  // namespace

std::string_view to_string(HttpCloseReason reason) {
  switch (reason) {
    case HttpCloseReason::kClient:
      return "client";
    case HttpCloseReason::kFinished:
      return "finished";
    case HttpCloseReason::kAborted:
      return "aborted";
    case HttpCloseReason::kIdle:
      return "idle";
    case HttpCloseReason::kHeaderTimeout:
      return "header_timeout";
    case HttpCloseReason::kSlow:
      return "slow";
    case HttpCloseReason::kRefused:
      return "refused";
    case HttpCloseReason::kTooMany:
      return "too_many";
  }
  return "unknown";
}

HttpConnection::HttpConnection(HttpLoop& loop, Socket socket, std::string remote_address,
                               std::string address)
    : loop_(loop),
      socket_(std::move(socket)),
      remote_address_(std::move(remote_address)),
      address_(std::move(address)) {}

void HttpConnection::start(std::unique_ptr<HttpProtocol> protocol,
                           std::list<HttpWaiting>::iterator place) {
  protocol_ = std::move(protocol);
  place_ = place;
  error_code error;
  socket_.non_blocking(true, error);
  // A part leaves when it is published, not when the one before was acknowledged.
  socket_.set_option(boost::asio::ip::tcp::no_delay(true), error);
  expect(HttpDeadline::kRequest);
  resume_reading();
}

void HttpConnection::expect(HttpDeadline deadline) {
  if (phase_ == Phase::kOpen) loop_.wait(place_, deadline);
}

void HttpConnection::resume_reading() {
  if (phase_ == Phase::kClosed || is_waiting_readable_ || has_input_ended_) return;
  if (phase_ == Phase::kOpen && protocol_->wanted_bytes() == 0) return;
  is_waiting_readable_ = true;
  // No buffer while it waits: what arrives is read into the loop's.
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const error_code& error) {
    self->is_waiting_readable_ = false;
    if (error || self->phase_ == Phase::kClosed) return;
    if (self->phase_ == Phase::kLingering)
      self->linger_on();
    else
      self->on_readable();
    self->resume_reading();
  });
}

void HttpConnection::on_readable() {
  const auto scratch = loop_.scratch();
  const std::size_t size = std::min(scratch.size(), protocol_->wanted_bytes());
  if (size == 0) return;
  error_code error;
  const std::size_t received = socket_.read_some(boost::asio::buffer(scratch.data(), size), error);
  if (error == boost::asio::error::would_block) return;
  if (!error) return protocol_->on_input({scratch.data(), received});
  has_input_ended_ = true;
  protocol_->on_input_end();
  if (error != boost::asio::error::eof) close(HttpCloseReason::kAborted);
}

bool HttpConnection::send(std::string head, std::vector<Bytes> body) {
  CHECK(head_.empty() && body_.empty());
  if (phase_ != Phase::kOpen) return false;
  head_ = std::move(head);
  body_ = std::move(body);
  switch (flush()) {
    case Flush::kDone:
      return true;
    case Flush::kFailed:
      close(HttpCloseReason::kAborted);
      return false;
    case Flush::kBlocked:
      break;
  }
  unsent_ = unsent_bytes();
  loop_.wait(place_, HttpDeadline::kWrite);
  wait_writable();
  return false;
}

HttpConnection::Flush HttpConnection::flush() {
  while (piece_ <= body_.size()) {
    std::array<boost::asio::const_buffer, kMaxPieces> pieces;
    std::size_t count = 0;
    for (std::size_t i = piece_; i <= body_.size() && count < kMaxPieces; ++i) {
      const auto whole = i == 0
                             ? boost::asio::const_buffer(head_.data(), head_.size())
                             : boost::asio::const_buffer(body_[i - 1].data(), body_[i - 1].size());
      pieces[count++] = i == piece_ ? whole + offset_ : whole;
    }
    error_code error;
    std::size_t sent = socket_.write_some(std::span(pieces.data(), count), error);
    if (error == boost::asio::error::would_block) return Flush::kBlocked;
    if (error) return Flush::kFailed;
    loop_.count_sent(sent);
    for (std::size_t i = 0; i < count; ++i) {
      if (sent < pieces[i].size()) {
        offset_ = (i == 0 ? offset_ : 0) + sent;
        piece_ += i;
        break;
      }
      sent -= pieces[i].size();
      if (i + 1 == count) {
        piece_ += count;
        offset_ = 0;
      }
    }
  }
  head_.clear();
  body_.clear();
  piece_ = 0;
  offset_ = 0;
  return Flush::kDone;
}

void HttpConnection::wait_writable() {
  socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const error_code& error) {
    if (!error && self->phase_ == Phase::kOpen) self->on_writable();
  });
}

void HttpConnection::on_writable() {
  switch (flush()) {
    case Flush::kDone:
      protocol_->on_sent();
      return;
    case Flush::kFailed:
      close(HttpCloseReason::kAborted);
      return;
    case Flush::kBlocked:
      unsent_ = unsent_bytes();
      loop_.wait(place_, HttpDeadline::kWrite);
      wait_writable();
  }
}

// What the kernel still has to bring to the client.
int HttpConnection::unsent_bytes() {
  int unsent = 0;
  ::ioctl(socket_.native_handle(), SIOCOUTQ, &unsent);
  return unsent;
}

void HttpConnection::finish(HttpCloseReason reason) {
  if (phase_ != Phase::kOpen) return;
  if (has_input_ended_) return close(reason);
  // Closing with bytes of the client's unread would reset the connection, and the client might
  // lose our answer (RFC 9112 9.6): first our end, then wait for its.
  error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error) return close(reason);
  reason_ = reason;
  phase_ = Phase::kLingering;
  loop_.wait(place_, HttpDeadline::kLinger);
  resume_reading();
}

void HttpConnection::linger_on() {
  const auto scratch = loop_.scratch();
  error_code error;
  const auto received =
      socket_.read_some(boost::asio::buffer(scratch.data(), scratch.size()), error);
  if (error == boost::asio::error::would_block) return;
  dropped_bytes_ += received;
  if (error || dropped_bytes_ > kMaxDroppedBytes) close(reason_);
}

void HttpConnection::close(HttpCloseReason reason) {
  if (phase_ == Phase::kClosed) return;
  const auto self = shared_from_this();  // The loop's reference goes.
  phase_ = Phase::kClosed;
  error_code error;
  // What a slow client has not taken by now is not to stay in the kernel.
  if (reason == HttpCloseReason::kSlow)
    socket_.set_option(boost::asio::socket_base::linger(true, 0), error);
  socket_.close(error);
  loop_.remove(place_, address_, reason);
  protocol_->on_closed();
  head_.clear();
  body_.clear();
}

void HttpConnection::on_deadline(HttpDeadline deadline) {
  if (deadline == HttpDeadline::kLinger) return close(reason_);
  if (deadline != HttpDeadline::kWrite) return protocol_->on_deadline();
  const int unsent = unsent_bytes();
  if (unsent_ - unsent >= kMinProgressBytes) {
    unsent_ = unsent;
    loop_.wait(place_, HttpDeadline::kWrite);
    return;
  }
  loop_.report(HttpCloseReason::kSlow, remote_address_, "a client that takes too little is closed");
  close(HttpCloseReason::kSlow);
}

void HttpConnection::on_stopping() {
  if (phase_ == Phase::kOpen) protocol_->on_stopping();
}

void HttpConnection::destroy() {
  phase_ = Phase::kClosed;
  error_code error;
  socket_.close(error);
  protocol_->on_destroyed();
  head_.clear();
  body_.clear();
}

}  // namespace millrace::net
