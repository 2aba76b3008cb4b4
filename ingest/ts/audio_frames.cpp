#include "ingest/ts/audio_frames.h"

#include "media/codec_configuration.h"

namespace millrace::ingest {

std::shared_ptr<const TrackInfo> AudioFrames::track_of_aac(
    std::span<const std::uint8_t> configuration) {
  const auto bytes = Bytes::copy_of(configuration);
  if (track_ && track_->codec_configuration == bytes) return track_;
  auto track = parse_aac_configuration(bytes);
  return track.has_value() ? keep(std::move(track).value()) : nullptr;
}

std::shared_ptr<const TrackInfo> AudioFrames::keep(TrackInfo track) {
  if (!track_ || *track_ != track) track_ = std::make_shared<const TrackInfo>(std::move(track));
  return track_;
}

}  // namespace millrace::ingest
