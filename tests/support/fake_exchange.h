#pragma once
// A request whose answer is kept, and a client that may go.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "net/http_server.h"

namespace millrace::test {

struct FakeExchange final : net::HttpExchange {
  explicit FakeExchange(net::EventLoop& its_loop) : on(its_loop) {}
  const net::HttpRequest& request() const override { return asked; }
  net::EventLoop& loop() override { return on; }
  void respond(net::HttpResponse response) override {
    ++answers;
    answer = std::move(response);
    aborted = nullptr;
  }
  void on_abort(std::function<void()> task) override { aborted = std::move(task); }
  /// The client goes.
  void abort() {
    if (const auto task = std::exchange(aborted, nullptr)) task();
  }

  net::HttpRequest asked;
  std::optional<net::HttpResponse> answer;
  int answers = 0;
  std::function<void()> aborted;
  net::EventLoop& on;
};

/// GET of "/path?query".
inline std::shared_ptr<FakeExchange> exchange_for(
    net::EventLoop& loop, const std::string& target,
    std::vector<std::pair<std::string, std::string>> headers = {}) {
  auto exchange = std::make_shared<FakeExchange>(loop);
  const auto query = target.find('?');
  exchange->asked.path = target.substr(0, query);
  if (query != std::string::npos) exchange->asked.query = target.substr(query + 1);
  exchange->asked.headers = std::move(headers);
  return exchange;
}

inline std::string header_of(const net::HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return {};
}

inline std::string body_of(const net::HttpResponse& response) {
  std::string body;
  for (const Bytes& piece : response.body) body += piece.text();
  return body;
}

}  // namespace millrace::test
