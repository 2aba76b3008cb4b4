#include "net/http_exchange.h"

#include <utility>

#include "base/check.h"

namespace millrace::net {
namespace {

HttpResponse unanswered() {
  return {.status = 500,
          .kind = "error",
          .headers = {{"Content-Type", "text/plain"}, {"Cache-Control", "no-store"}},
          .body = {Bytes::copy_of("internal error\n")}};
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return {};
}

PendingExchange::PendingExchange(HttpRequest request, EventLoop& loop,
                                 std::weak_ptr<HttpAnswerTaker> taker)
    : request_(std::move(request)), loop_(loop), taker_(std::move(taker)) {}

PendingExchange::~PendingExchange() {
  if (state_ != State::kWaiting) return;
  if (!loop_.is_current()) {  // Dropped elsewhere, where the connection must not be touched.
    loop_.post([taker = taker_] {
      if (const auto session = taker.lock()) session->take_answer(unanswered());
    });
  } else if (const auto session = taker_.lock()) {
    session->take_answer(unanswered());
  }
}

void PendingExchange::respond(HttpResponse response) {
  CHECK(!std::exchange(has_responded_, true));
  if (state_ == State::kAborted) return;
  state_ = State::kAnswered;
  const auto moot = std::exchange(on_abort_, nullptr);  // What it holds goes when we return.
  if (const auto session = taker_.lock()) session->take_answer(std::move(response));
}

void PendingExchange::on_abort(std::function<void()> task) {
  if (state_ == State::kWaiting) on_abort_ = std::move(task);
  if (state_ == State::kAborted && task) loop_.post(std::move(task));
}

void PendingExchange::abort() {
  if (state_ != State::kWaiting) return;
  state_ = State::kAborted;
  if (const auto task = std::exchange(on_abort_, nullptr)) task();
}

void PendingExchange::detach() {
  if (state_ != State::kWaiting) return;
  state_ = State::kAborted;
  const auto dropped = std::exchange(on_abort_, nullptr);
}

}  // namespace millrace::net
