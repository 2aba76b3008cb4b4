#pragma once
// MPEG-TS for players that know no fragmented MP4. A part of hls.h. Any thread.
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "media/cmaf_segment.h"
#include "media/media_time.h"

namespace millrace::hls {

struct TsOptions {
  /// Makes a segment of CMAF ones, of which one may be empty. Called on any thread, several at
  /// once. It is H.264, HEVC and AAC only. Empty: no channel has MPEG-TS.
  std::function<Result<Bytes>(const CmafSegment& video, const CmafSegment& audio,
                              SegmentNumber number)>
      make{};
  bool is_on = false;
  /// The same of single channels, by name.
  std::map<std::string, bool, std::less<>> channels{};
  /// Of segments that have been made, all channels together. Past it the oldest go, and are made
  /// again for who asks.
  std::size_t max_cache_bytes = std::size_t{256} * 1024 * 1024;

  bool is_on_for(std::string_view channel) const {
    const auto found = channels.find(channel);
    return make && (found == channels.end() ? is_on : found->second);
  }
};

}  // namespace millrace::hls
