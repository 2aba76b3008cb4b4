#pragma once
// Sound for tests: a burst in silence, encoded by libavcodec, and found again.
#include <cstdint>
#include <string>
#include <vector>

#include "media/encoded_packet.h"

namespace millrace::test {

struct SoundOptions {
  std::string encoder = "libopus";
  int sample_rate = 48'000;
  int channels = 2;
  MediaTime start = std::chrono::seconds(100);  ///< Of the first sample.
  MediaTime length = std::chrono::seconds(2);
  MediaTime burst = std::chrono::milliseconds(900);  ///< Behind the start; 10 ms of 1 kHz.
};

/// Encoded, with times as encoders say them (what they put in front lies before the start).
std::vector<EncodedPacket> make_sound(const SoundOptions& options);

/// Decoded by libavcodec: one channel, samples from `start` on.
struct Decoded {
  MediaTime start{};
  int sample_rate = 0;
  int channels = 0;
  std::vector<float> samples;
  /// The middle of its energy.
  MediaTime burst() const;
};
/// All of one track.
Decoded decode_sound(const std::vector<EncodedPacket>& packets);

}  // namespace millrace::test
