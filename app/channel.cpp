#include "app/channel.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app/channel_rendition.h"
#include "base/log.h"
#include "packager/packager.h"

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
// Where takeover is off, a publisher that has been silent for so long is not in the way.
constexpr auto kStillThere = 3s;
constexpr auto kDrainStep = 50ms;
// Renditions of a channel, which stay as long as it does.
constexpr std::size_t kMostRenditions = 64;

std::vector<std::shared_ptr<const TrackInfo>> without_pictures(
    std::vector<std::shared_ptr<const TrackInfo>> tracks) {
  std::erase_if(tracks, [](const auto& track) { return track->kind == MediaKind::kVideo; });
  return tracks;
}

}  // namespace

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
  void unpublish() override {
    if (session_ == channel_.session_) channel_.has_unpublished_ = true;
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
      rules_(context.config.publisher_rules_of(name_)),
      report_(ingest::create_stream_report(name_, context.metrics, context.clock)),
      report_teller_(name_, context.config.events, context.events_client, context.metrics,
                     context.clock),
      qualification_(name_, context.metrics),
      changes_(name_, context.metrics),
      template_(&context.config.ladder_of(name_)),
      admission_(name_, rules_.priority, context.config.transcode.profile,
                 context.config.packager.part, context.capacity, context.devices, context.metrics),
      grace_(loop),
      sound_({.channel = name_,
              .worker_path = context.config.transcode.enabled ? context.worker_path : std::string(),
              .codec = context.config.transcode.audio_codec,
              .on_crash = context.on_worker_crash},
             loop, context.metrics,
             [this](ingest::SourcePacket packet) { return timeline_->push(std::move(packet)); }),
      hold_(name_, context.worker_path, loop, context.metrics),
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

Status Channel::check_takeover() const {
  if (publisher_ && !rules_.takeover && !publisher_->gives_way() &&
      context_.clock.steady_now() - newest_media_at_ < kStillThere)
    return Error{ErrorCode::kDenied, "another publisher is live, and takeover is off"};
  return ok();
}

std::unique_ptr<ingest::Feed> Channel::attach(ingest::Publisher& publisher,
                                              const std::string& ladder) {
  grace_.cancel();
  if (ingest::Publisher* const running = std::exchange(publisher_, nullptr)) {
    end_source();
    log::info("app", "publisher taken over channel={} old={} new={}", name_,
              running->remote_address(), publisher.remote_address());
    ++session_;  // Before stop(), whose finish() is then nobody's.
    running->stop("taken over by another publisher with the same key");
  }
  publisher_ = &publisher;
  const auto granted = context_.config.ladder.find(ladder);
  template_ = granted == context_.config.ladder.end() ? &context_.config.ladder_of(name_)
                                                      : &granted->second;
  has_unpublished_ = false;
  ++session_;
  if (!timeline_) create_timeline();
  publishers_.set(1);
  qualification_.begin(*template_);
  changes_.begin();
  report_->begin(publisher.protocol(), qualification_.limits());
  unaligned_.clear();
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
  source_has_begun_ = true;
  report_->announce(announcement);
  timeline_->begin_source(announcement);
  if (!announcement.encoder.empty())
    log::info("app", "source announced channel={} session={} encoder=\"{}\" frame_rate={}", name_,
              session_, announcement.encoder, announcement.frame_rate);
}

Status Channel::push_source(ingest::SourcePacket packet) {
  if (packet.track->kind == MediaKind::kVideo && packet.track->index == 0)
    refuse_publisher(qualification_.check(packet.track));
  refuse_publisher(changes_.check(packet, context_.clock.steady_now()));
  if (qualification_.is_refused() || changes_.is_cut_off()) return ok();
  if (!source_has_begun_) {
    source_has_begun_ = true;
    timeline_->begin_source({});
  }
  bytes_.increment(static_cast<double>(packet.payload.size()));
  (packet.track->kind == MediaKind::kVideo ? video_packets_ : audio_packets_).increment();
  newest_media_at_ = packet.received_at;
  report_->add(packet);
  return packet.track->kind == MediaKind::kAudio ? sound_.push(std::move(packet))
                                                 : timeline_->push(std::move(packet));
}

void Channel::refuse_publisher(const std::optional<std::string>& reason) {
  if (reason && publisher_) publisher_->stop(*reason);
}

void Channel::end_source() {
  source_has_begun_ = false;
  sound_.reset();
  if (const Status status = timeline_->end_source(); !status.has_value())
    context_.metrics.count_error("app", status.error().code);
  // While the channel is filled its renditions are the fill's.
  if (hold_.state() != Hold::State::kFilling) finish_source_renditions();
}

void Channel::finish_source_renditions() {
  // What the parts have so far goes out; the encoders hand over what they hold.
  open_part_.clear();
  for (auto& entry : renditions_) {
    const bool is_encoded = std::any_of(rungs_.begin(), rungs_.end(),
                                        [&](const auto& rung) { return rung.name == entry.first; });
    if (!is_encoded) finish(*entry.second->packager);
  }
  if (!ladder_ || ladder_is_draining_) return;
  ladder_is_draining_ = true;
  draining_since_ = context_.clock.steady_now();
  if (const Status status = ladder_->finish(); !status.has_value())
    context_.metrics.count_error("transcode", status.error().code);
}

void Channel::publisher_gone(std::uint64_t session) {
  if (session != session_) return;
  publisher_ = nullptr;
  ++session_;
  end_source();
  report_->end();
  publishers_.set(0);
  set_status({.state = ChannelStatus::State::kWaiting,
              .live_since = {},
              .protocol = {},
              .remote_address = {}});
  const bool ends = has_unpublished_ && rules_.end_on_unpublish;
  const auto grace = ends ? 0ms : rules_.grace;
  log::info("app", "publisher gone channel={} session={} grace_seconds={}", name_, session,
            std::chrono::duration<double>(grace).count());
  grace_.start(grace, [this] { end_show(); });
}

void Channel::end_show() {
  // What the encoders hold is shown as well.
  if (!is_drained()) return grace_.start(kDrainStep, [this] { end_show(); });
  if (hold_.state() == Hold::State::kFilling) {
    if (const Status status = timeline_->end_fill(); !status.has_value())
      context_.metrics.count_error("app", status.error().code);
    finish_source_renditions();
  }
  forget_hold();
  is_on_air_ = false;
  drop_ladder();
  rungs_.clear();
  for (auto& entry : renditions_) entry.second->last_pictures.forget();
  output_->end();
  set_status({.state = ChannelStatus::State::kEnded,
              .live_since = {},
              .protocol = {},
              .remote_address = {}});
  log::info("app", "show ended channel={}", name_);
}

void Channel::tick() {
  if (!timeline_) return;
  report_->tick();
  report_teller_.tick(report_->findings());
  refuse_publisher(qualification_.follow(*report_->findings()));
  hold_if_silent();
  follow_demand();
  if (!publisher_ && hold_.state() != Hold::State::kFilling) return;
  const Status status = timeline_->tick();
  if (status.has_value()) return;
  context_.metrics.count_error("app", status.error().code);
  if (publisher_) return publisher_->stop(status.error().message);
  log::error("app", "nothing can be held channel={} error={}", name_, status.error().message);
  end_show();
}

void Channel::close() {
  grace_.cancel();
  ++session_;
  if (std::exchange(publisher_, nullptr)) end_source();
  report_->end();
  forget_hold();
  drop_ladder();
  if (output_ && context_.config.limits.end_on_stop) output_->end();
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
    // It posts: no request is answered inside it.
    output->on_awaited([this] { loop_.post([this] { follow_demand(); }); });
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
                                       std::int64_t bits_per_second,
                                       std::shared_ptr<const InitSegment> init) {
  auto& slot = renditions_[rendition_name];
  Sink<CmafChunk>& window = output_->add_rendition({.name = rendition_name,
                                                    .kind = kind,
                                                    .declared_bits_per_second = bits_per_second,
                                                    .init = std::move(init)});
  if (!slot) {
    slot = std::make_unique<Rendition>(window);
    const auto package_for = [this](Sink<CmafChunk>& next) {
      auto packager = packager::create({.part_target = context_.config.packager.part,
                                        .metrics = &context_.metrics,
                                        .channel = name_},
                                       next);
      CHECK(packager.has_value());  // Its options were checked with the configuration.
      return std::move(packager).value();
    };
    slot->packager = package_for(kind == MediaKind::kVideo ? slot->last_pictures : window);
    slot->older = package_for(output_->promised(rendition_name));
  }
  return *slot;
}

void Channel::on_tracks(const ingest::SourceTracks& tracks) {
  if (tracks.is_fill) return;  // The same renditions.
  // What follows a silence that was filled is no other beginning than the network's.
  if (hold_.state() == Hold::State::kNone)
    refuse_publisher(changes_.begin_anew(context_.clock.steady_now()));
  if (hold_.state() == Hold::State::kFilling) {
    finish_source_renditions();
    drop_ladder();
    log::info("app", "source is back channel={}", name_);
  }
  forget_hold();
  Rendition* const before = std::exchange(source_rendition_, nullptr);
  audio_rendition_ = nullptr;
  others_.clear();
  ready_made_.clear();
  source_track_ = tracks.video;
  // Behind the picture, and before alternate sound: the first one is what MPEG-TS has.
  const auto add_sound = [&] {
    if (tracks.audio) audio_rendition_ = &rendition("audio", MediaKind::kAudio, 0);
  };
  if (tracks.video) {
    const bool is_encoded = qualification_.is_encoded(*tracks.video);
    const Ladder ladder =
        is_encoded ? transcode::without_passthrough(*template_, *tracks.video) : *template_;
    const auto source = std::find_if(ladder.begin(), ladder.end(),
                                     [](const auto& rung) { return rung.passthrough; });
    if (source != ladder.end()) source_rendition_ = &rendition(source->name, MediaKind::kVideo, 0);
    if (before && !source_rendition_) end_passthrough(*before);
    add_sound();
    add_others(is_encoded ? without_pictures(tracks.others) : tracks.others);
    build_ladder(ladder, *tracks.video);
    log::info("app", "video channel={} codec={} width={} height={} frame_rate={:.3f} rungs={}",
              name_, to_string(tracks.video->codec), tracks.video->video.width,
              tracks.video->video.height,
              static_cast<double>(tracks.video->video.frame_rate.numerator) /
                  static_cast<double>(tracks.video->video.frame_rate.denominator),
              rungs_.size());
  } else {
    add_sound();
    add_others(tracks.others);
    drop_ladder();
    rungs_.clear();
  }
  output_->renditions_complete();
}

/// What its part has so far goes out: the next picture comes from an encoder, later.
void Channel::end_passthrough(Rendition& source) {
  open_part_.clear();
  finish(*source.packager);
}

void Channel::add_others(const std::vector<std::shared_ptr<const TrackInfo>>& tracks) {
  for (const auto& track : tracks) {
    std::string name = fmt::format("audio-{}", track->index + 1);
    if (track->kind == MediaKind::kVideo) {
      name = name_of_rung(*track);
      ready_made_.push_back(transcode::rung_like(*track));
      ready_made_.back().name = name;
    }
    others_[{track->kind, track->index}] = &rendition(name, track->kind, 0);
    log::info("app", "further track channel={} rendition={} codec={} language={}", name_, name,
              to_string(track->codec), track->language);
  }
}

/// "360p", where no other rendition of the source is called so.
std::string Channel::name_of_rung(const TrackInfo& track) const {
  std::string name = fmt::format("{}p", std::min(track.video.width, track.video.height));
  const bool is_taken = std::any_of(ready_made_.begin(), ready_made_.end(),
                                    [&](const auto& rung) { return rung.name == name; }) ||
                        std::any_of(template_->begin(), template_->end(), [&](const auto& rung) {
                          return rung.passthrough && rung.name == name;
                        });
  if (is_taken) name = fmt::format("{}-{}", name, track.index + 1);
  // A source that changes its sizes for ever has as many renditions as tracks.
  if (renditions_.size() >= kMostRenditions && !renditions_.contains(name))
    name = fmt::format("video-{}", track.index + 1);
  return name;
}

void Channel::on_unaligned_rung(int index) {
  report_->add_unaligned_rung();
  if (!unaligned_.insert(index).second) return;
  log::warning("app", "a ready-made rung has its key frames elsewhere channel={} track={}", name_,
               index);
}

void Channel::build_ladder(const Ladder& ladder, const TrackInfo& video) {
  const bool encodes = context_.config.transcode.enabled && ready_made_.empty();
  auto rungs = encodes ? transcode::plan_ladder(with_overrides(ladder), video, rules_.encode)
                       : std::vector<transcode::Rung>{};
  std::vector<Sink<EncodedPacket>*> outputs, older_outputs;
  for (auto& rung : rungs) {
    auto init = rung.is_on_demand ? describe(rung, video) : nullptr;
    const Rendition& made =
        rendition(rung.name, MediaKind::kVideo, rung.bits_per_second, std::move(init));
    outputs.push_back(made.packager.get());
    older_outputs.push_back(made.older.get());
  }
  // A running worker takes new parameters in order.
  if (encoding_ && !ladder_is_draining_ && rungs == rungs_) return;
  drop_ladder();
  ladder_is_draining_ = is_drained_ = false;
  rungs_ = std::move(rungs);
  admission_.set_rungs(rungs_, source_track_);
  if (rungs_.empty()) return;
  auto created = transcode::create({.channel = name_,
                                    .worker_path = context_.worker_path,
                                    .profile = context_.config.transcode.profile,
                                    .rungs = rungs_,
                                    .part_target = context_.config.packager.part,
                                    .on_drained = [this] { on_drained(); },
                                    .worker_memory = context_.config.transcode.worker_memory,
                                    .worker_cores = context_.config.transcode.worker_cores,
                                    .worker_turn = context_.worker_turn,
                                    .on_crash = context_.on_worker_crash,
                                    .capacity = &context_.capacity,
                                    .remote = context_.remote_hosts,
                                    .devices = &context_.devices,
                                    .device_worker_path = context_.device_worker_path,
                                    .source = source_track_,
                                    .older_outputs = older_outputs},
                                   outputs, loop_, context_.metrics);
  if (created.has_value()) {
    encoding_ = created.value().get();
    ladder_ = std::move(created).value();
    encoding_->want(admitted_rungs(), {});
    return;
  }
  context_.metrics.count_error("transcode", created.error().code);
  log::error("app", "no ladder channel={} error={}", name_, created.error().message);
}

std::shared_ptr<const InitSegment> Channel::describe(transcode::Rung& rung,
                                                     const TrackInfo& video) const {
  // It catches up with the source's own window, so there has to be one.
  auto track =
      source_rendition_
          ? transcode::describe_rung(rung, context_.config.transcode.profile, video,
                                     context_.config.packager.part)
          : Result<TrackInfo>(Error{ErrorCode::kUnsupported, "the source is not passed through"});
  if (track.has_value())
    return packager::init_of(std::make_shared<const TrackInfo>(std::move(track).value()),
                             context_.config.packager.part);
  rung.is_on_demand = false;
  log::warning("app", "rung is always encoded channel={} rung={} reason=\"{}\"", name_, rung.name,
               track.error().message);
  return nullptr;
}

void Channel::finish(Sink<EncodedPacket>& packager) {
  if (const Status status = packager.finish(); !status.has_value())
    context_.metrics.count_error("packager", status.error().code);
}

void Channel::drop_ladder() {
  encoding_ = nullptr;
  ladder_.reset();
  for (const auto& rung : rungs_) finish(*renditions_.at(rung.name)->older);
  admission_.set_rungs({}, nullptr);
}

void Channel::remember(const EncodedPacket& packet) {
  open_part_.push_back(packet);
  const LastPictures& kept = source_rendition_->last_pictures;
  if (!source_rendition_->last_pictures.take_news()) return;
  if (kept.ends_with(packet))
    open_part_.clear();
  else  // It began the next one.
    open_part_.erase(open_part_.begin(), std::prev(open_part_.end()));
}

void Channel::on_target_duration(MediaTime target) {
  longest_gop_ = std::max(longest_gop_, target);
  output_->promise_target_duration(target);
}

void Channel::on_segment(const ingest::SegmentStart& segment) {
  is_on_air_ = true;
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
  if (packet.track->index > 0) {
    const auto other = others_.find({packet.track->kind, packet.track->index});
    return other == others_.end() ? ok() : other->second->packager->push(std::move(packet));
  }
  if (packet.track->kind == MediaKind::kAudio)
    return audio_rendition_->packager->push(std::move(packet));
  frames_.increment();
  if (source_rendition_) {
    RETURN_IF_ERROR(source_rendition_->packager->push(packet));
    remember(packet);
  }
  if (ladder_)
    if (const Status status = ladder_->push(std::move(packet)); !status.has_value()) {
      // The rungs end, not the channel.
      context_.metrics.count_error("transcode", status.error().code);
      log::error("app", "ladder ended channel={} error={}", name_, status.error().message);
      drop_ladder();
    }
  return ok();
}

// --- Status -----------------------------------------------------------------------------------

void Channel::set_status(ChannelStatus status) {
  const MutexLock lock(mutex_);
  status.is_holding = status_.is_holding;
  status_ = std::move(status);
}

void Channel::set_holding(bool is_holding) {
  const MutexLock lock(mutex_);
  status_.is_holding = is_holding;
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
