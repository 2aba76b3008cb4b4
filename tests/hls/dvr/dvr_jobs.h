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
                    .is_independent = true},
        .init = Bytes::copy_of("init " + std::to_string(map)),
        .parts = {Bytes::copy_of(media(number, size / 2)), Bytes::copy_of(media(number, size / 2))},
        .place = std::make_shared<hls::DvrPlace>()};
  }
  static std::string media(SegmentNumber number, std::size_t size) {
    std::string text = "segment " + std::to_string(number) + " ";
    text.resize(size, '.');
    return text;
  }
};

}  // namespace millrace::test
