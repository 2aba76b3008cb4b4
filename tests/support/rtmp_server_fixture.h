#pragma once
// An RTMP server on two loops and a free port, whose publishers are recorded.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "net/event_loop.h"
#include "net/rtmp/server.h"

namespace millrace::test {

inline std::uint16_t port_of(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

/// What the connections of one server did. Any thread.
class RtmpRecord {
 public:
  struct Content {
    std::vector<net::rtmp::PublishCommand> published;
    std::vector<std::string> media;  ///< "9@40:12", type, timestamp and size.
    std::vector<std::thread::id> media_threads;
    std::vector<std::thread::id> publish_threads;
    int unpublished = 0;
    std::vector<std::optional<Error>> closed;
  };

  void change(const std::function<void(Content&)>& task) {
    const std::lock_guard lock(mutex_);
    task(content_);
    changed_.notify_all();
  }
  /// Waits for `condition`, five seconds at most; the content then.
  Content wait(const std::function<bool(const Content&)>& condition) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(5), [&] { return condition(content_); });
    return content_;
  }
  Content wait_closed(std::size_t count) {
    return wait([count](const Content& content) { return content.closed.size() >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Content content_;
};

/// By the name published: "wrong" is refused, "move" goes to the other loop, "wait" gets no answer,
/// "badmedia" has its first message refused, "ended" is ended by its owner at the first message;
/// every other one is accepted.
class RecordingEvents final : public net::rtmp::ConnectionEvents {
 public:
  RecordingEvents(net::rtmp::Connection& connection, net::EventLoopGroup& loops, RtmpRecord& record)
      : connection_(connection), loops_(loops), record_(record) {}

  void on_publish(const net::rtmp::PublishCommand& command) override {
    name_ = command.name;
    record_.change([&](auto& content) {
      content.published.push_back(command);
      content.publish_threads.push_back(std::this_thread::get_id());
    });
    if (name_ == "wait") return;
    // Later, as a gate would answer.
    connection_.loop().post([this, weak = connection_.weak()] {
      if (const auto connection = weak.lock()) answer();
    });
  }
  Status on_media(net::rtmp::MediaMessage message) override {
    record_.change([&](auto& content) {
      content.media.push_back(std::to_string(static_cast<int>(message.type)) + "@" +
                              std::to_string(message.timestamp) + ":" +
                              std::to_string(message.payload.size()));
      content.media_threads.push_back(std::this_thread::get_id());
    });
    if (name_ == "badmedia") return Error{ErrorCode::kUnsupported, "VP6 is not supported"};
    if (name_ == "ended")
      connection_.end("NetStream.Publish.Denied", "taken over",
                      Error{ErrorCode::kClosed, "taken over"});
    return ok();
  }
  void on_unpublish() override {
    record_.change([](auto& content) { ++content.unpublished; });
  }
  void on_closed(const Status& how) override {
    record_.change([&](auto& content) {
      content.closed.push_back(how.has_value() ? std::nullopt : std::optional(how.error()));
    });
  }

 private:
  void answer() {
    if (name_ == "wrong") {
      connection_.refuse_publish("NetStream.Publish.Denied", "Invalid stream key.",
                                 Error{ErrorCode::kDenied, "no such key"});
    } else if (name_ == "move") {
      auto& here = connection_.loop();
      auto& other = &here == &loops_.loop(0) ? loops_.loop(1) : loops_.loop(0);
      connection_.move_to(other, [this] { connection_.accept_publish(); });
    } else {
      connection_.accept_publish();
    }
  }

  net::rtmp::Connection& connection_;
  net::EventLoopGroup& loops_;
  RtmpRecord& record_;
  std::string name_;
};

/// Listens on 127.0.0.1 unless `options` says more.
struct RtmpServerFixture {
  explicit RtmpServerFixture(net::rtmp::ServerOptions options = {}) {
    if (options.listen.empty()) options.listen = {"127.0.0.1:0"};
    auto created = net::rtmp::create_server(
        std::move(options), loops, metrics, clock, [this](net::rtmp::Connection& connection) {
          return std::make_unique<RecordingEvents>(connection, loops, record);
        });
    if (!created.has_value()) return;
    server = std::move(created).value();
    loops.start();
  }
  ~RtmpServerFixture() {
    server.reset();
    loops.stop_and_join();
  }

  std::uint16_t port() const { return port_of(server->addresses().front()); }
  /// Whether the metrics come to have this line; five seconds at most.
  bool wait_metric(const std::string& line) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (std::chrono::steady_clock::now() < end) {
      if (metrics.text().find(line + "\n") != std::string::npos) return true;
      std::this_thread::yield();
    }
    return false;
  }

  SystemClock clock;
  Metrics metrics;
  RtmpRecord record;
  net::EventLoopGroup loops{2};
  std::unique_ptr<net::rtmp::Server> server;
};

}  // namespace millrace::test
