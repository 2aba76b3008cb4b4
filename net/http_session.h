#pragma once
// HTTP/1.1 and 1.0 on a connection: one request after the other, each answered before the next is
// parsed. Private to net/. Everything on the connection's loop.
#include <memory>
#include <string>
#include <string_view>

#include "net/http_connection.h"
#include "net/http_exchange.h"
#include "net/http_request_parser.h"
#include "net/http_response_head.h"

namespace millrace::net {

class HttpLoop;

class HttpSession final : public HttpProtocol, private HttpAnswerTaker {
 public:
  /// `connection` owns it; `loop` owns the connection.
  HttpSession(HttpConnection& connection, HttpLoop& loop);

  std::size_t wanted_bytes() const override;
  void on_input(std::string_view bytes) override;
  void on_input_end() override;
  void on_sent() override;
  void on_deadline(HttpDeadline deadline) override;
  void on_stopping() override;
  void on_closed() override;
  void on_destroyed() override;

 private:
  void take_answer(HttpResponse response) override;

  bool is_between_requests() const;
  bool may_parse() const;
  std::string_view process(std::string_view input);
  void process_pending();
  void process_later();
  void dispatch();
  void refuse(int status, HttpCloseReason reason);
  void send(std::string head, std::vector<Bytes> body);
  void go_on();

  HttpConnection& connection_;
  HttpLoop& loop_;
  HttpRequestParser parser_;
  std::string pending_;  // Received and not parsed yet.
  std::weak_ptr<PendingExchange> exchange_;
  HttpMethod method_ = HttpMethod::kGet;  // Of the exchange.
  HttpPersistence persistence_ = HttpPersistence::kKeep;
  bool has_exchange_ = false;
  bool is_sending_ = false;
  bool is_processing_ = false;
  bool is_processing_later_ = false;
  bool is_ending_ = false;  // After what is being sent.
  bool has_started_request_ = false;
  HttpCloseReason reason_ = HttpCloseReason::kFinished;  // Of the ending.
};

}  // namespace millrace::net
