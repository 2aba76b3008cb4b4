#pragma once
// Segments that are to be kept on disk, with any bytes as media.
#include <memory>
#include <string>

#include "hls/dvr/dvr_files.h"

namespace millrace::test {

struct DvrJobs {
  std::string channel = "shop";
  std::string rendition = "source";
  std::string start_id = "19a";
  SegmentNumber map = 1;
  SegmentNumber show = 0;
  MediaTime start = std::chrono::seconds(1'750'000'000);

  /// Two seconds each, one behind the other.
  hls::DvrJob job(SegmentNumber number, std::size_t size = 1000) const {
    return {
        .channel = channel,
        .rendition = rendition,
        .start_id = start_id,
        .segment = {.number = number,
                    .start = start + std::chrono::seconds(2) * number,
                    .duration = 2 * hls::playlist::kStepsPerSecond,
                    .map = map,
                    .is_independent = true,
                    .show = show},
        .init = init(),
        .parts = {Bytes::copy_of(media(number, size / 2)), Bytes::copy_of(media(number, size / 2))},
        .place = std::make_shared<hls::DvrPlace>()};
  }
  std::shared_ptr<const InitSegment> init() const {
    auto track = std::make_shared<TrackInfo>();
    track->video.width = 1280;
    track->video.height = 720;
    return std::make_shared<const InitSegment>(
        InitSegment{.bytes = Bytes::copy_of("init " + std::to_string(map)),
                    .codecs = "avc1.64001f",
                    .track = std::move(track)});
  }
  static std::string media(SegmentNumber number, std::size_t size) {
    std::string text = "segment " + std::to_string(number) + " ";
    text.resize(size, '.');
    return text;
  }
};

}  // namespace millrace::test
