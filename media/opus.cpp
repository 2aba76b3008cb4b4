#include "media/opus.h"

#include <array>
#include <string_view>
#include <vector>

namespace millrace {
namespace {

constexpr int kRate = 48'000;
constexpr int kUsualSamples = 960;
constexpr int kMostSamples = 5'760;  // RFC 6716 3.2.5: 120 ms.

struct Mapping {
  std::uint8_t streams = 0;
  std::uint8_t coupled = 0;
  std::array<std::uint8_t, 8> channels{};
};
// RFC 7845 5.1.1.2, by the number of channels less one.
constexpr std::array<Mapping, 8> kMappings = {{{1, 0, {0}},
                                               {1, 1, {0, 1}},
                                               {2, 1, {0, 2, 1}},
                                               {2, 2, {0, 1, 2, 3}},
                                               {3, 2, {0, 4, 1, 2, 3}},
                                               {4, 2, {0, 4, 1, 2, 3, 5}},
                                               {4, 3, {0, 4, 1, 2, 3, 5, 6}},
                                               {5, 3, {0, 6, 1, 2, 3, 4, 5, 7}}}};

TrackInfo track_of(int channels, std::vector<std::uint8_t> configuration) {
  TrackInfo track;
  track.kind = MediaKind::kAudio;
  track.codec = Codec::kOpus;
  track.codec_configuration = Bytes::copy_of(configuration);
  track.audio = {.sample_rate = kRate, .channels = channels, .samples_per_frame = kUsualSamples};
  return track;
}

}  // namespace

Result<TrackInfo> opus_track(int channels, int pre_skip) {
  if (channels < 1 || channels > 8)
    return Error{ErrorCode::kUnsupported, "opus: of one to eight channels only"};
  // Opus in ISOBMFF 4.3.2: big-endian.
  std::vector<std::uint8_t> body = {0,
                                    static_cast<std::uint8_t>(channels),
                                    static_cast<std::uint8_t>(pre_skip >> 8),
                                    static_cast<std::uint8_t>(pre_skip),
                                    0,
                                    0,
                                    kRate >> 8,
                                    kRate & 0xFF,
                                    0,
                                    0,
                                    static_cast<std::uint8_t>(channels > 2 ? 1 : 0)};
  if (channels > 2) {
    const Mapping& mapping = kMappings[static_cast<std::size_t>(channels) - 1];
    body.insert(body.end(), {mapping.streams, mapping.coupled});
    body.insert(body.end(), mapping.channels.begin(), mapping.channels.begin() + channels);
  }
  return track_of(channels, std::move(body));
}

Result<TrackInfo> parse_opus_head(std::span<const std::uint8_t> head) {
  constexpr std::string_view kMagic = "OpusHead";
  constexpr std::size_t kFixed = 11;
  const bool has_magic =
      head.size() >= kMagic.size() &&
      std::string_view(reinterpret_cast<const char*>(head.data()), kMagic.size()) == kMagic;
  if (has_magic) head = head.subspan(kMagic.size());
  if (head.size() < kFixed) return Error{ErrorCode::kInvalidData, "opus: its header ends early"};
  const int channels = head[1];
  const int family = head[10];
  if (head[0] >> 4 != 0 || channels == 0 || channels > 8 || family > 1 ||
      (family == 0 && channels > 2))
    return Error{ErrorCode::kUnsupported, "opus: this header is not supported"};
  // Little-endian there, big-endian in dOps (Opus in ISOBMFF 4.3.2).
  std::vector<std::uint8_t> body = {0,       head[1], head[3], head[2], head[7], head[6],
                                    head[5], head[4], head[9], head[8], head[10]};
  if (family == 1) {
    const std::size_t mapping = 2u + static_cast<std::size_t>(channels);
    if (head.size() < kFixed + mapping)
      return Error{ErrorCode::kInvalidData, "opus: its channel mapping ends early"};
    const auto table = head.subspan(kFixed, mapping);
    if (table[0] == 0 || table[1] > table[0] || table[0] + table[1] > 8)
      return Error{ErrorCode::kInvalidData, "opus: its channel mapping cannot be"};
    body.insert(body.end(), table.begin(), table.end());
  }
  return track_of(channels, std::move(body));
}

int opus_samples(std::span<const std::uint8_t> packet) {
  if (packet.empty()) return 0;
  const unsigned configuration = packet[0] >> 3;
  // RFC 6716 table 2.
  const int frame = configuration < 12   ? std::array{480, 960, 1920, 2880}[configuration % 4]
                    : configuration < 16 ? std::array{480, 960}[configuration % 2]
                                         : std::array{120, 240, 480, 960}[configuration % 4];
  int count = 1;
  switch (packet[0] & 3) {
    case 1:
    case 2:
      count = 2;
      break;
    case 3:
      if (packet.size() < 2) return 0;
      count = packet[1] & 0x3F;
      break;
    default:
      break;
  }
  const int samples = frame * count;
  return samples <= kMostSamples ? samples : 0;
}

}  // namespace millrace
