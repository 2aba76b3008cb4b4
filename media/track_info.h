#pragma once
// What a track is: never edited; a new pointer is the configuration change, in order.
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "media/media_time.h"

namespace millrace {

enum class MediaKind { kVideo, kAudio };
/// What comes in; of sound AAC and Opus go out (design.md §3).
enum class Codec { kH264, kHevc, kAv1, kAac, kOpus, kMp2, kMp3, kAc3 };

constexpr const char* to_string(Codec codec) {
  switch (codec) {
    case Codec::kH264:
      return "h264";
    case Codec::kHevc:
      return "hevc";
    case Codec::kAv1:
      return "av1";
    case Codec::kAac:
      return "aac";
    case Codec::kOpus:
      return "opus";
    case Codec::kMp2:
      return "mp2";
    case Codec::kMp3:
      return "mp3";
    case Codec::kAc3:
      return "ac3";
  }
  return "unknown";
}

/// ISO/IEC 23091-2 code points; 2 is "unspecified".
struct Colour {
  int primaries = 2;
  int transfer = 2;
  int matrix = 2;
  bool is_full_range = false;
  friend bool operator==(const Colour&, const Colour&) = default;
};

struct VideoParameters {
  int width = 0;  ///< Pixels, cropping applied.
  int height = 0;
  Rational sample_aspect_ratio{1, 1};
  /// Frames per second on an exact grid; numerator 0: variable, see `longest_frame`.
  Rational frame_rate{0, 1};
  /// With a variable rate: the longest frame of the first GOP.
  MediaTime longest_frame{};
  Colour colour;
  int bit_depth = 8;
  bool is_interlaced = false;  ///< Pictures may be coded as fields.
  friend bool operator==(const VideoParameters&, const VideoParameters&) = default;
};

struct AudioParameters {
  int sample_rate = 0;
  int channels = 0;
  int samples_per_frame = 1024;
  friend bool operator==(const AudioParameters&, const AudioParameters&) = default;
};

struct TrackInfo {
  MediaKind kind = MediaKind::kVideo;
  Codec codec = Codec::kH264;
  /// Among the source's tracks of its kind; 0 is the one that is played, the others are alternate
  /// sound, or ready-made rungs.
  int index = 0;
  std::string language;  ///< ISO 639-2 ("fra"), of sound; empty: not said.
  /// The body of avcC, hvcC or av1C, the AudioSpecificConfig, or of Opus the body of dOps (Opus in
  /// ISOBMFF 4.3.2). MP2, MP3 and AC-3 have none.
  Bytes codec_configuration;
  VideoParameters video;
  AudioParameters audio;
  friend bool operator==(const TrackInfo&, const TrackInfo&) = default;
};

}  // namespace millrace
