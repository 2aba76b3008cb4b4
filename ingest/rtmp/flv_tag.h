#pragma once
// What the first bytes of an FLV audio or video tag's body say (Adobe FLV 10.1, E.4; Enhanced RTMP
// v1). Parses only; any thread.
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/result.h"
#include "media/track_info.h"

namespace millrace::ingest {

enum class FlvContent { kConfiguration, kFrame, kEndOfSequence, kOther };

struct FlvTag {
  FlvContent content = FlvContent::kOther;  ///< kOther: nothing to hand on.
  Codec codec = Codec::kH264;
  bool is_key_frame = false;            ///< As the encoder says it.
  std::int32_t composition_offset = 0;  ///< Milliseconds; pts - dts.
  Bytes payload;                        ///< Shares the body.
};

/// kUnsupported names a codec that cannot be taken; kInvalidData: ends early.
Result<FlvTag> parse_video_tag(const Bytes& body);
Result<FlvTag> parse_audio_tag(const Bytes& body);

}  // namespace millrace::ingest
