#include "app/sound_intake.h"

#include <utility>

#include "base/log.h"

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

SoundIntake::SoundIntake(std::string channel, std::string worker_path, net::EventLoop& loop,
                         Metrics& metrics, Output output)
    : channel_(std::move(channel)),
      worker_path_(std::move(worker_path)),
      loop_(loop),
      metrics_(metrics),
      output_(std::move(output)) {}

SoundIntake::~SoundIntake() = default;

Status SoundIntake::push(ingest::SourcePacket packet) {
  if (packet.track->codec == Codec::kAac) return output_(std::move(packet));
  Converter* const converter = find_or_create(*packet.track);
  return converter ? converter->convert(std::move(packet)) : ok();
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
  if (!worker_path_.empty())
    status = converter->start({.channel = channel_, .worker_path = worker_path_}, loop_, metrics_);
  if (!status.has_value()) {
    has_told_ = true;
    metrics_.count_error("transcode", status.error().code);
    log::error("app", "sound is left out channel={} codec={} error={}", channel_,
               to_string(track.codec), status.error().message);
    return nullptr;
  }
  log::info("app", "sound becomes AAC channel={} codec={} track={}", channel_,
            to_string(track.codec), track.index);
  return converters_.emplace(track.index, std::move(converter)).first->second.get();
}

}  // namespace millrace::app
