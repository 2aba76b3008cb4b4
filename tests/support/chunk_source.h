#pragma once
// CMAF chunks as a packager would push them, with any bytes as media.
#include <memory>
#include <string>

#include "media/cmaf_chunk.h"

namespace millrace::test {

inline std::shared_ptr<const InitSegment> init_segment(
    MediaKind kind = MediaKind::kVideo, MediaTime part_target = std::chrono::milliseconds(200)) {
  auto track = std::make_shared<TrackInfo>();
  track->kind = kind;
  track->video.width = 1280;
  track->video.height = 720;
  track->video.frame_rate = {30, 1};
  track->audio.channels = 2;
  const bool is_video = kind == MediaKind::kVideo;
  return std::make_shared<const InitSegment>(
      InitSegment{.bytes = Bytes::copy_of(is_video ? "video init" : "audio init"),
                  .codecs = is_video ? "avc1.64001f" : "mp4a.40.2",
                  .track = std::move(track),
                  .part_target = part_target});
}

/// One rendition's chunks, each where the last one ended.
struct ChunkSource {
  std::shared_ptr<const InitSegment> init = init_segment();
  SegmentNumber segment = 100;
  MediaTime at = std::chrono::seconds(1'750'000'000);
  MediaTime duration = std::chrono::milliseconds(200);
  std::size_t size = 1000;
  int number = 0;  ///< Of the next chunk; its media says it.
  bool opens = true;
  std::chrono::steady_clock::time_point received_at{std::chrono::hours(1)};

  /// The next chunk; the first one of a segment is independent.
  CmafChunk next() {
    std::string media = "chunk " + std::to_string(number++) + " ";
    media.resize(size, '.');
    CmafChunk chunk{.init = init,
                    .segment_number = segment,
                    .is_independent = opens,
                    .start = at,
                    .duration = duration,
                    .bytes = Bytes::copy_of(media),
                    .received_at = received_at};
    opens = false;
    at += duration;
    return chunk;
  }
  void begin(SegmentNumber next_segment) {
    segment = next_segment;
    opens = true;
  }
};

}  // namespace millrace::test
