#include "ingest/gst/pull_source.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace millrace::ingest {
namespace {

/// Ties the source's life to its owner's handle; posted tasks hold weak references only.
class Handle final : public Publisher {
 public:
  explicit Handle(std::shared_ptr<PullSource> source) : source_(std::move(source)) {}
  ~Handle() override { source_->shut_down(); }
  void stop(std::string_view reason) override { source_->stop(reason); }
  std::string protocol() const override { return source_->protocol(); }
  std::string remote_address() const override { return source_->remote_address(); }

 private:
  const std::shared_ptr<PullSource> source_;
};

}  // namespace

Result<std::unique_ptr<Publisher>> create_pull_source(PullOptions options, net::EventLoop& loop,
                                                      PullSource::Attach attach, Metrics& metrics) {
  auto source = std::make_shared<PullSource>(std::move(options), PullSource::Timing{}, loop,
                                             std::move(attach), metrics);
  RETURN_IF_ERROR(source->prepare());
  loop.post([weak = std::weak_ptr(source)] {
    if (const auto self = weak.lock()) self->start();
  });
  return std::make_unique<Handle>(std::move(source));
}

PullSource::PullSource(PullOptions options, Timing timing, net::EventLoop& loop, Attach attach,
                       Metrics& metrics)
    : options_(std::move(options)),
      timing_(timing),
      loop_(loop),
      attach_(std::move(attach)),
      metrics_(metrics),
      restarts_(metrics.counter("millrace_pull_restarts_total",
                                "Times that a pull source's pipeline was started again.",
                                {{"channel", options_.channel}})),
      dropped_(metrics.counter("millrace_pull_dropped_total",
                               "Packets dropped between a pipeline and its channel's loop.",
                               {{"channel", options_.channel}})),
      back_off_(timing.first_back_off),
      back_off_timer_(loop),
      stall_timer_(loop) {}

Status PullSource::prepare() {
  return make_pipeline();
}

Status PullSource::make_pipeline() {
  const auto run = ++run_;
  auto queue = std::make_shared<PacketQueue>(PacketQueue::Limits{});
  Pipeline::Events events;
  events.on_packet = [weak = weak_from_this(), &loop = loop_, run, queue,
                      dropped = dropped_](SourcePacket packet) mutable {
    const auto outcome = queue->push(std::move(packet));
    if (outcome == PacketQueue::Outcome::kDropped) dropped.increment();
    if (outcome != PacketQueue::Outcome::kQueuedFirst) return;
    loop.post([weak, run] {
      if (const auto self = weak.lock()) self->drain(run);
    });
  };
  events.on_end = [weak = weak_from_this(), &loop = loop_, run](Error error) {
    loop.post([weak, run, error = std::move(error)] {
      const auto self = weak.lock();
      if (self && self->run_ == run) self->end_run(error);
    });
  };
  ASSIGN_OR_RETURN(pipeline_, Pipeline::create(options_.pipeline, std::move(events)));
  queue_ = std::move(queue);
  return ok();
}

void PullSource::start() {
  thread_.check();
  if (is_stopped_) return;
  has_delivered_ = false;
  pipeline_->start();
  watch_for_stall();
}

void PullSource::restart() {
  if (stopping_ && !stopping_->is_stopped()) return schedule_restart();
  stopping_.reset();
  restarts_.increment();
  if (const auto status = make_pipeline(); !status.has_value()) return end_run(status.error());
  start();
}

void PullSource::schedule_restart() {
  back_off_timer_.start(back_off_, [this] { restart(); });
  back_off_ = std::min(back_off_ * 2, timing_.longest_back_off);
}

void PullSource::watch_for_stall() {
  stall_timer_.start(timing_.stall, [this] {
    if (!std::exchange(has_delivered_, false))
      return end_run(Error{ErrorCode::kTimedOut, "gst: the pipeline delivers nothing"});
    back_off_ = timing_.first_back_off;  // It runs.
    watch_for_stall();
  });
}

void PullSource::drain(std::uint64_t run) {
  thread_.check();
  if (run != run_ || !pipeline_) return;
  for (auto& packet : queue_->take()) {
    if (const auto status = deliver(std::move(packet)); !status.has_value())
      return end_run(status.error());
  }
}

Status PullSource::deliver(SourcePacket packet) {
  if (!feed_) RETURN_IF_ERROR(attach_feed(packet));
  has_delivered_ = true;
  return feed_->push(std::move(packet));
}

Status PullSource::attach_feed(const SourcePacket& first) {
  ASSIGN_OR_RETURN(feed_, attach_(*this));
  Announcement announcement;
  announcement.has_video = pipeline_->has_video();
  announcement.has_audio = pipeline_->has_audio();
  const Rational rate = first.track->video.frame_rate;
  if (rate.numerator > 0)
    announcement.frame_rate =
        static_cast<double>(rate.numerator) / static_cast<double>(rate.denominator);
  announcement.encoder = "gstreamer";
  feed_->announce(announcement);
  return ok();
}

void PullSource::stop(std::string_view reason) {
  loop_.post([weak = weak_from_this(), reason = std::string(reason)] {
    const auto self = weak.lock();
    if (!self || std::exchange(self->is_stopped_, true)) return;
    self->back_off_timer_.cancel();
    self->end_run(Error{ErrorCode::kClosed, reason});
  });
}

void PullSource::end_run(const Error& error) {
  thread_.check();
  log::info("ingest", "pull source ended channel={} reason=\"{}\" restarts={}", options_.channel,
            error.message, !is_stopped_);
  if (error.code != ErrorCode::kClosed) metrics_.count_error("ingest", error.code);
  ++run_;
  stall_timer_.cancel();
  if (pipeline_) {
    queue_->close();
    pipeline_->stop();
    stopping_ = std::move(pipeline_);
  }
  if (!is_stopped_) schedule_restart();
  finish_feed();
}

void PullSource::finish_feed() {
  const auto feed = std::exchange(feed_, nullptr);  // finish() may destroy the source's handle.
  if (!feed) return;
  if (const auto status = feed->finish(); !status.has_value())
    metrics_.count_error("ingest", status.error().code);
}

void PullSource::shut_down() {
  is_stopped_ = true;
  ++run_;
  back_off_timer_.cancel();
  stall_timer_.cancel();
  pipeline_.reset();
  stopping_.reset();
  finish_feed();
}

}  // namespace millrace::ingest
