#pragma once
// The HttpExchange that handlers hold, of any protocol version. Private to net/.
//
// Thread: its loop; letting go of it is allowed anywhere.
#include <functional>
#include <memory>

#include "net/http_server.h"

namespace millrace::net {

/// Where an answer goes: an HTTP/1 session, one stream of an HTTP/2 session.
class HttpAnswerTaker {
 public:
  virtual void take_answer(HttpResponse response) = 0;

 protected:
  ~HttpAnswerTaker() = default;
};

class PendingExchange final : public HttpExchange {
 public:
  PendingExchange(HttpRequest request, EventLoop& loop, std::weak_ptr<HttpAnswerTaker> taker);
  /// Without an answer by now: sends 500.
  ~PendingExchange() override;

  const HttpRequest& request() const override { return request_; }
  EventLoop& loop() override { return loop_; }
  void respond(HttpResponse response) override;
  void on_abort(std::function<void()> task) override;

  /// The client has gone: runs the task. Unless answered.
  void abort();
  /// The server goes: respond() is moot, the task is dropped and never runs.
  void detach();

 private:
  enum class State { kWaiting, kAnswered, kAborted };

  HttpRequest request_;
  EventLoop& loop_;
  std::weak_ptr<HttpAnswerTaker> taker_;
  std::function<void()> on_abort_;
  bool has_responded_ = false;
  State state_ = State::kWaiting;
};

}  // namespace millrace::net
