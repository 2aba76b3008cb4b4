#pragma once
// Which of a channel's CMAF segments an MPEG-TS one is made of. What one of a number consists of is
// settled when it is first listed, and never becomes another.
//
// No thread of its own: the channel's lock is held for every call.
#include <cstddef>
#include <optional>

#include "hls/channel_windows.h"
#include "media/cmaf_segment.h"

namespace millrace::hls {

/// Whether there is MPEG-TS of what comes now: H.264, HEVC, or AAC that ADTS can tell of
/// (rfc8216bis 3.1.1 has a place for these, and for none else that we have). Of one that is listed.
bool is_in_ts(const ChannelWindows& windows, const ChannelWindows::Rendition& rendition);
/// The same of a complete segment of the window, which may be another publisher's; not of a gap.
bool is_in_ts(const SegmentWindow& window, const WindowSegment& segment);

/// The sound that is heard with each picture, as far as it is in MPEG-TS: the first rendition of
/// it. Null: there is none.
const ChannelWindows::Rendition* ts_sound(const ChannelWindows& windows);

/// How many of the rendition's listed segments have their sound too, from the first on.
std::size_t ts_listed_count(const ChannelWindows& windows,
                            const ChannelWindows::Rendition& rendition);

struct TsSource {
  CmafSegment video;
  CmafSegment audio;
};
/// Nothing where the segment is not listed yet, is a gap or not in MPEG-TS, or has gone; where that
/// is so of its sound alone, it has none.
std::optional<TsSource> ts_source(const ChannelWindows& windows,
                                  const ChannelWindows::Rendition& rendition, SegmentNumber number);

}  // namespace millrace::hls
