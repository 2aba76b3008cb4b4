#pragma once
// What the first bytes of an FLV audio or video tag's body say (Adobe FLV 10.1, E.4; Enhanced RTMP
// v2). Parses only; any thread.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "media/track_info.h"

namespace millrace::ingest {

enum class FlvContent {
  kConfiguration,
  kFrame,
  kEndOfSequence,
  kOther,        ///< Nothing to hand on.
  kUnsupported,  ///< Of a further track: `problem` says why it cannot be taken.
};

/// What a message has for one track.
struct FlvTag {
  FlvContent content = FlvContent::kOther;
  int track = 0;  ///< As the encoder numbers its tracks; 0 is the main one.
  Codec codec = Codec::kH264;
  bool is_key_frame = false;            ///< As the encoder says it.
  std::int32_t composition_offset = 0;  ///< Milliseconds; pts - dts.
  Bytes payload;                        ///< Shares the body.
  std::string problem;
};

/// One for each track that the message has something for. kUnsupported names a codec of the main
/// track that cannot be taken; kInvalidData: ends early.
Result<std::vector<FlvTag>> parse_video_tags(const Bytes& body);
Result<std::vector<FlvTag>> parse_audio_tags(const Bytes& body);

}  // namespace millrace::ingest
