#include "net/http_session.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "net/http_loop.h"
#include "net/http_refusal.h"

namespace millrace::net {
namespace {

// Of a client that sends its next requests before the answer: read ahead so far and no further.
constexpr std::size_t kMaxReadAhead = 8 * 1024;
// Answered in one go; then the loop's other connections have their turn.
constexpr int kMaxRequestsInOneGo = 32;

}  // namespace

HttpSession::HttpSession(HttpConnection& connection, HttpLoop& loop)
    : connection_(connection),
      loop_(loop),
      parser_({.max_header_bytes = loop.context().options.max_header_bytes,
               .max_body_bytes = loop.context().options.max_body_bytes}) {}

bool HttpSession::may_parse() const {
  return connection_.is_open() && !has_exchange_ && !is_sending_ && !is_ending_;
}

bool HttpSession::is_between_requests() const {
  return !has_exchange_ && !is_sending_ && pending_.empty() && !parser_.is_inside_request();
}

std::size_t HttpSession::wanted_bytes() const {
  if (is_processing_later_) return 0;
  if (may_parse()) return std::numeric_limits<std::size_t>::max();
  // Also while an answer is held: this is how a client's end is noticed.
  return pending_.size() < kMaxReadAhead ? kMaxReadAhead - pending_.size() : 0;
}

void HttpSession::on_input(std::string_view bytes) {
  if (is_ending_) return;
  if (pending_.empty()) {
    pending_ = process(bytes);
  } else {
    pending_.append(bytes);
    if (may_parse()) process_pending();
  }
  go_on();
}

void HttpSession::process_pending() {
  const std::string input = std::exchange(pending_, {});
  pending_ = process(input);
}

std::string_view HttpSession::process(std::string_view input) {
  is_processing_ = true;
  for (int requests = 0; may_parse() && !input.empty(); ++requests) {
    if (requests == kMaxRequestsInOneGo) {
      process_later();
      break;
    }
    const auto progress = parser_.parse(input);
    input.remove_prefix(progress.used);
    if (progress.refusal != 0) {
      refuse(progress.refusal, HttpCloseReason::kRefused);
    } else if (progress.is_complete) {
      dispatch();
    } else {
      if (parser_.take_expectation()) send("HTTP/1.1 100 Continue\r\n\r\n", {});
      break;
    }
  }
  is_processing_ = false;
  return is_ending_ ? std::string_view() : input;
}

void HttpSession::process_later() {
  if (std::exchange(is_processing_later_, true)) return;
  loop_.event_loop().post([this, weak = connection_.weak_from_this()] {
    const auto connection = weak.lock();
    if (!connection) return;
    is_processing_later_ = false;
    if (may_parse()) process_pending();
    go_on();
  });
}

void HttpSession::dispatch() {
  auto parsed = parser_.take();
  parsed.request.remote_address = connection_.forwarded_for(parsed.request);
  if (parsed.request.remote_address.empty())
    parsed.request.remote_address = connection_.remote_address();
  method_ = parsed.request.method;
  persistence_ = !parsed.keeps_alive  ? HttpPersistence::kCloseAfterwards
                 : parsed.is_http_1_0 ? HttpPersistence::kKeepAsked
                                      : HttpPersistence::kKeep;
  has_started_request_ = false;
  has_exchange_ = true;
  connection_.expect(HttpDeadline::kNone);  // It may be held as long as the handler likes.
  auto exchange = std::make_shared<PendingExchange>(
      std::move(parsed.request), loop_.event_loop(),
      std::shared_ptr<HttpAnswerTaker>(connection_.shared_from_this(), this));
  exchange_ = exchange;
  loop_.context().handler(std::move(exchange));
}

void HttpSession::take_answer(HttpResponse response) {
  if (!connection_.is_open()) return;
  has_exchange_ = false;
  exchange_.reset();
  if (loop_.is_stopping()) persistence_ = HttpPersistence::kCloseAfterwards;
  is_ending_ = persistence_ == HttpPersistence::kCloseAfterwards;
  connection_.count_request(response.kind, response.status);
  auto head = format_http_head(response, persistence_, loop_.date());
  // RFC 9110 9.3.2: HEAD is GET without the content.
  if (method_ == HttpMethod::kHead || is_bodiless(response.status)) response.body.clear();
  send(std::move(head), std::move(response.body));
}

void HttpSession::refuse(int status, HttpCloseReason reason) {
  loop_.context().metrics.count_error("http", refusal_error(status));
  loop_.report(reason, connection_.remote_address(),
               fmt::format("request refused status={}", status));
  connection_.count_request("error", status);
  is_ending_ = true;
  reason_ = reason;
  const auto response = refusal_response(status);
  auto head = format_http_head(response, HttpPersistence::kCloseAfterwards, loop_.date());
  send(std::move(head), response.body);
}

void HttpSession::send(std::string head, std::vector<Bytes> body) {
  is_sending_ = true;
  if (connection_.send(std::move(head), std::move(body))) on_sent();
  has_started_request_ &= !is_sending_;  // A blocked answer has the write timeout in its place.
}

void HttpSession::on_sent() {
  is_sending_ = false;
  if (is_ending_) return connection_.finish(reason_);
  if (is_processing_) return;  // Which goes on by itself.
  // Not here: respond() is on the stack, and the next request would reach the handler inside it.
  if (!pending_.empty()) process_later();
  go_on();
}

// What to wait for next.
void HttpSession::go_on() {
  if (!connection_.is_open() || is_ending_) return;
  if (is_between_requests()) {
    // An answer that was on its way when the server began to stop says nothing of an end.
    if (loop_.is_stopping()) return connection_.finish(HttpCloseReason::kFinished);
    has_started_request_ = false;
    connection_.expect(HttpDeadline::kIdle);
  } else if (!has_exchange_ && !is_sending_ && !std::exchange(has_started_request_, true)) {
    connection_.expect(HttpDeadline::kRequest);
  }
  connection_.resume_reading();
}

void HttpSession::on_input_end() {
  if (is_sending_) {  // Its end may be half a close: let it have the rest.
    is_ending_ = true;
    return;
  }
  connection_.close(is_between_requests() ? HttpCloseReason::kClient : HttpCloseReason::kAborted);
}

void HttpSession::on_deadline(HttpDeadline /*deadline*/) {
  if (is_between_requests())
    connection_.close(HttpCloseReason::kIdle);
  else
    refuse(408, HttpCloseReason::kHeaderTimeout);
}

void HttpSession::on_stopping() {
  if (is_between_requests()) connection_.finish(HttpCloseReason::kFinished);
}

void HttpSession::on_closed() {
  has_exchange_ = false;
  if (const auto exchange = exchange_.lock()) exchange->abort();
}

void HttpSession::on_destroyed() {
  if (const auto exchange = exchange_.lock()) exchange->detach();
}

}  // namespace millrace::net
