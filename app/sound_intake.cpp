#include "app/sound_intake.h"

#include <utility>

#include "base/log.h"
#include "media/opus.h"

namespace millrace::app {

/// Hands on what a worker made of one track.
class SoundIntake::Converter final : private Sink<EncodedPacket> {
 public:
  explicit Converter(const Output& output) : output_(output) {}

  Status start(const transcode::AudioOptions& options, net::EventLoop& loop, Metrics& metrics) {
    ASSIGN_OR_RETURN(worker_, transcode::create_audio(options, *this, loop, metrics));
    return ok();
  }
  Status convert(ingest::SourcePacket packet) {
    EncodedPacket encoded;
    encoded.track = std::move(packet.track);
    encoded.payload = std::move(packet.payload);
    encoded.pts = encoded.dts = packet.pts;
    encoded.is_key_frame = true;
    encoded.received_at = packet.received_at;
    return worker_->push(std::move(encoded));
  }

 private:
  Status push(EncodedPacket packet) override {
    return output_({.track = std::move(packet.track),
                    .payload = std::move(packet.payload),
                    .dts = packet.dts,
                    .pts = packet.pts,
                    .is_key_frame = true,
                    .received_at = packet.received_at});
  }
  Status finish() override { return ok(); }

  const Output& output_;
  std::unique_ptr<Sink<EncodedPacket>> worker_;
};

SoundIntake::SoundIntake(transcode::AudioOptions options, net::EventLoop& loop, Metrics& metrics,
                         Output output)
    : options_(std::move(options)), loop_(loop), metrics_(metrics), output_(std::move(output)) {}

SoundIntake::~SoundIntake() = default;

Status SoundIntake::push(ingest::SourcePacket packet) {
  if (is_passed(packet)) return output_(std::move(packet));
  Converter* const converter = find_or_create(*packet.track);
  return converter ? converter->convert(std::move(packet)) : ok();
}

/// On the timeline all of a track's frames have one length: Opus in others is made anew.
bool SoundIntake::is_passed(const ingest::SourcePacket& packet) const {
  const TrackInfo& track = *packet.track;
  if (track.codec != Codec::kOpus) return track.codec == Codec::kAac;
  return options_.codec == Codec::kOpus && !converters_.contains(track.index) &&
         opus_samples(packet.payload.span()) == track.audio.samples_per_frame;
}

void SoundIntake::reset() {
  converters_.clear();
  has_told_ = false;
}

SoundIntake::Converter* SoundIntake::find_or_create(const TrackInfo& track) {
  if (const auto found = converters_.find(track.index); found != converters_.end())
    return found->second.get();
  if (has_told_) return nullptr;
  Status status = Error{ErrorCode::kUnsupported, "transcode.enabled is false"};
  auto converter = std::make_unique<Converter>(output_);
  if (!options_.worker_path.empty()) status = converter->start(options_, loop_, metrics_);
  if (!status.has_value()) {
    has_told_ = true;
    metrics_.count_error("transcode", status.error().code);
    log::error("app", "sound is left out channel={} codec={} error={}", options_.channel,
               to_string(track.codec), status.error().message);
    return nullptr;
  }
  log::info("app", "sound becomes {} channel={} codec={} track={}", to_string(options_.codec),
            options_.channel, to_string(track.codec), track.index);
  return converters_.emplace(track.index, std::move(converter)).first->second.get();
}

}  // namespace millrace::app
