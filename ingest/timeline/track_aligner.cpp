#include "ingest/timeline/track_aligner.h"

namespace millrace::ingest {

bool TrackAligner::align(SourcePacket& packet) {
  const bool is_video = packet.track->kind == MediaKind::kVideo;
  auto& own = is_video ? video_ : audio_;
  const auto& other = is_video ? audio_ : video_;
  MediaTime& shift = is_video ? video_shift_ : audio_shift_;
  bool disagrees = false;
  if (packet.track->index == 0 && !own) {
    const MediaTime lead = packet.dts - packet.received_at.time_since_epoch();
    // Both by what came last and by arrival: a burst after a hold-up, or of what the encoder had
    // kept, is apart by one of them alone.
    if (other && std::chrono::abs(packet.dts - other->newest_dts) > kFarthestApart &&
        std::chrono::abs(lead - other->first_lead) > kFarthestApart) {
      shift = other->newest_dts - packet.dts;
      disagrees = true;
    }
    own = Track{.newest_dts = {}, .first_lead = lead};
  }
  packet.dts += shift;
  packet.pts += shift;
  if (packet.track->index == 0) own->newest_dts = packet.dts;
  return disagrees;
}

}  // namespace millrace::ingest
