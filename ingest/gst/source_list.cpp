#include "ingest/gst/source_list.h"

#include <algorithm>
#include <random>
#include <utility>

#include "base/log.h"

namespace millrace::ingest {
namespace {

using namespace std::chrono_literals;

// How late a deadline may be noticed, and how soon a publisher's end is.
constexpr auto kTick = 100ms;
// Pictures that are announced and do not come are not waited for when it is about sound.
constexpr auto kPictureWait = 1s;

std::function<double()> random_shares() {
  return [engine = std::minstd_rand(std::random_device{}())]() mutable {
    return std::uniform_real_distribution<double>(0, 1)(engine);
  };
}

}  // namespace

/// What the channel knows of the source on air. Each time on air has one of its own.
class SourceList::OnAir final : public Publisher {
 public:
  OnAir(SourceList& list, std::uint64_t session, std::string shown)
      : list_(list.weak_from_this()),
        loop_(list.loop_),
        session_(session),
        shown_(std::move(shown)) {}

  void stop(std::string_view reason) override {
    loop_.post([list = list_, session = session_, reason = std::string(reason)] {
      if (const auto self = list.lock()) self->cut_off(session, reason);
    });
  }
  std::string protocol() const override { return "pull"; }
  bool gives_way() const override { return true; }
  std::string remote_address() const override { return shown_; }

 private:
  const std::weak_ptr<SourceList> list_;
  net::EventLoop& loop_;
  const std::uint64_t session_;
  const std::string shown_;
};

struct SourceList::Source {
  Source(Metrics& metrics, const Labels& labels)
      : state(metrics.gauge("millrace_pull_state",
                            "0 rests, 1 waits to be tried again, 2 connects, 3 delivers while "
                            "another is on air, 4 is on air.",
                            labels)),
        picture_age(metrics.gauge("millrace_pull_last_picture_age_seconds",
                                  "Since the source's newest picture; 0 while it does not run.",
                                  labels)),
        bytes(metrics.counter("millrace_pull_bytes_total",
                              "Media payload that a source has delivered, on air or not.",
                              labels)) {}

  SourceUrl url;
  std::shared_ptr<SourceRun> run;  ///< Null between two.
  std::uint64_t run_number = 0;
  bool has_ended = false;  ///< The run is to come to rest.
  Announcement announcement;
  Failover::TimePoint began_at;    ///< First packet of the run.
  Failover::TimePoint picture_at;  ///< Newest picture; the first packet until there is one.
  bool has_packets = false;
  bool has_pictures = false;
  std::string last_error;  ///< Of the run, or of the one before; said once.
  std::string said_error;
  Gauge state;
  Gauge picture_age;
  Counter bytes;
};

SourceList::SourceList(PullOptions options, net::EventLoop& loop, PullTarget& target,
                       net::srt::Callers& callers, Metrics& metrics, const Clock& clock)
    : options_(std::move(options)),
      loop_(loop),
      target_(target),
      callers_(callers),
      metrics_(metrics),
      clock_(clock),
      failover_(options_.urls.size(), options_.timing, random_shares()),
      active_(metrics.gauge("millrace_pull_active_source",
                            "Index of the source on air, from 0; -1: none.",
                            {{"channel", options_.channel}})),
      timer_(loop) {}

SourceList::~SourceList() = default;

Labels SourceList::labels_of(std::size_t index) const {
  return {{"channel", options_.channel}, {"source", std::to_string(index)}};
}

Status SourceList::prepare() {
  for (std::size_t i = 0; i < options_.urls.size(); ++i) {
    auto source = std::make_unique<Source>(metrics_, labels_of(i));
    ASSIGN_OR_RETURN(source->url, parse_source_url(options_.urls[i]));
    if (source->url.kind != SourceKind::kSrt) {
      RETURN_IF_ERROR(create_pipeline_run(
          source->url, {loop_, metrics_, clock_, callers_, labels_of(i)}, SourceRun::Events{}));
    }
    sources_.push_back(std::move(source));
  }
  active_.set(-1);
  return ok();
}

void SourceList::start() {
  tick();
}

void SourceList::stop(std::function<void()> done) {
  thread_.check();
  stopped_ = std::move(done);
  leave_air();
  tick();
}

void SourceList::tick() {
  thread_.check();
  const bool gives_way = stopped_ != nullptr || (!feed_ && target_.is_taken());
  if (gives_way != failover_.is_paused()) {
    if (!stopped_)
      log::info("ingest", "pull sources {} channel={}",
                gives_way ? "give way to a publisher" : "run", options_.channel);
    gives_way ? failover_.pause() : failover_.resume(clock_.steady_now());
  }
  bool is_at_rest = true;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    Source& source = *sources_[i];
    if (source.has_ended && source.run->is_stopped()) {
      source.run.reset();
      source.has_ended = false;
      failover_.came_to_rest(i);
    }
    is_at_rest = is_at_rest && !source.run;
  }
  act();
  report();
  if (stopped_ && is_at_rest) return std::exchange(stopped_, [] {})();
  timer_.start(kTick, [this] { tick(); });
}

void SourceList::act() {
  for (const auto& command : failover_.step(clock_.steady_now())) {
    if (command.kind == Failover::Command::Kind::kStart)
      start_run(command.source);
    else
      stop_run(command.source, command.why);
  }
}

// --- Runs ---------------------------------------------------------------------------------------

void SourceList::start_run(std::size_t index) {
  Source& source = *sources_[index];
  source.announcement = {};
  source.has_packets = source.has_pictures = false;
  source.last_error.clear();
  const std::uint64_t run = ++source.run_number;
  // The list outlives its runs, whose tasks hold them weakly.
  SourceRun::Events events;
  events.on_announcement = [&source](const Announcement& said) { source.announcement = said; };
  events.on_packet = [this, index](SourcePacket packet) { return take(index, std::move(packet)); };
  events.on_end = [this, index, run](const Error& error) { run_ended(index, run, error); };
  const RunContext context{loop_, metrics_, clock_, callers_, labels_of(index)};
  if (source.url.kind == SourceKind::kSrt) {
    source.run = create_srt_run(source.url, context, std::move(events));
  } else {
    auto made = create_pipeline_run(source.url, context, std::move(events));
    if (!made.has_value()) return run_ended(index, run, made.error());
    source.run = std::move(made).value();
  }
  log::debug("ingest", "pull source starts channel={} source={} url={}", options_.channel, index,
             source.url.shown);
  source.run->start();
}

void SourceList::stop_run(std::size_t index, std::optional<Failover::Failure> why) {
  Source& source = *sources_[index];
  if (source.run) {
    source.run->stop();
    source.has_ended = true;
  } else {
    failover_.came_to_rest(index);
  }
  if (fed_ == index) fed_.reset();
  if (!why) return;
  metrics_
      .counter("millrace_pull_failures_total",
               "Runs of a source that failed; each is followed by another.",
               [&] {
                 Labels labels = labels_of(index);
                 labels["why"] = to_string(*why);
                 return labels;
               }())
      .increment();
  std::string reason = source.last_error;
  if (*why == Failover::Failure::kNoStart) reason = "it has delivered nothing since its start";
  if (*why == Failover::Failure::kSilence) reason = "it delivers nothing any more";
  // Once for each reason: a source that is away for a night fills no disk.
  const bool is_new = std::exchange(source.said_error, reason) != reason;
  const auto retry =
      std::max<std::chrono::nanoseconds>(failover_.next_try(index) - clock_.steady_now(), 0ns);
  if (is_new)
    log::warning("ingest",
                 "pull source failed channel={} source={} url={} reason=\"{}\" retry_in={:.1f}",
                 options_.channel, index, source.url.shown, reason,
                 std::chrono::duration<double>(retry).count());
}

void SourceList::run_ended(std::size_t index, std::uint64_t run, const Error& error) {
  Source& source = *sources_[index];
  if (source.run_number != run) return;
  source.last_error = scrubbed(source.url, error.message);
  const bool is_in_order = error.code == ErrorCode::kClosed;
  if (!is_in_order) metrics_.count_error("ingest", error.code);
  failover_.ended(index, is_in_order ? Failover::Failure::kEnded : Failover::Failure::kError,
                  source.url.kind == SourceKind::kFile, clock_.steady_now());
  // Not from inside act(): the next tick carries it out.
}

bool SourceList::may_open(const Source& source, const SourcePacket& packet) const {
  if (packet.track->kind == MediaKind::kVideo) return packet.is_key_frame;
  return !source.has_pictures &&
         (!source.announcement.has_video || clock_.steady_now() - source.began_at >= kPictureWait);
}

Status SourceList::take(std::size_t index, SourcePacket packet) {
  Source& source = *sources_[index];
  const auto now = clock_.steady_now();
  if (!std::exchange(source.has_packets, true)) source.began_at = source.picture_at = now;
  if (packet.track->kind == MediaKind::kVideo) {
    source.has_pictures = true;
    source.picture_at = now;
  }
  source.bytes.increment(static_cast<double>(packet.payload.size()));
  if (!failover_.delivered(index, may_open(source, packet), now)) return ok();
  if (fed_ != index) go_on_air(index);
  if (!feed_) return ok();
  Status pushed = feed_->push(std::move(packet));
  // The channel has taken the feed away: what becomes of the source is said by cut_off().
  return !pushed.has_value() && pushed.error().code == ErrorCode::kClosed ? ok() : pushed;
}

// --- On air -------------------------------------------------------------------------------------

void SourceList::go_on_air(std::size_t index) {
  Source& source = *sources_[index];
  if (!feed_ && target_.is_taken()) return;  // The next tick gives way.
  auto publisher = std::make_unique<OnAir>(*this, ++session_, source.url.shown);
  // attach() takes over from the source before, which it stops: publisher_ lives until then.
  auto feed = target_.attach(*publisher);
  leave_air();
  publisher_ = std::move(publisher);
  feed_ = std::move(feed);
  fed_ = index;
  source.said_error.clear();
  feed_->announce(source.announcement);
  log::info("ingest", "pull source on air channel={} source={} url={}", options_.channel, index,
            source.url.shown);
}

void SourceList::cut_off(std::uint64_t session, const std::string& reason) {
  if (session != session_ || !feed_) return;  // Of a source that is not on air any more.
  const auto index = fed_;
  leave_air();
  if (target_.is_taken() || !index) return tick();
  sources_[*index]->last_error = reason;
  failover_.ended(*index, Failover::Failure::kError, false, clock_.steady_now());
  tick();
}

void SourceList::leave_air() {
  fed_.reset();
  const auto feed = std::exchange(feed_, nullptr);
  if (feed)
    if (const Status status = feed->finish(); !status.has_value())
      metrics_.count_error("ingest", status.error().code);
  publisher_.reset();
}

void SourceList::report() {
  const auto now = clock_.steady_now();
  const auto on_air = failover_.on_air();
  active_.set(on_air ? static_cast<double>(*on_air) : -1);
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const Source& source = *sources_[i];
    const auto state = failover_.state(i);
    const bool runs = source.run && !source.has_ended && source.has_packets;
    sources_[i]->state.set(state == Failover::State::kStopping ? 1 : static_cast<double>(state));
    sources_[i]->picture_age.set(
        runs ? std::chrono::duration<double>(now - source.picture_at).count() : 0);
  }
}

// --- The handle ---------------------------------------------------------------------------------

Status check_source_url(std::string_view url) {
  const auto parsed = parse_source_url(url);
  if (parsed.has_value()) return ok();
  return parsed.error();
}

namespace {

class Handle final : public PullSources {
 public:
  explicit Handle(std::shared_ptr<SourceList> list) : list_(std::move(list)) {}
  void stop(std::function<void()> done) override { list_->stop(std::move(done)); }

 private:
  const std::shared_ptr<SourceList> list_;
};

}  // namespace

Result<std::unique_ptr<PullSources>> create_pull_sources(PullOptions options, net::EventLoop& loop,
                                                         PullTarget& target,
                                                         net::srt::Callers& callers,
                                                         Metrics& metrics, const Clock& clock) {
  auto list =
      std::make_shared<SourceList>(std::move(options), loop, target, callers, metrics, clock);
  RETURN_IF_ERROR(list->prepare());
  loop.post([weak = std::weak_ptr(list)] {
    if (const auto self = weak.lock()) self->start();
  });
  return std::make_unique<Handle>(std::move(list));
}

}  // namespace millrace::ingest
