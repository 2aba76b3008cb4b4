#include "app/channel.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace millrace::app {
namespace {

using namespace std::chrono_literals;

// Numbers recorded ahead of use: one write to the state file covers so many segments. What is left
// of them after a restart is skipped.
constexpr SegmentNumber kNumbersAhead = 16;
// Where no state says how many discontinuities there were, the clock does, an hour for each, so
// that their count never runs back either. Not finer: hls.js has an array with that many places,
// and goes through it at each playlist (docs/decisions/0011).
constexpr SegmentNumber kNumbersPerHour = 7200;

}  // namespace

/// A rendition's packager, and where it pushes.
struct Channel::Rendition {
  std::unique_ptr<Sink<EncodedPacket>> packager;
};

/// Ties one publisher's packets to the session they belong to.
class Channel::PublisherFeed final : public ingest::Feed {
 public:
  PublisherFeed(Channel& channel, std::uint64_t session) : channel_(channel), session_(session) {}

  void announce(const ingest::Announcement& announcement) override {
    if (session_ == channel_.session_) channel_.begin_source(announcement);
  }
  Status push(ingest::SourcePacket packet) override {
    if (session_ != channel_.session_)
      return Error{ErrorCode::kClosed, "taken over by another publisher"};
    return channel_.push_source(std::move(packet));
  }
  Status finish() override {
    channel_.publisher_gone(session_);
    return ok();
  }

 private:
  Channel& channel_;
  const std::uint64_t session_;
};

Channel::Channel(std::string name, net::EventLoop& loop, const ChannelContext& context)
    : name_(std::move(name)),
      loop_(loop),
      context_(context),
      grace_(loop),
      publishers_(context.metrics.gauge("millrace_ingest_publishers",
                                        "Publishers connected to the channel.",
                                        {{"channel", name_}})),
      bytes_(context.metrics.counter("millrace_ingest_bytes_total",
                                     "Media payload received from publishers.",
                                     {{"channel", name_}})),
      video_packets_(context.metrics.counter("millrace_ingest_packets_total",
                                             "Access units received from publishers.",
                                             {{"channel", name_}, {"kind", "video"}})),
      audio_packets_(context.metrics.counter("millrace_ingest_packets_total",
                                             "Access units received from publishers.",
                                             {{"channel", name_}, {"kind", "audio"}})),
      frames_(context.metrics.counter("millrace_ingest_frames_total",
                                      "Pictures that came onto the channel's timeline.",
                                      {{"channel", name_}})) {}

Channel::~Channel() = default;

// --- Publishers -------------------------------------------------------------------------------

std::unique_ptr<ingest::Feed> Channel::attach(ingest::Publisher& publisher) {
  grace_.cancel();
  if (ingest::Publisher* const running = std::exchange(publisher_, nullptr)) {
    end_source();
    log::info("app", "publisher taken over channel={} old={} new={}", name_,
              running->remote_address(), publisher.remote_address());
    ++session_;  // Before stop(), whose finish() is then nobody's.
    running->stop("taken over by another publisher with the same key");
  }
  publisher_ = &publisher;
  ++session_;
  if (!timeline_) create_timeline();
  publishers_.set(1);
  set_status({.state = ChannelStatus::State::kLive,
              .live_since = context_.clock.steady_now(),
              .protocol = publisher.protocol(),
              .remote_address = publisher.remote_address()});
  log::info("app", "publisher connected channel={} session={} protocol={} remote={}", name_,
            session_, publisher.protocol(), publisher.remote_address());
  return std::make_unique<PublisherFeed>(*this, session_);
}

void Channel::begin_source(const ingest::Announcement& announcement) {
  if (source_has_begun_) return;  // Metadata in mid-stream changes nothing; the bitstream tells.
  timeline_->begin_source(announcement);
  if (!announcement.encoder.empty())
    log::info("app", "source announced channel={} session={} encoder=\"{}\" frame_rate={}", name_,
              session_, announcement.encoder, announcement.frame_rate);
}

Status Channel::push_source(ingest::SourcePacket packet) {
  if (!source_has_begun_) {
    source_has_begun_ = true;
    timeline_->begin_source({});
  }
  bytes_.increment(static_cast<double>(packet.payload.size()));
  (packet.track->kind == MediaKind::kVideo ? video_packets_ : audio_packets_).increment();
  return timeline_->push(std::move(packet));
}

void Channel::end_source() {
  source_has_begun_ = false;
  if (const Status status = timeline_->end_source(); !status.has_value())
    context_.metrics.count_error("app", status.error().code);
  // What the parts have so far goes out; the encoders hand over what they hold.
  for (auto& entry : renditions_) {
    const bool is_encoded = std::any_of(rungs_.begin(), rungs_.end(),
                                        [&](const auto& rung) { return rung.name == entry.first; });
    if (is_encoded) continue;
    if (const Status status = entry.second->packager->finish(); !status.has_value())
      context_.metrics.count_error("packager", status.error().code);
  }
  if (!ladder_) return;
  ladder_is_draining_ = true;
  if (const Status status = ladder_->finish(); !status.has_value())
    context_.metrics.count_error("transcode", status.error().code);
}

void Channel::publisher_gone(std::uint64_t session) {
  if (session != session_) return;
  publisher_ = nullptr;
  ++session_;
  end_source();
  publishers_.set(0);
  set_status({.state = ChannelStatus::State::kWaiting,
              .live_since = {},
              .protocol = {},
              .remote_address = {}});
  const auto grace = context_.config.grace_of(name_);
  log::info("app", "publisher gone channel={} session={} grace_seconds={}", name_, session,
            std::chrono::duration<double>(grace).count());
  grace_.start(grace, [this] { end_show(); });
}

void Channel::end_show() {
  ladder_.reset();
  rungs_.clear();
  output_->end();
  set_status({.state = ChannelStatus::State::kEnded,
              .live_since = {},
              .protocol = {},
              .remote_address = {}});
  log::info("app", "show ended channel={}", name_);
}

void Channel::tick() {
  if (!publisher_ || !timeline_) return;
  if (const Status status = timeline_->tick(); !status.has_value())
    publisher_->stop(status.error().message);
}

void Channel::close() {
  grace_.cancel();
  ++session_;
  if (std::exchange(publisher_, nullptr)) end_source();
  ladder_.reset();
  if (output_) output_->end();
}

// --- The pipeline, back to front --------------------------------------------------------------

void Channel::create_timeline() {
  const SegmentNumber by_clock = ingest::segment_number_at(context_.clock.wall_now());
  recorded_ = {.next_segment = by_clock,
               .discontinuity_sequence = by_clock / kNumbersPerHour,
               .promised_target = {}};
  if (const ChannelState* const earlier = context_.state.find(name_)) {
    recorded_.next_segment = std::max(by_clock, earlier->next_segment);
    recorded_.discontinuity_sequence = earlier->discontinuity_sequence + 1;
    recorded_.promised_target = earlier->promised_target;
  }
  {
    auto output = context_.origin.add_channel(name_, recorded_.discontinuity_sequence);
    const MutexLock lock(mutex_);
    output_ = std::move(output);
  }
  timeline_ = ingest::create_timeline({.channel = name_,
                                       .segment_target = context_.config.packager.segment,
                                       .part_target = context_.config.packager.part,
                                       .first_segment = recorded_.next_segment,
                                       .promised_target = recorded_.promised_target},
                                      *this, *this, context_.metrics, context_.clock);
  longest_gop_ = recorded_.promised_target;
  record_state(recorded_.next_segment);
}

Channel::Rendition& Channel::rendition(const std::string& rendition_name, MediaKind kind,
                                       std::int64_t bits_per_second) {
  auto& slot = renditions_[rendition_name];
  Sink<CmafChunk>& window = output_->add_rendition(
      {.name = rendition_name, .kind = kind, .declared_bits_per_second = bits_per_second});
  if (!slot) {
    auto packager = packager::create({.part_target = context_.config.packager.part,
                                      .metrics = &context_.metrics,
                                      .channel = name_},
                                     window);
    CHECK(packager.has_value());  // Its options were checked with the configuration.
    slot = std::make_unique<Rendition>(Rendition{std::move(packager).value()});
  }
  return *slot;
}

void Channel::on_tracks(const ingest::SourceTracks& tracks) {
  const Ladder& ladder = context_.config.ladder_of(name_);
  source_rendition_ = audio_rendition_ = nullptr;
  if (tracks.video) {
    const auto source = std::find_if(ladder.begin(), ladder.end(),
                                     [](const auto& rung) { return rung.passthrough; });
    if (source != ladder.end()) source_rendition_ = &rendition(source->name, MediaKind::kVideo, 0);
    build_ladder(*tracks.video);
    log::info("app", "video channel={} codec={} width={} height={} frame_rate={:.3f} rungs={}",
              name_, to_string(tracks.video->codec), tracks.video->video.width,
              tracks.video->video.height,
              static_cast<double>(tracks.video->video.frame_rate.numerator) /
                  static_cast<double>(tracks.video->video.frame_rate.denominator),
              rungs_.size());
  } else {
    ladder_.reset();
    rungs_.clear();
  }
  if (tracks.audio) audio_rendition_ = &rendition("audio", MediaKind::kAudio, 0);
  output_->renditions_complete();
}

void Channel::build_ladder(const TrackInfo& video) {
  auto rungs = context_.config.transcode.enabled
                   ? transcode::plan_ladder(context_.config.ladder_of(name_), video)
                   : std::vector<transcode::Rung>{};
  std::vector<Sink<EncodedPacket>*> outputs;
  outputs.reserve(rungs.size());
  for (const auto& rung : rungs)
    outputs.push_back(rendition(rung.name, MediaKind::kVideo, rung.bits_per_second).packager.get());
  // A running worker takes new parameters in order.
  if (ladder_ && !ladder_is_draining_ && rungs == rungs_) return;
  ladder_.reset();
  ladder_is_draining_ = false;
  rungs_ = std::move(rungs);
  if (rungs_.empty()) return;
  auto created = transcode::create({.channel = name_,
                                    .worker_path = context_.worker_path,
                                    .profile = context_.config.transcode.profile,
                                    .rungs = rungs_,
                                    .part_target = context_.config.packager.part},
                                   std::move(outputs), loop_, context_.metrics);
  if (created.has_value()) {
    ladder_ = std::move(created).value();
    return;
  }
  context_.metrics.count_error("transcode", created.error().code);
  log::error("app", "no ladder channel={} error={}", name_, created.error().message);
}

void Channel::on_target_duration(MediaTime target) {
  longest_gop_ = std::max(longest_gop_, target);
  output_->promise_target_duration(target);
}

void Channel::on_segment(const ingest::SegmentStart& segment) {
  output_->open_segment(segment.number, segment.start, segment.starts_discontinuity);
  recorded_.discontinuity_sequence += segment.starts_discontinuity ? 1 : 0;
  if (segment.starts_discontinuity || segment.number + kNumbersAhead / 2 > recorded_.next_segment)
    record_state(segment.number);
}

void Channel::record_state(SegmentNumber used) {
  recorded_.next_segment = used + kNumbersAhead;
  recorded_.promised_target = longest_gop_;
  context_.state.record(name_, recorded_);
}

Status Channel::push(EncodedPacket packet) {
  if (packet.track->kind == MediaKind::kAudio)
    return audio_rendition_->packager->push(std::move(packet));
  frames_.increment();
  if (source_rendition_) RETURN_IF_ERROR(source_rendition_->packager->push(packet));
  if (ladder_)
    if (const Status status = ladder_->push(std::move(packet)); !status.has_value()) {
      // The rungs end, not the channel.
      context_.metrics.count_error("transcode", status.error().code);
      log::error("app", "ladder ended channel={} error={}", name_, status.error().message);
      ladder_.reset();
    }
  return ok();
}

// --- Status -----------------------------------------------------------------------------------

void Channel::set_status(ChannelStatus status) {
  const MutexLock lock(mutex_);
  status_ = std::move(status);
}

ChannelStatus Channel::status() const {
  const MutexLock lock(mutex_);
  return status_;
}

std::shared_ptr<hls::Channel> Channel::output() const {
  const MutexLock lock(mutex_);
  return output_;
}

}  // namespace millrace::app
