// A source that a GStreamer pipeline reads: packets by a bounded queue, or MPEG-TS by an intake.
#include <utility>

#include "base/thread_checker.h"
#include "ingest/gst/packet_queue.h"
#include "ingest/gst/pipeline.h"
#include "ingest/gst/source_run.h"
#include "ingest/ts/ts_intake.h"

namespace millrace::ingest {
namespace {

/// Held by shared_ptr, so that tasks posted to the loop can find it gone.
class PipelineRun final : public SourceRun,
                          private TsEvents,
                          public std::enable_shared_from_this<PipelineRun> {
 public:
  PipelineRun(RunContext context, Events events, bool has_datagrams)
      : context_(std::move(context)),
        events_(std::move(events)),
        dropped_(context_.metrics.counter(
            "millrace_pull_dropped_total",
            "Packets dropped between a pipeline and its channel's loop.", context_.labels)),
        intake_(has_datagrams ? TsIntake::Framing::kMessages : TsIntake::Framing::kStream,
                context_.labels, context_.metrics, *this) {}

  Status prepare(const PipelineText& text) {
    ASSIGN_OR_RETURN(pipeline_, Pipeline::create(text, pipeline_events()));
    return ok();
  }

  void start() override {
    thread_.check();
    pipeline_->start();
  }

  void stop() override {
    thread_.check();
    is_over_ = true;
    queue_.close();
    pipeline_->stop();
  }

  bool is_stopped() const override { return pipeline_->is_stopped(); }

 private:
  // --- GStreamer's threads ----------------------------------------------------------------------

  Pipeline::Events pipeline_events() {
    return {.on_packet = [this](SourcePacket packet) { take(std::move(packet)); },
            .on_bytes = [this](std::span<const std::uint8_t> bytes,
                               Pipeline::TimePoint at) { return take(bytes, at); },
            .on_end = [this](Error error) { post_end(std::move(error)); }};
  }

  void take(SourcePacket packet) {
    const auto outcome = queue_.push(std::move(packet));
    if (outcome == PacketQueue::Outcome::kDropped) dropped_.increment();
    if (outcome == PacketQueue::Outcome::kQueuedFirst) post(&PipelineRun::drain_packets);
  }

  bool take(std::span<const std::uint8_t> bytes, Pipeline::TimePoint at) {
    if (!intake_.receive(bytes, at)) {
      post_end({ErrorCode::kLimitExceeded, "the channel's loop does not keep up"});
      return false;
    }
    if (intake_.wants_drain()) post(&PipelineRun::drain_bytes);
    return true;
  }

  void post(void (PipelineRun::*task)()) {
    context_.loop.post([weak = weak_from_this(), task] {
      if (const auto self = weak.lock()) (self.get()->*task)();
    });
  }

  void post_end(Error error) {
    context_.loop.post([weak = weak_from_this(), error = std::move(error)] {
      if (const auto self = weak.lock()) self->end(error);
    });
  }

  // --- The loop ---------------------------------------------------------------------------------

  void drain_packets() {
    for (auto& packet : queue_.take()) {
      if (is_over_) return;
      if (!std::exchange(is_announced_, true)) announce();
      if (is_over_) return;
      if (const Status status = events_.on_packet(std::move(packet)); !status.has_value())
        return end(status.error());
    }
  }

  void announce() {
    Announcement announcement;
    announcement.has_video = pipeline_->has_video();
    announcement.has_audio = pipeline_->has_audio();
    announcement.encoder = "gstreamer";
    events_.on_announcement(announcement);
  }

  void drain_bytes() {
    if (const Status status = intake_.drain(); !status.has_value()) end(status.error());
  }

  void on_program(const Announcement& program) override {
    if (!is_over_) events_.on_announcement(program);
  }
  Status on_packet(SourcePacket packet) override {
    return is_over_ ? ok() : events_.on_packet(std::move(packet));
  }

  void end(const Error& error) {
    if (is_over_) return;
    // What came before the end was sent whole.
    drain_packets();
    if (!is_over_ && pipeline_->has_bytes() && error.code == ErrorCode::kClosed) {
      const Status drained = intake_.drain();
      const Status finished = drained.has_value() ? intake_.finish() : drained;
      if (!finished.has_value()) context_.metrics.count_error("ingest", finished.error().code);
    }
    if (!std::exchange(is_over_, true)) events_.on_end(error);
  }

  const RunContext context_;
  const Events events_;
  Counter dropped_;
  ThreadChecker thread_;
  PacketQueue queue_{PacketQueue::Limits{}};
  TsIntake intake_;
  bool is_announced_ = false;
  bool is_over_ = false;
  std::unique_ptr<Pipeline> pipeline_;  ///< Last: its threads use what is above.
};

}  // namespace

Result<std::shared_ptr<SourceRun>> create_pipeline_run(const SourceUrl& url, RunContext context,
                                                       SourceRun::Events events) {
  const PipelineText text = pipeline_text(url);
  auto run =
      std::make_shared<PipelineRun>(std::move(context), std::move(events), text.has_datagrams);
  if (Status status = run->prepare(text); !status.has_value())
    return Error{status.error().code, scrubbed(url, status.error().message)};
  return std::shared_ptr<SourceRun>(std::move(run));
}

}  // namespace millrace::ingest
