#include "net/rtmp/tcp_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>

#include "base/check.h"

namespace millrace::net::rtmp {
namespace {

std::string endpoint_text(const std::string& address, bool is_ipv6, std::uint16_t port) {
  return is_ipv6 ? fmt::format("[{}]:{}", address, port) : fmt::format("{}:{}", address, port);
}

}  // namespace

TcpConnection::TcpConnection(ServerLoop& loop, int descriptor, Protocol protocol,
                             std::string address, std::uint16_t port)
    : loop_(&loop),
      context_(loop.shared_context()),
      protocol_(protocol),
      address_(std::move(address)),
      remote_address_(endpoint_text(address_, protocol == Protocol::v6(), port)),
      session_({.max_message_bytes = context_->options.max_message_bytes}, *this),
      accepted_at_(context_->clock.steady_now()),
      unpublished_since_(accepted_at_),
      received_at_(accepted_at_),
      received_bytes_(context_->received_bytes) {
  transport_.emplace(context_->options.tls, descriptor);
  adopt(descriptor);
  events_ = context_->handler(*this);
}

TcpConnection::~TcpConnection() {
  if (moving_descriptor_ >= 0) ::close(moving_descriptor_);
  // Not closed, then its loop has ended before it; the metrics may be gone as well.
  if (phase_ != Phase::kClosed) context_->limits.remove(address_);
}

void TcpConnection::adopt(int descriptor) {
  boost::system::error_code error;
  socket_.emplace(loop_->event_loop().context());
  socket_->assign(protocol_, descriptor, error);
  if (error) {
    // Out of memory for the epoll set. The first read finds a closed socket and ends it.
    ::close(descriptor);
    return;
  }
  // Set through Asio, so that it does not ask the kernel again with every wait.
  socket_->non_blocking(true, error);
  socket_->set_option(Protocol::no_delay(true), error);
}

void TcpConnection::start() {
  arm_timer();
  wait_readable();
}

void TcpConnection::move_to(EventLoop& target, std::function<void()> then) {
  thread_.check();
  CHECK(!is_receiving_);
  CHECK(session_.state() == ServerSession::State::kAwaitingAdmission || !is_open());
  if (!is_open()) return;
  if (&target == &loop_->event_loop()) {
    then();
    return;
  }
  const auto self = shared_from_this();
  const auto destination = context_->find_loop(target);
  if (!destination) {  // The server is being destroyed.
    stop();
    return;
  }
  boost::system::error_code error;
  ++generation_;
  timer_.reset();
  moving_descriptor_ = socket_->release(error);
  socket_.reset();
  is_waiting_readable_ = is_waiting_writable_ = false;
  if (error) moving_descriptor_ = -1;  // Never on Linux; the new loop finds nothing to adopt.
  loop_->remove(*this);
  thread_.detach();
  loop_ = destination.get();
  // The task owns the connection: should the loop never run it, both go, and the descriptor.
  target.post([self, destination, then = std::move(then)] { self->arrive(then); });
}

void TcpConnection::arrive(const std::function<void()>& then) {
  thread_.check();
  adopt(std::exchange(moving_descriptor_, -1));
  loop_->add(shared_from_this());
  if (loop_->is_stopped()) {
    stop();
    return;
  }
  arm_timer();
  flush();
  if (is_open()) then();
}

void TcpConnection::wait_readable() {
  if (is_waiting_readable_ || !socket_) return;
  is_waiting_readable_ = true;
  if (transport_->has_more()) {
    loop().post([weak = weak_from_this(), generation = generation_] {
      const auto self = weak.lock();
      if (self && self->generation_ == generation) self->on_readable();
    });
    return;
  }
  socket_->async_wait(
      Protocol::socket::wait_read,
      [weak = weak_from_this(), generation = generation_](const boost::system::error_code&) {
        // An error shows again in the read.
        const auto self = weak.lock();
        if (self && self->generation_ == generation) self->on_readable();
      });
}

void TcpConnection::on_readable() {
  thread_.check();
  is_waiting_readable_ = false;
  if (phase_ == Phase::kEnding || phase_ == Phase::kClosed) return;
  // One read per wake-up: what is left wakes it up again, and other connections have their turn.
  const auto scratch = loop_->scratch();
  const auto read = transport_->read(*socket_, scratch);
  if (read.failure) {
    on_failure(*read.failure);
  } else if (read.wants_write) {
    reads_when_writable_ = true;
    wait_writable();
  } else if (read.error == boost::asio::error::would_block ||
             read.error == boost::asio::error::interrupted) {
    wait_readable();
  } else if (read.error) {
    on_peer_closed(read.error);
  } else if (phase_ == Phase::kLingering) {
    wait_readable();
  } else {
    on_received(scratch.first(read.count));
  }
}

void TcpConnection::on_failure(const Error& failure) {
  if (is_open()) report(failure);
  if (phase_ == Phase::kEnding) report_ending();
  close();
}

void TcpConnection::on_received(std::span<const std::uint8_t> bytes) {
  received_at_ = context_->clock.steady_now();
  has_received_ = true;
  received_bytes_.increment(static_cast<double>(bytes.size()));
  is_receiving_ = true;
  const auto status = session_.receive(bytes, received_at_);
  is_receiving_ = false;
  if (phase_ == Phase::kHandshake && session_.state() != ServerSession::State::kHandshake) {
    phase_ = Phase::kUnpublished;
    arm_timer();
  }
  after_input(status);
}

void TcpConnection::after_input(const Status& status) {
  if (is_open() && !status.has_value()) {
    const auto& error = status.error();
    if (phase_ == Phase::kHandshake) {  // Not RTMP: there is nothing it would understand.
      report(error);
      close();
      return;
    }
    end("NetStream.Publish.Rejected", error.message, error);
    return;
  }
  flush();
  if (is_open() && session_.wants_input()) wait_readable();
}

void TcpConnection::on_peer_closed(const boost::system::error_code& error) {
  if (phase_ == Phase::kHandshake && has_received_) {
    report(Error{ErrorCode::kClosed, "closed during the handshake"});
  } else if (phase_ == Phase::kPublishing) {
    report(Error{ErrorCode::kClosed,
                 fmt::format("connection lost{} ({})",
                             session_.is_mid_message() ? " in the middle of a message" : "",
                             error.message())});
  } else if (phase_ == Phase::kEnding) {
    report_ending();
  } else if (phase_ != Phase::kLingering) {
    report(ok());
  }
  close();
}

void TcpConnection::on_publish(const PublishCommand& command) {
  events_->on_publish(command);
}

Status TcpConnection::on_media(MediaMessage message) {
  if (phase_ != Phase::kPublishing) return ok();  // Ended from inside an earlier call.
  return events_->on_media(std::move(message));
}

void TcpConnection::on_unpublish() {
  if (phase_ != Phase::kPublishing) return;
  phase_ = Phase::kUnpublished;
  unpublished_since_ = context_->clock.steady_now();
  arm_timer();
  events_->on_unpublish();
}

void TcpConnection::accept_publish() {
  thread_.check();
  if (!is_open()) return;
  phase_ = Phase::kPublishing;
  received_at_ = context_->clock.steady_now();
  arm_timer();
  after_input(session_.accept_publish());
}

void TcpConnection::refuse_publish(std::string_view code, std::string_view description, Error why) {
  thread_.check();
  if (!is_open()) return;
  session_.refuse_publish(code, description);
  begin_ending(std::move(why));
}

void TcpConnection::end(std::string_view code, std::string_view description, Error why) {
  thread_.check();
  if (!is_open()) return;
  session_.end(code, description);
  begin_ending(std::move(why));
}

void TcpConnection::begin_ending(Error why) {
  phase_ = Phase::kEnding;
  why_ = std::move(why);
  ending_since_ = context_->clock.steady_now();
  arm_timer();
  loop().post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->finish_ending();
  });
}

void TcpConnection::finish_ending() {
  thread_.check();
  if (phase_ != Phase::kEnding) return;
  report_ending();
  flush();
}

void TcpConnection::report_ending() {
  // What our own side closes is no fault.
  report(*why_, why_->code == ErrorCode::kClosed ? Fault::kNo : Fault::kYes);
}

void TcpConnection::stop() {
  thread_.check();
  const auto self = shared_from_this();
  if (is_open()) report(Error{ErrorCode::kClosed, "the server stops"}, Fault::kNo);
  if (phase_ == Phase::kEnding) report_ending();
  close();
}

void TcpConnection::report(const Status& how, Fault fault) {
  if (std::exchange(is_reported_, true)) return;
  std::string why = "peer";
  if (!how.has_value()) {
    const bool is_fault = fault == Fault::kYes;
    why = is_fault ? std::string(to_string(how.error().code)) : "stopped";
    if (is_fault) context_->metrics.count_error("rtmp", how.error().code);
  }
  context_->count_closed(why);
  events_->on_closed(how);
}

void TcpConnection::close() {
  if (phase_ == Phase::kClosed) return;
  const auto self = shared_from_this();
  phase_ = Phase::kClosed;
  ++generation_;
  timer_.reset();
  transport_.reset();
  socket_.reset();
  context_->limits.remove(address_);
  loop_->remove(*this);
}

void TcpConnection::flush() {
  if (!socket_) return;
  auto& output = session_.output();
  while (sent_ < output.size()) {
    const auto written = transport_->write(*socket_, std::span(output).subspan(sent_));
    sent_ += written.count;
    if (written.failure) {
      on_failure(*written.failure);
      return;
    }
    if (written.error == boost::asio::error::would_block) {
      // A peer that reads as fast as it asks would let what has left grow for ever.
      output.erase(output.begin(), output.begin() + static_cast<std::ptrdiff_t>(sent_));
      sent_ = 0;
      if (output.size() > context_->options.max_output_bytes) {
        report(Error{ErrorCode::kLimitExceeded, "the peer does not read our answers"});
        close();
      } else {
        wait_writable();
      }
      return;
    }
    if (written.error) {
      on_peer_closed(written.error);
      return;
    }
  }
  output.clear();
  sent_ = 0;
  if (phase_ == Phase::kEnding && is_reported_) {
    transport_->end_sending(*socket_);
    phase_ = Phase::kLingering;
    wait_readable();
  }
}

void TcpConnection::wait_writable() {
  if (is_waiting_writable_) return;
  is_waiting_writable_ = true;
  socket_->async_wait(
      Protocol::socket::wait_write,
      [weak = weak_from_this(), generation = generation_](const boost::system::error_code&) {
        const auto self = weak.lock();
        if (!self || self->generation_ != generation) return;
        self->is_waiting_writable_ = false;
        self->flush();
        if (std::exchange(self->reads_when_writable_, false)) self->on_readable();
      });
}

std::chrono::steady_clock::time_point TcpConnection::deadline() const {
  const auto& options = context_->options;
  switch (phase_) {
    case Phase::kHandshake:
      return accepted_at_ + options.handshake_timeout;
    case Phase::kUnpublished:
      return unpublished_since_ + options.publish_timeout;
    case Phase::kPublishing:
      return received_at_ + options.idle_timeout;
    case Phase::kEnding:
    case Phase::kLingering:
    case Phase::kClosed:
      return ending_since_ + options.linger_timeout;
  }
  return {};
}

void TcpConnection::arm_timer() {
  if (!timer_) timer_ = std::make_unique<Timer>(loop());
  timer_->start(deadline() - context_->clock.steady_now(), [this] { on_deadline(); });
}

void TcpConnection::on_deadline() {
  thread_.check();
  const auto self = shared_from_this();
  if (context_->clock.steady_now() < deadline()) {
    arm_timer();  // A publisher has sent something meanwhile: no timer is touched per packet.
    return;
  }
  if (phase_ == Phase::kHandshake) {
    report(Error{ErrorCode::kTimedOut, "the handshake took too long"});
    close();
  } else if (phase_ == Phase::kUnpublished) {
    end("NetStream.Publish.Rejected", "No stream was published in time.",
        Error{ErrorCode::kTimedOut, "no publish in time"});
  } else if (phase_ == Phase::kPublishing) {
    end("NetStream.Publish.Rejected", "Nothing was received for too long.",
        Error{ErrorCode::kTimedOut, "nothing received for too long"});
  } else {
    close();
  }
}

}  // namespace millrace::net::rtmp
