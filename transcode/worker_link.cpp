#include "transcode/worker_link.h"

#include <utility>
#include <vector>

#include "base/log.h"
#include "net/child_process.h"
#include "transcode/remote_hosts.h"
#include "transcode/worker/protocol.h"

namespace millrace::transcode {
namespace {

class LocalLink final : public WorkerLink {
 public:
  explicit LocalLink(std::unique_ptr<net::ChildProcess> process) : process_(std::move(process)) {}

  void send(Bytes bytes) override { process_->send(std::move(bytes)); }
  void close_sending() override { process_->close_sending(); }
  void blame(std::string_view /*why*/) override {}
  bool is_here() const override { return true; }

 private:
  std::unique_ptr<net::ChildProcess> process_;
};

/// One host after the other until a worker greets.
class RemoteLink final : public WorkerLink {
 public:
  RemoteLink(RemoteHosts& hosts, std::unique_ptr<RemoteHosts::Place> host, std::string channel,
             net::EventLoop& loop, WorkerEvents events, std::chrono::milliseconds patience)
      : hosts_(hosts),
        channel_(std::move(channel)),
        loop_(loop),
        events_(std::make_shared<const WorkerEvents>(std::move(events))),
        patience_(patience),
        timer_(loop) {
    try_host(std::move(host));
  }

  void send(Bytes bytes) override {
    if (!has_greeted_) sent_.push_back(bytes);
    if (connection_) connection_->send(std::move(bytes));
  }

  void close_sending() override {
    is_closed_ = true;
    if (connection_) connection_->close_sending();
  }

  void blame(std::string_view why) override {
    if (host_) host_->failed(why);
  }

  bool is_here() const override { return false; }

 private:
  void try_host(std::unique_ptr<RemoteHosts::Place> host) {
    host_ = std::move(host);
    frames_ = {};
    greeting_.clear();
    connection_ = host_->connect(loop_, {.on_received = [this](auto bytes) { on_received(bytes); },
                                         .on_ended = [this](auto how) { on_ended(how); }});
    for (const auto& bytes : sent_) connection_->send(bytes);
    if (is_closed_) connection_->close_sending();
    timer_.start(patience_, [this] { try_next("gives no worker in time"); });
  }

  /// The last thing that its callers do, as they may be the connection's.
  void try_next(std::string_view why) {
    host_->failed(why);
    connection_.reset();
    host_.reset();
    timer_.cancel();
    has_greeted_ = false;  // One that has greeted may break the protocol in the same breath.
    if (auto next = hosts_.take()) return try_host(std::move(next));
    const auto events = events_;
    events->on_no_host();
  }

  void on_received(std::span<const std::uint8_t> bytes) {
    const auto events = events_;
    if (has_greeted_) return events->on_received(bytes);
    greeting_.insert(greeting_.end(), bytes.begin(), bytes.end());
    if (const Status status = read_greeting(bytes); !status.has_value())
      return try_next(status.error().message);
    if (!has_greeted_) return;
    timer_.cancel();
    sent_.clear();
    host_->succeeded();
    log::info("transcode", "worker runs elsewhere channel={} host={}", channel_, host_->address());
    const auto greeting = std::exchange(greeting_, {});
    events->on_received(greeting);
  }

  /// A host without room and a worker of another version say why they do not greet.
  Status read_greeting(std::span<const std::uint8_t> bytes) {
    return frames_.append(bytes, [this](worker::MessageType type, const Bytes& body) -> Status {
      if (has_greeted_) return ok();
      if (type == worker::MessageType::kFailure) {
        ASSIGN_OR_RETURN(auto why, worker::read_failure(body));
        return Error{ErrorCode::kClosed, std::move(why)};
      }
      if (type != worker::MessageType::kReady)
        return Error{ErrorCode::kInvalidData, "the worker does not greet"};
      RETURN_IF_ERROR(worker::read_ready(body));
      has_greeted_ = true;
      return ok();
    });
  }

  void on_ended(const Status& how) {
    const std::string why = how.has_value() ? "exit code 0" : how.error().message;
    const auto events = events_;
    if (has_greeted_)
      events->on_exited(why);
    else
      try_next(how.has_value() ? "it ends without a word" : why);
  }

  RemoteHosts& hosts_;
  const std::string channel_;
  net::EventLoop& loop_;
  /// Shared with the call in progress, in which the ladder may destroy this.
  const std::shared_ptr<const WorkerEvents> events_;
  const std::chrono::milliseconds patience_;
  std::unique_ptr<RemoteHosts::Place> host_;  ///< Null once there is none left.
  std::unique_ptr<net::TlsConnection> connection_;
  worker::FrameReader frames_;          ///< Up to the greeting.
  std::vector<std::uint8_t> greeting_;  ///< What was received, up to then.
  std::vector<Bytes> sent_;             ///< Up to then: another host may need it.
  bool has_greeted_ = false;
  bool is_closed_ = false;
  net::Timer timer_;
};

}  // namespace

std::unique_ptr<WorkerLink> start_remote_worker(RemoteHosts& hosts, std::string channel,
                                                net::EventLoop& loop, WorkerEvents events,
                                                std::chrono::milliseconds patience) {
  auto host = hosts.take();
  if (!host) return nullptr;
  return std::make_unique<RemoteLink>(hosts, std::move(host), std::move(channel), loop,
                                      std::move(events), patience);
}

Result<std::unique_ptr<WorkerLink>> start_local_worker(const std::string& path,
                                                       const WorkerLimits& limits,
                                                       net::EventLoop& loop, WorkerEvents events) {
  ASSIGN_OR_RETURN(auto process,
                   net::spawn(path,
                              {std::to_string(limits.memory), std::to_string(limits.cores),
                               std::to_string(limits.turn)},
                              loop,
                              {.on_received = std::move(events.on_received),
                               .on_exited = std::move(events.on_exited)}));
  return std::make_unique<LocalLink>(std::move(process));
}

}  // namespace millrace::transcode
