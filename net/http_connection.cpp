#include "net/http_connection.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/check.h"
#include "net/forwarded_for.h"
#include "net/http2_session.h"
#include "net/http_loop.h"
#include "net/http_session.h"

namespace millrace::net {
namespace {

using boost::system::error_code;

// As many as Asio hands to one sendmsg().
constexpr std::size_t kMaxPieces = 64;
// What a client that was told to go may still send while it has not read so.
constexpr std::size_t kMaxDroppedBytes = 1024 * 1024;
// RFC 9113 3.4: what a client of HTTP/2 sends first.
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

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
    case HttpCloseReason::kTls:
      return "tls";
    case HttpCloseReason::kFlood:
      return "flood";
    case HttpCloseReason::kProxy:
      return "proxy";
  }
  return "unknown";
}

HttpConnection::HttpConnection(HttpLoop& loop, Socket socket, const HttpPort& port,
                               const Endpoint& remote)
    : loop_(loop),
      transport_(std::move(socket), port.tls),
      remote_(remote),
      remote_address_(to_text(remote)) {
  if (port.has_proxy_header) {
    proxy_header_ = std::make_unique<ProxyHeaderParser>();
    return;
  }
  address_ = limited_address(remote.address());
  is_trusted_proxy_ = loop.context().trusted_proxies.contain(remote.address());
}

void HttpConnection::start(std::list<HttpWaiting>::iterator place) {
  place_ = place;
  error_code error;
  transport_.socket().non_blocking(true, error);
  // A part leaves when it is published, not when the one before was acknowledged.
  transport_.socket().set_option(boost::asio::ip::tcp::no_delay(true), error);
  expect(HttpDeadline::kRequest);
  resume_reading();
}

void HttpConnection::expect(HttpDeadline deadline) {
  if (phase_ == Phase::kOpen) loop_.wait(place_, deadline);
}

void HttpConnection::resume_reading() {
  if (phase_ == Phase::kClosed || is_waiting_readable_ || has_input_ended_) return;
  if (phase_ == Phase::kOpen && protocol_ && protocol_->wanted_bytes() == 0) return;
  is_waiting_readable_ = true;
  if (phase_ == Phase::kOpen && transport_.has_more()) {
    loop_.event_loop().post([self = shared_from_this()] { self->on_ready_to_read(); });
    return;
  }
  // No buffer while it waits: what arrives is read into the loop's.
  transport_.socket().async_wait(
      std::exchange(reads_when_writable_, false) ? Socket::wait_write : Socket::wait_read,
      [self = shared_from_this()](const error_code& error) {
        if (!error) return self->on_ready_to_read();
        self->is_waiting_readable_ = false;
      });
}

void HttpConnection::on_ready_to_read() {
  is_waiting_readable_ = false;
  if (phase_ == Phase::kClosed) return;
  if (phase_ == Phase::kLingering)
    linger_on();
  else
    on_readable();
  resume_reading();
}

void HttpConnection::on_readable() {
  if (proxy_header_ && !read_proxy_header()) return;
  if (!transport_.is_shaken() && !shake_hands()) return;
  auto scratch = loop_.scratch();
  if (protocol_) scratch = scratch.first(std::min(scratch.size(), protocol_->wanted_bytes()));
  if (scratch.empty()) return;
  const auto received = transport_.read(scratch);
  reads_when_writable_ = received.wants_write;
  if (received.error == boost::asio::error::would_block) return;
  if (!received.error) {
    const std::string_view bytes(scratch.data(), received.count);
    return protocol_ ? protocol_->on_input(bytes) : recognise(bytes);
  }
  has_input_ended_ = true;
  if (!protocol_) begin_with_what_came();
  if (phase_ == Phase::kOpen) protocol_->on_input_end();
  if (received.error != boost::asio::error::eof) close(HttpCloseReason::kAborted);
}

// Whether it is complete and the connection still open.
bool HttpConnection::read_proxy_header() {
  const auto scratch = loop_.scratch();
  const auto room = boost::asio::buffer(scratch.data(), scratch.size());
  auto& socket = transport_.socket();
  error_code error;
  // What is behind the header is not ours to read: TLS reads from the socket itself.
  const auto count = socket.receive(room, Socket::message_peek, error);
  if (error == boost::asio::error::would_block) return false;
  if (error) {
    // A load balancer that looks whether the port is open sends nothing.
    if (proxy_header_->has_begun())
      refuse_proxy(ProxyRefusal::kCut);
    else
      close(HttpCloseReason::kClient);
    return false;
  }
  const auto progress = proxy_header_->parse({scratch.data(), count});
  if (progress.refusal) {
    refuse_proxy(*progress.refusal);
    return false;
  }
  const auto taken = socket.receive(boost::asio::buffer(scratch.data(), progress.used), 0, error);
  if (error || taken != progress.used) {
    refuse_proxy(ProxyRefusal::kCut);
    return false;
  }
  return progress.is_complete && become(proxy_header_->client().value_or(remote_));
}

// Who the client is is known. Whether the connection is still open.
bool HttpConnection::become(const Endpoint& remote) {
  proxy_header_.reset();
  remote_ = remote;
  remote_address_ = to_text(remote);
  auto address = limited_address(remote.address());
  if (!loop_.try_make_known(address, remote_address_)) {
    close(HttpCloseReason::kTooMany);
    return false;
  }
  address_ = std::move(address);
  is_trusted_proxy_ = loop_.context().trusted_proxies.contain(remote.address());
  expect(HttpDeadline::kRequest);
  return true;
}

void HttpConnection::refuse_proxy(ProxyRefusal refusal) {
  loop_.count_proxy_refusal(refusal, remote_address_);
  close(HttpCloseReason::kProxy);
}

std::string HttpConnection::forwarded_for(const HttpRequest& request) const {
  if (!is_trusted_proxy_) return {};
  return net::forwarded_for(request, loop_.context().trusted_proxies);
}

// Whether the handshake is over and the connection still open.
bool HttpConnection::shake_hands() {
  const auto shaken = transport_.shake_hands();
  reads_when_writable_ = shaken.wants_write;
  if (shaken.error == boost::asio::error::would_block) return false;
  if (shaken.error == boost::asio::error::eof) {
    close(HttpCloseReason::kClient);
    return false;
  }
  if (shaken.error) {
    loop_.report(HttpCloseReason::kTls, remote_address_, transport_.failure());
    close(HttpCloseReason::kTls);
    return false;
  }
  begin(transport_.has_agreed_on_http2() ? HttpVersion::kHttp2 : HttpVersion::kHttp1);
  return true;
}

// RFC 9113 3.3: a client may know without TLS that we speak HTTP/2.
void HttpConnection::recognise(std::string_view bytes) {
  if (!first_bytes_.empty()) bytes = first_bytes_.append(bytes);
  const auto size = std::min(bytes.size(), kPreface.size());
  const bool is_preface = bytes.substr(0, size) == kPreface.substr(0, size);
  if (is_preface && size < kPreface.size()) {
    if (first_bytes_.empty()) first_bytes_ = bytes;
    return;
  }
  begin(is_preface ? HttpVersion::kHttp2 : HttpVersion::kHttp1);
  protocol_->on_input(bytes);
  first_bytes_.clear();
}

// No more comes: it was a request that looked like HTTP/2 so far, or nothing at all.
void HttpConnection::begin_with_what_came() {
  begin(HttpVersion::kHttp1);
  if (!first_bytes_.empty()) protocol_->on_input(std::exchange(first_bytes_, {}));
}

void HttpConnection::begin(HttpVersion version) {
  version_ = version;
  loop_.count_version(version, transport_.is_tls(), 1);
  if (version == HttpVersion::kHttp2)
    protocol_ = std::make_unique<Http2Session>(*this, loop_);
  else
    protocol_ = std::make_unique<HttpSession>(*this, loop_);
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
    const auto written = transport_.write(std::span(pieces.data(), count), loop_.record());
    const auto error = written.error;
    std::size_t sent = written.count;
    if (error == boost::asio::error::would_block) return Flush::kBlocked;
    if (error) return Flush::kFailed;
    loop_.count_sent(sent);
    std::size_t left = 0;  // How many of them have left, whole.
    while (left < count && sent >= pieces[left].size()) sent -= pieces[left++].size();
    offset_ = (left == 0 ? offset_ : 0) + sent;
    for (const std::size_t end = piece_ + left; piece_ < end; ++piece_)
      if (piece_ > 0) body_[piece_ - 1] = {};  // The window may let it go.
  }
  head_.clear();
  body_.clear();
  piece_ = 0;
  offset_ = 0;
  return Flush::kDone;
}

void HttpConnection::wait_writable() {
  transport_.socket().async_wait(Socket::wait_write,
                                 [self = shared_from_this()](const error_code& error) {
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
  ::ioctl(transport_.socket().native_handle(), SIOCOUTQ, &unsent);
  return unsent;
}

void HttpConnection::finish(HttpCloseReason reason) {
  if (phase_ != Phase::kOpen) return;
  if (has_input_ended_) return close(reason);
  // Closing with bytes of the client's unread would reset the connection, and the client might
  // lose our answer (RFC 9112 9.6): first our end, then wait for its.
  error_code error;
  transport_.end_sending(error);
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
      transport_.socket().read_some(boost::asio::buffer(scratch.data(), scratch.size()), error);
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
    transport_.socket().set_option(boost::asio::socket_base::linger(true, 0), error);
  else if (reason != HttpCloseReason::kAborted)
    transport_.say_end();
  transport_.socket().close(error);
  loop_.remove(place_, address_, reason);
  if (protocol_) {
    loop_.count_version(version_, transport_.is_tls(), -1);
    protocol_->on_closed();
  }
  head_.clear();
  body_.clear();
}

void HttpConnection::on_deadline(HttpDeadline deadline) {
  if (deadline == HttpDeadline::kLinger) return close(reason_);
  if (proxy_header_) return refuse_proxy(ProxyRefusal::kTimedOut);
  if (!transport_.is_shaken()) {
    transport_.count_timeout();
    loop_.report(HttpCloseReason::kTls, remote_address_, "no TLS handshake in time");
    return close(HttpCloseReason::kTls);
  }
  if (!protocol_) begin_with_what_came();
  if (phase_ != Phase::kOpen) return;
  if (deadline != HttpDeadline::kWrite) return protocol_->on_deadline(deadline);
  const int unsent = unsent_bytes();
  if (unsent_ - unsent >= static_cast<int>(kMinProgressBytes)) {
    unsent_ = unsent;
    loop_.wait(place_, HttpDeadline::kWrite);
    return;
  }
  loop_.report(HttpCloseReason::kSlow, remote_address_, "a client that takes too little is closed");
  close(HttpCloseReason::kSlow);
}

void HttpConnection::on_stopping() {
  if (phase_ != Phase::kOpen) return;
  if (!protocol_) return finish(HttpCloseReason::kFinished);
  protocol_->on_stopping();
}

void HttpConnection::count_request(std::string_view kind, int status) {
  loop_.count_request(kind, status);
  loop_.count_version_request(version_, transport_.is_tls());
}

void HttpConnection::destroy() {
  phase_ = Phase::kClosed;
  error_code error;
  transport_.socket().close(error);
  if (protocol_) {
    loop_.count_version(version_, transport_.is_tls(), -1);
    protocol_->on_destroyed();
  }
  head_.clear();
  body_.clear();
}

}  // namespace millrace::net
