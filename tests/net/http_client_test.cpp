#include "net/http_client.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::net;

namespace {

/// Takes connections, one after the other, and answers each first request with what it is given.
class OneAnswer {
 public:
  /// Nothing: it never answers.
  explicit OneAnswer(std::optional<std::string> answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(::listen(listener_, 16) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~OneAnswer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (const int open : open_) ::close(open);
    ::close(listener_);
  }
  std::string url(const std::string& path = "/hook") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  std::string heard() const {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

 private:
  void run() {
    for (;;) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      open_.push_back(connection);
      if (!answer_) continue;
      char buffer[4096];
      const ssize_t count = ::recv(connection, buffer, sizeof(buffer), 0);
      {
        const std::lock_guard lock(mutex_);
        heard_.append(buffer, static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
      }
      ::send(connection, answer_->data(), answer_->size(), MSG_NOSIGNAL);
      ::shutdown(connection, SHUT_WR);
    }
  }

  const std::optional<std::string> answer_;
  int listener_ = -1;
  int port_ = 0;
  std::vector<int> open_;
  mutable std::mutex mutex_;
  std::string heard_;
  std::thread thread_;
};

struct Fixture {
  Metrics metrics;
  std::unique_ptr<HttpClient> client;

  explicit Fixture(HttpClientOptions options = {}) {
    options.user_agent = "millrace/test";
    client = create_http_client(std::move(options), metrics).value();
  }
  std::future<Result<HttpClientReply>> start(HttpClientRequest request) {
    auto promise = std::make_shared<std::promise<Result<HttpClientReply>>>();
    auto future = promise->get_future();
    client->request(std::move(request), [promise](Result<HttpClientReply> reply) {
      promise->set_value(std::move(reply));
    });
    return future;
  }
  Result<HttpClientReply> ask(HttpClientRequest request) { return start(std::move(request)).get(); }
};

HttpClientRequest to(const std::string& url) {
  HttpClientRequest request;
  request.url = url;
  request.body = "{}";
  return request;
}

}  // namespace

TEST_CASE("a request goes out as it was written, and its reply comes back", "[http_client]") {
  const OneAnswer server("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  Fixture f;
  auto request = to(server.url());
  request.headers = {{"Content-Type", "application/json"}};
  const auto reply = f.ask(request);
  REQUIRE(reply.has_value());
  CHECK(reply.value().status == 403);
  CHECK(reply.value().body == "no");
  const std::string heard = server.heard();
  CHECK(heard.starts_with("POST /hook HTTP/1.1\r\n"));
  CHECK(heard.find("User-Agent: millrace/test\r\n") != std::string::npos);
  CHECK(heard.find("Content-Type: application/json\r\n") != std::string::npos);
  CHECK(heard.ends_with("\r\n\r\n{}"));
}

TEST_CASE("a reply has its headers, in lower case, and says how it came", "[http_client]") {
  const OneAnswer server(
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
      "HTTP/1.1 200 OK\r\nCache-Control:  public, max-age=1 \r\nX-Two: a\r\nx-two: b\r\n"
      "Content-Length: 0\r\n\r\n");
  Fixture f;
  const auto before = std::chrono::steady_clock::now();
  const auto reply = f.ask(to(server.url()));
  REQUIRE(reply.has_value());
  using Field = std::pair<std::string, std::string>;
  CHECK(reply.value().headers == std::vector<Field>{{"cache-control", "public, max-age=1"},
                                                    {"x-two", "a"},
                                                    {"x-two", "b"},
                                                    {"content-length", "0"}});
  CHECK(reply.value().http_version == 11);
  CHECK(reply.value().waited >= 0us);
  CHECK(reply.value().answered_at >= before);
  CHECK(reply.value().answered_at - before >= reply.value().waited);
}

TEST_CASE("a redirect is a reply, and is not followed", "[http_client]") {
  const OneAnswer server(
      "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  Fixture f;
  const auto reply = f.ask(to(server.url()));
  REQUIRE(reply.has_value());
  CHECK(reply.value().status == 302);
}

TEST_CASE("a server that does not answer in time is given up", "[http_client]") {
  const OneAnswer server(std::nullopt);
  Fixture f;
  auto request = to(server.url());
  request.timeout = 50ms;
  const auto reply = f.ask(request);
  REQUIRE_FALSE(reply.has_value());
  CHECK(reply.error().code == ErrorCode::kTimedOut);
}

TEST_CASE("what waits for room has no more time than the rest", "[http_client]") {
  const OneAnswer server(std::nullopt);
  Fixture f({.user_agent = {}, .max_in_flight = 1});
  auto patient = to(server.url());
  patient.timeout = 1h;
  const auto first = f.start(patient);
  auto request = to(server.url());
  request.timeout = 50ms;
  const auto reply = f.ask(request);
  REQUIRE_FALSE(reply.has_value());
  CHECK(reply.error().code == ErrorCode::kTimedOut);
}

TEST_CASE("past the requests that may wait one is refused at once", "[http_client]") {
  const OneAnswer server(std::nullopt);
  Fixture f({.user_agent = {}, .max_in_flight = 1, .max_waiting = 1});
  std::vector<std::future<Result<HttpClientReply>>> asked;
  auto request = to(server.url());
  request.timeout = 1h;
  for (int i = 0; i < 3; ++i) asked.push_back(f.start(request));
  std::size_t refused = 0;
  for (auto& one : asked)
    if (one.wait_for(0s) == std::future_status::ready) {
      CHECK(one.get().error().code == ErrorCode::kLimitExceeded);
      ++refused;
    }
  CHECK(refused >= 1);
  CHECK(refused <= 2);  // The first one may not be under way yet.
}

TEST_CASE("replies that are too large, or none, are errors without the URL", "[http_client]") {
  const auto [answer, code] = GENERATE(table<std::string, ErrorCode>({
      {"HTTP/1.1 200 OK\r\n\r\n" + std::string(2'000, 'x'), ErrorCode::kInvalidData},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(80'000, 'x') + "\r\n\r\n", ErrorCode::kInvalidData},
      {"no HTTP at all", ErrorCode::kInvalidData},
      {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut", ErrorCode::kSystem},
      {"", ErrorCode::kSystem},
  }));
  CAPTURE(answer.substr(0, 60));
  const OneAnswer server(answer);
  Fixture f;
  auto request = to(server.url("/s3cret"));
  request.max_reply_bytes = 1'000;
  const auto reply = f.ask(request);
  REQUIRE_FALSE(reply.has_value());
  CHECK(reply.error().code == code);
  CHECK(reply.error().message.find("s3cret") == std::string::npos);
}

TEST_CASE("what is outstanding when the client stops is answered", "[http_client]") {
  const OneAnswer server(std::nullopt);
  Fixture f({.user_agent = {}, .max_in_flight = 2});
  std::vector<std::future<Result<HttpClientReply>>> asked;
  auto request = to(server.url());
  request.timeout = 1h;
  for (int i = 0; i < 5; ++i) asked.push_back(f.start(request));
  f.client->stop();
  for (auto& one : asked) CHECK(one.get().error().code == ErrorCode::kClosed);
  CHECK(f.ask(request).error().code == ErrorCode::kClosed);
}

TEST_CASE("a URL is one of HTTP, without a user and password", "[http_client]") {
  CHECK(check_http_url("https://example.com/publish?x=1").has_value());
  CHECK(check_http_url("http://[::1]:8000").has_value());
  for (const auto* wrong : {"", "example.com", "ftp://example.com/", "file:///etc/passwd",
                            "https://", "https://user:pass@example.com/", "http://a b/"}) {
    CAPTURE(wrong);
    CHECK_FALSE(check_http_url(wrong).has_value());
  }
}

TEST_CASE("a reference is resolved against the document that it is in", "[http_client]") {
  const auto resolved = [](const char* base, const char* reference) {
    const auto url = resolve_url(base, reference);
    return url.has_value() ? url.value() : "error";
  };
  CHECK(resolved("https://e/live/a/index.m3u8?t=1", "v/b.m3u8") == "https://e/live/a/v/b.m3u8");
  CHECK(resolved("https://e/live/a/index.m3u8", "../x.m4s?k=2") == "https://e/live/x.m4s?k=2");
  CHECK(resolved("https://e/live/a", "/b") == "https://e/b");
  CHECK(resolved("https://e/a", "http://other/b") == "http://other/b");
  CHECK(resolved("https://e/a", "file:///etc/passwd") == "error");
  CHECK(resolved("https://e/a", "https://u:p@e/") == "error");
  CHECK(resolved("nonsense", "b") == "error");
}
