// Against libsrt's own callers, on free ports.
#include "net/srt/server.h"

#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <srt/srt.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

using namespace millrace;
using namespace millrace::net::srt;
using namespace std::chrono_literals;

namespace {

/// What one connection's receiver heard. Any thread.
class Recorder final : public Receiver {
 public:
  void start() override {
    change([this] { started_ = true; });
  }
  bool receive(std::span<const std::uint8_t> message, TimePoint) override {
    change([&] { messages_.emplace_back(message.begin(), message.end()); });
    return !refuses_messages;
  }
  void flush() override {}
  void lost(Error why) override {
    change([&] { lost_ = std::move(why); });
  }
  bool wants_close() const override { return closes; }

  bool wait_started() {
    return wait([this] { return started_; });
  }
  bool wait_messages(std::size_t count) {
    return wait([&] { return messages_.size() >= count; });
  }
  std::optional<Error> wait_lost() {
    wait([this] { return lost_.has_value(); });
    return lost_;
  }
  std::vector<std::string> messages() {
    const std::lock_guard lock(mutex_);
    return messages_;
  }

  std::atomic<bool> closes = false;
  std::atomic<bool> refuses_messages = false;

 private:
  template <typename Task>
  void change(Task&& task) {
    const std::lock_guard lock(mutex_);
    task();
    changed_.notify_all();
  }
  template <typename Condition>
  bool wait(Condition&& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool started_ = false;
  std::vector<std::string> messages_;
  std::optional<Error> lost_;
};

class Caller {
 public:
  Caller(const std::string& address, const std::string& stream_id,
         const std::string& passphrase = {}, int key_length = 0) {
    if (key_length > 0) srt_setsockflag(socket_, SRTO_PBKEYLEN, &key_length, sizeof(key_length));
    srt_setsockflag(socket_, SRTO_STREAMID, stream_id.data(), static_cast<int>(stream_id.size()));
    if (!passphrase.empty())
      srt_setsockflag(socket_, SRTO_PASSPHRASE, passphrase.data(),
                      static_cast<int>(passphrase.size()));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected = srt_connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != SRT_ERROR;
    if (!is_connected) refusal = srt_getrejectreason(socket_);
  }
  ~Caller() { srt_close(socket_); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  bool send(const std::string& message) {
    return srt_send(socket_, message.data(), static_cast<int>(message.size())) != SRT_ERROR;
  }

  bool is_connected = false;
  int refusal = 0;

 private:
  const SRTSOCKET socket_ = srt_create_socket();
};

struct Fixture {
  Metrics metrics;
  SystemClock clock;
  std::shared_ptr<Recorder> recorder = std::make_shared<Recorder>();
  std::string passphrase;
  int key_length = 0;
  std::function<void(Verdict)> late;  ///< Of the stream id "later".
  std::mutex mutex;
  std::unique_ptr<Server> server;

  explicit Fixture(ServerOptions options = {}) {
    if (options.listen.empty()) options.listen = {{.address = "127.0.0.1:0", .encryption = {}}};
    auto created =
        create_server(options, metrics, clock, [this](const Handshake& handshake, auto reply) {
          if (handshake.stream_id == "later") {
            const std::lock_guard lock(mutex);
            late = std::move(reply);
            return;
          }
          reply(handshake.stream_id == "key" ? accepted() : refused());
        });
    REQUIRE(created.has_value());
    server = std::move(created).value();
  }
  Verdict accepted() const {
    return {.receiver = recorder,
            .encryption = {.passphrase = passphrase, .key_length = key_length},
            .channel = "shop",
            .why = {}};
  }
  static Verdict refused() {
    return {.receiver = nullptr,
            .encryption = {},
            .channel = {},
            .refusal = Refusal::kUnauthorized,
            .why = "no channel has this key"};
  }
  void reply_late(Verdict verdict) {
    std::function<void(Verdict)> reply;
    {
      const std::lock_guard lock(mutex);
      reply = std::exchange(late, nullptr);
    }
    REQUIRE(reply);
    reply(std::move(verdict));
  }
  /// The server's thread counts some things when it sweeps.
  bool wait_metric(const std::string& line) {
    const auto until = std::chrono::steady_clock::now() + 10s;
    while (metrics.text().find(line) == std::string::npos) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::yield();
    }
    return true;
  }
  std::string address() const { return server->addresses().front(); }
};

}  // namespace

TEST_CASE("an SRT caller's messages arrive as they were sent, then that it is gone", "[srt]") {
  Fixture f;
  std::vector<std::string> sent;
  {
    Caller caller(f.address(), "key");
    REQUIRE(caller.is_connected);
    CHECK(f.recorder->wait_started());
    for (std::size_t i = 1; i <= 20; ++i) {
      sent.emplace_back(i * 60, static_cast<char>('a' + i));
      CHECK(caller.send(sent.back()));
    }
    CHECK(f.recorder->wait_messages(20));
  }
  const auto lost = f.recorder->wait_lost();
  REQUIRE(lost);
  CHECK(lost->code == ErrorCode::kClosed);
  CHECK(f.recorder->messages() == sent);
}

TEST_CASE("a refused SRT caller gets the code, and it is counted", "[srt]") {
  Fixture f;
  const Caller caller(f.address(), "wrong");
  CHECK_FALSE(caller.is_connected);
  CHECK(caller.refusal == 1401);
  CHECK(f.metrics.text().find("millrace_srt_refused_total{code=\"1401\"} 1") != std::string::npos);
}

TEST_CASE("a verdict may come after the SRT handshake", "[srt]") {
  Fixture f;
  Caller caller(f.address(), "later");
  REQUIRE(caller.is_connected);
  CHECK(caller.send("early"));
  SECTION("let in: what came meanwhile is not lost") {
    f.reply_late(f.accepted());
    CHECK(f.recorder->wait_messages(1));
    CHECK(f.recorder->messages() == std::vector<std::string>{"early"});
  }
  SECTION("with a passphrase, which the handshake did not ask for: the connection ends") {
    f.passphrase = "correct-horse";
    f.reply_late(f.accepted());
    f.passphrase.clear();
    Caller other(f.address(), "key");
    REQUIRE(f.recorder->wait_started());
    CHECK(f.recorder->messages().empty());
  }
  SECTION("refused: the connection ends, nobody hears of it") {
    f.reply_late(Fixture::refused());
    Caller other(f.address(), "key");
    REQUIRE(f.recorder->wait_started());
    CHECK(f.recorder->messages().empty());
  }
}

TEST_CASE("each SRT port can ask for a passphrase of its own", "[srt]") {
  ServerOptions options;
  options.encryption.passphrase = "of-the-server";
  options.listen = {{.address = "127.0.0.1:0", .encryption = {}},
                    {.address = "127.0.0.1:0", .encryption = {.passphrase = "of-the-port"}}};
  Fixture f(options);
  const auto addresses = f.server->addresses();
  CHECK(Caller(addresses[0], "key", "of-the-server").is_connected);
  CHECK_FALSE(Caller(addresses[0], "key", "of-the-port").is_connected);
  CHECK(Caller(addresses[1], "key", "of-the-port").is_connected);
  CHECK_FALSE(Caller(addresses[1], "key", "of-the-server").is_connected);
}

TEST_CASE("SRT callers take the key length that the port asks for", "[srt]") {
  ServerOptions options;
  options.encryption = {.passphrase = "of-the-server", .key_length = 24};
  Fixture f(options);
  Caller caller(f.address(), "key", "of-the-server", GENERATE(0, 16, 32));
  CHECK(caller.is_connected);
  caller.send("media");
  CHECK(f.recorder->wait_messages(1));
}

TEST_CASE("an SRT caller whose key is shorter than its channel asks for is closed", "[srt]") {
  Fixture f;
  f.passphrase = "of-the-channel";
  f.key_length = 24;
  const int length = GENERATE(0, 16, 24, 32);
  CAPTURE(length);
  Caller caller(f.address(), "key", f.passphrase, length);
  REQUIRE(caller.is_connected);
  caller.send("media");
  if (length < 24) {  // What the caller sent is never heard of, what comes next is.
    Caller other(f.address(), "key", f.passphrase, 32);
    other.send("other");
    REQUIRE(f.recorder->wait_messages(1));
    CHECK(f.recorder->messages() == std::vector<std::string>{"other"});
  } else {
    CHECK(f.recorder->wait_messages(1));
  }
}

TEST_CASE("a verdict's passphrase must be the SRT caller's", "[srt]") {
  Fixture f;
  f.passphrase = "correct-horse";
  const Caller none(f.address(), "key");
  CHECK_FALSE(none.is_connected);
  const Caller wrong(f.address(), "key", "wrong-battery");
  CHECK_FALSE(wrong.is_connected);
  CHECK(wrong.refusal == SRT_REJ_BADSECRET);
  const Caller right(f.address(), "key", "correct-horse");
  CHECK(right.is_connected);
  CHECK(f.wait_metric("millrace_srt_refused_total{code=\"handshake\"} 2"));
}

TEST_CASE("past its limits the SRT server refuses", "[srt]") {
  Fixture f(
      GENERATE(ServerOptions{.listen = {}, .encryption = {}, .max_connections = 1},
               ServerOptions{.listen = {}, .encryption = {}, .max_connections_per_address = 1}));
  const Caller first(f.address(), "key");
  REQUIRE(first.is_connected);
  const Caller second(f.address(), "key");
  CHECK_FALSE(second.is_connected);
  CHECK(second.refusal == 1402);
}

TEST_CASE("an SRT receiver ends its connection", "[srt]") {
  Fixture f;
  Caller caller(f.address(), "key");
  REQUIRE(f.recorder->wait_started());
  SECTION("when it wants to") {
    f.recorder->closes = true;
  }
  SECTION("when a message is too much") {
    f.recorder->refuses_messages = true;
    CHECK(caller.send("too much"));
  }
  CHECK(f.recorder->wait_lost());
}

TEST_CASE("an SRT caller that sends nothing is cut", "[srt]") {
  Fixture f(ServerOptions{.listen = {}, .encryption = {}, .idle_timeout = 200ms});
  const Caller caller(f.address(), "key");
  const auto lost = f.recorder->wait_lost();
  REQUIRE(lost);
  CHECK(lost->code == ErrorCode::kTimedOut);
}

TEST_CASE("an SRT server that stops ends what it has", "[srt]") {
  Fixture f;
  const Caller caller(f.address(), "key");
  REQUIRE(f.recorder->wait_started());
  f.server->stop();
  const auto lost = f.recorder->wait_lost();
  REQUIRE(lost);
  CHECK(lost->message == "the server stops");
}

TEST_CASE("an SRT port that cannot be had is said with its address", "[srt]") {
  Metrics metrics;
  const SystemClock clock;
  const auto none = create_server({.listen = {{"192.0.2.1:9", {}}}, .encryption = {}}, metrics,
                                  clock, [](const Handshake&, auto) {});
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().message.find("192.0.2.1:9") != std::string::npos);
}
