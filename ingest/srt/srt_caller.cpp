// A source that we call over SRT: its messages go through an intake to the channel's loop.
#include <atomic>
#include <utility>

#include "base/thread_checker.h"
#include "ingest/gst/source_run.h"
#include "ingest/ts/ts_intake.h"
#include "net/srt/caller.h"

namespace millrace::ingest {
namespace {

constexpr std::int64_t kLatencyMilliseconds = 120;

/// Held by shared_ptr: the thread of net/srt has it until lost(), posted tasks only weakly.
class SrtCaller final : public SourceRun,
                        private TsEvents,
                        public std::enable_shared_from_this<SrtCaller> {
 public:
  SrtCaller(const SourceUrl& url, RunContext context, Events events)
      : url_(url),
        context_(std::move(context)),
        events_(std::move(events)),
        intake_(TsIntake::Framing::kMessages, context_.labels, context_.metrics, *this) {}

  // --- The channel's loop -----------------------------------------------------------------------

  void start() override {
    thread_.check();
    net::srt::resolve(context_.loop, url_.host, url_.port,
                      [weak = weak_from_this()](Result<std::string> address) {
                        if (const auto self = weak.lock()) self->call(std::move(address));
                      });
  }

  void stop() override {
    thread_.check();
    is_over_ = true;
    wants_close_.store(true, std::memory_order_release);  // Then lost() comes.
  }

  bool is_stopped() const override { return !is_calling_.load(std::memory_order_acquire); }

  // --- The thread of net/srt --------------------------------------------------------------------

  class Inlet final : public net::srt::Receiver {
   public:
    explicit Inlet(std::shared_ptr<SrtCaller> caller) : caller_(std::move(caller)) {}
    void start() override {}
    bool receive(std::span<const std::uint8_t> message, TimePoint at) override {
      return caller_->intake_.receive(message, at);
    }
    void flush() override {
      if (caller_->intake_.wants_drain()) caller_->post([](SrtCaller& self) { self.drain(); });
    }
    void lost(Error why) override {
      caller_->post([why = std::move(why)](SrtCaller& self) { self.end(why); });
      caller_->is_calling_.store(false, std::memory_order_release);
    }
    bool wants_close() const override {
      return caller_->wants_close_.load(std::memory_order_acquire);
    }

   private:
    const std::shared_ptr<SrtCaller> caller_;
  };

 private:
  template <typename Task>
  void post(Task task) {
    context_.loop.post([weak = weak_from_this(), task = std::move(task)] {
      if (const auto self = weak.lock()) task(*self);
    });
  }

  void call(Result<std::string> address) {
    if (is_over_) return;
    if (!address.has_value()) return end(address.error());
    const auto option = [&](const char* name) {
      const auto found = url_.options.find(name);
      return found == url_.options.end() ? std::string() : found->second;
    };
    net::srt::CallOptions options;
    options.address = std::move(address).value();
    options.stream_id = option("streamid");
    options.passphrase = option("passphrase");
    options.latency = std::chrono::milliseconds(number_of(url_, "latency", kLatencyMilliseconds));
    options.labels = context_.labels;
    is_calling_.store(true, std::memory_order_release);
    context_.callers.call(std::move(options), std::make_shared<Inlet>(shared_from_this()));
  }

  void drain() {
    if (is_over_) return;
    if (const Status status = intake_.drain(); !status.has_value()) end(status.error());
  }

  void on_program(const Announcement& program) override {
    if (!is_over_) events_.on_announcement(program);
  }
  Status on_packet(SourcePacket packet) override {
    return is_over_ ? ok() : events_.on_packet(std::move(packet));
  }

  void end(const Error& why) {
    if (is_over_) return;
    if (why.code == ErrorCode::kClosed) {
      // What the demuxer holds was sent whole before the end.
      const Status drained = intake_.drain();
      const Status finished = drained.has_value() ? intake_.finish() : drained;
      if (!finished.has_value()) context_.metrics.count_error("srt", finished.error().code);
    }
    is_over_ = true;
    wants_close_.store(true, std::memory_order_release);
    events_.on_end(why);
  }

  const SourceUrl url_;
  const RunContext context_;
  const Events events_;
  ThreadChecker thread_;
  TsIntake intake_;
  bool is_over_ = false;
  std::atomic<bool> wants_close_ = false;
  std::atomic<bool> is_calling_ = false;  ///< The thread of net/srt has it.
};

}  // namespace

std::shared_ptr<SourceRun> create_srt_run(const SourceUrl& url, RunContext context,
                                          SourceRun::Events events) {
  return std::make_shared<SrtCaller>(url, std::move(context), std::move(events));
}

}  // namespace millrace::ingest
