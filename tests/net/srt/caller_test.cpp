// Our callers against our own server, on free ports.
#include "net/srt/caller.h"

#include <catch2/catch.hpp>

#include <netinet/in.h>
#include <srt/srt.h>

#include <atomic>
#include <future>
#include <string>
#include <utility>

#include "net/srt/server.h"

using namespace millrace;
using namespace millrace::net::srt;
using namespace std::chrono_literals;

namespace {

/// What one call's receiver heard. Any thread.
class Heard final : public Receiver {
 public:
  void start() override { started.set_value(); }
  bool receive(std::span<const std::uint8_t> message, TimePoint) override {
    if (!std::exchange(has_message_, true)) first.set_value({message.begin(), message.end()});
    return true;
  }
  void flush() override {}
  void lost(Error error) override { why.set_value(std::move(error)); }
  bool wants_close() const override { return closes; }

  Error wait_lost() {
    auto lost = why.get_future();
    REQUIRE(lost.wait_for(20s) == std::future_status::ready);
    return lost.get();
  }
  void wait_started() { REQUIRE(started.get_future().wait_for(20s) == std::future_status::ready); }

  std::promise<void> started;
  std::promise<std::string> first;
  std::promise<Error> why;
  std::atomic<bool> closes = false;

 private:
  bool has_message_ = false;
};

/// A listener of libsrt's own that sends one message to whom it has accepted.
class Sender {
 public:
  Sender() {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    srt_bind(socket_, reinterpret_cast<sockaddr*>(&any), sizeof(any));
    srt_listen(socket_, 1);
    int length = sizeof(any);
    srt_getsockname(socket_, reinterpret_cast<sockaddr*>(&any), &length);
    address = "127.0.0.1:" + std::to_string(ntohs(any.sin_port));
  }
  ~Sender() {
    if (accepted_ != SRT_INVALID_SOCK) srt_close(accepted_);
    srt_close(socket_);
  }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  std::string accept_and_send(const std::string& message) {
    accepted_ = srt_accept(socket_, nullptr, nullptr);
    std::string stream_id(512, '\0');
    int length = 512;
    srt_getsockflag(accepted_, SRTO_STREAMID, stream_id.data(), &length);
    stream_id.resize(static_cast<std::size_t>(length));
    srt_send(accepted_, message.data(), static_cast<int>(message.size()));
    return stream_id;
  }
  void hang_up() { srt_close(std::exchange(accepted_, SRT_INVALID_SOCK)); }

  std::string address;

 private:
  const SRTSOCKET socket_ = srt_create_socket();
  SRTSOCKET accepted_ = SRT_INVALID_SOCK;
};

struct Fixture {
  Metrics metrics;
  SystemClock clock;
  std::shared_ptr<Heard> heard = std::make_shared<Heard>();

  CallOptions options(const std::string& address) const {
    CallOptions call;
    call.address = address;
    call.stream_id = "#!::r=film,m=request";
    call.labels = {{"channel", "shop"}, {"source", "1"}};
    return call;
  }
  std::unique_ptr<Server> server(Refusal refusal) {
    auto created = create_server({.listen = {{"127.0.0.1:0", {}}}, .encryption = {}}, metrics,
                                 clock, [refusal](const Handshake&, auto reply) {
                                   Verdict verdict;
                                   verdict.refusal = refusal;
                                   reply(std::move(verdict));
                                 });
    REQUIRE(created.has_value());
    return std::move(created).value();
  }
};

}  // namespace

TEST_CASE("an SRT call brings what the listener sends, then that it is gone", "[srt]") {
  Fixture f;
  Callers callers(f.metrics, f.clock);
  auto message = f.heard->first.get_future();
  Sender sender;
  callers.call(f.options(sender.address), f.heard);
  CHECK(sender.accept_and_send("media") == "#!::r=film,m=request");
  REQUIRE(message.wait_for(20s) == std::future_status::ready);
  CHECK(message.get() == "media");
  CHECK(f.metrics.text().find("millrace_srt_calls 1") != std::string::npos);
  sender.hang_up();
  CHECK(f.heard->wait_lost().code == ErrorCode::kClosed);
  CHECK(f.metrics.text().find("millrace_srt_latency_seconds{channel=\"shop\",source=\"1\"}") !=
        std::string::npos);
}

TEST_CASE("an SRT call that is refused hears the code", "[srt]") {
  Fixture f;
  const auto server = f.server(Refusal::kUnauthorized);
  Callers callers(f.metrics, f.clock);
  callers.call(f.options(server->addresses().front()), f.heard);
  const Error why = f.heard->wait_lost();
  CHECK(why.code == ErrorCode::kDenied);
  CHECK(why.message.find("1401") != std::string::npos);
}

TEST_CASE("an SRT call that nobody answers ends by its deadline", "[srt]") {
  Fixture f;
  Callers callers(f.metrics, f.clock);
  std::string address;
  {
    const Sender gone;
    address = gone.address;
  }
  auto options = f.options(address);
  options.connect_timeout = 200ms;
  callers.call(options, f.heard);
  CHECK(f.heard->wait_lost().code == ErrorCode::kClosed);
}

TEST_CASE("an SRT call ends when its receiver wants it, connected or not", "[srt]") {
  Fixture f;
  Callers callers(f.metrics, f.clock);
  Sender sender;
  const bool is_connected = GENERATE(true, false);
  callers.call(f.options(is_connected ? sender.address : "127.0.0.1:9"), f.heard);
  if (is_connected) {
    sender.accept_and_send("media");
    f.heard->wait_started();
  }
  f.heard->closes = true;
  f.heard->wait_lost();
}

TEST_CASE("the end of all SRT calls is heard by each", "[srt]") {
  Fixture f;
  {
    Callers callers(f.metrics, f.clock);
    callers.call(f.options("127.0.0.1:9"), f.heard);
  }
  CHECK(f.heard->wait_lost().message == "the server stops");
}

TEST_CASE("an SRT call to what is no address is lost at once", "[srt]") {
  Fixture f;
  Callers callers(f.metrics, f.clock);
  callers.call(f.options("no address"), f.heard);
  CHECK(f.heard->wait_lost().code == ErrorCode::kSystem);
}
