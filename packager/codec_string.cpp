#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "media/audio_specific_config.h"
#include "media/bit_reader.h"
#include "packager/packager.h"

namespace millrace::packager {
namespace {

// ISO/IEC 14496-15 annex E.3: space, profile, reversed compatibility flags, tier and level,
// constraint bytes without the trailing zeros.
std::string hevc_string(const Bytes& hvcc) {
  if (hvcc.size() < 13) return "hvc1";
  BitReader bits(hvcc.span());
  bits.skip(8);
  const std::uint32_t space = bits.read(2);
  const bool is_high_tier = bits.read_flag();
  const std::uint32_t profile = bits.read(5);
  std::uint32_t reversed = 0;
  for (int bit = 0; bit < 32; ++bit) reversed |= bits.read(1) << bit;
  std::array<std::uint32_t, 6> constraints{};
  for (auto& byte : constraints) byte = bits.read(8);
  const std::uint32_t level = bits.read(8);
  std::string text = "hvc1.";
  if (space > 0) text += static_cast<char>('A' + space - 1);
  text += fmt::format("{}.{:X}.{}{}", profile, reversed, is_high_tier ? 'H' : 'L', level);
  const auto last = std::find_if(constraints.rbegin(), constraints.rend(),
                                 [](std::uint32_t byte) { return byte != 0; });
  for (auto byte = constraints.begin(); byte != last.base(); ++byte)
    text += fmt::format(".{:X}", *byte);
  return text;
}

// AV1-ISOBMFF 5: profile, level and tier, depth; the optional fields, all or none, where the
// colours are not their defaults.
std::string av1_string(const TrackInfo& track) {
  const Bytes& av1c = track.codec_configuration;
  if (av1c.size() < 4) return "av01";
  BitReader bits(av1c.span());
  bits.skip(8);
  const std::uint32_t profile = bits.read(3);
  const std::uint32_t level = bits.read(5);
  const char tier = bits.read_flag() ? 'H' : 'M';
  bits.skip(2);  // high_bitdepth, twelve_bit
  const std::uint32_t monochrome = bits.read(1);
  const std::uint32_t subsampling_x = bits.read(1), subsampling_y = bits.read(1);
  const std::uint32_t position = subsampling_x + subsampling_y == 2 ? bits.read(2) : 0;
  std::string text =
      fmt::format("av01.{}.{:02}{}.{:02}", profile, level, tier, track.video.bit_depth);
  const Colour& colour = track.video.colour;
  const bool is_default =
      colour == Colour{} || colour == Colour{.primaries = 1, .transfer = 1, .matrix = 1};
  if (!is_default)
    text += fmt::format(".{}.{}{}{}.{:02}.{:02}.{:02}.{}", monochrome, subsampling_x, subsampling_y,
                        position, colour.primaries, colour.transfer, colour.matrix,
                        colour.is_full_range ? 1 : 0);
  return text;
}

// RFC 6381 3.3: the object type of the sound, not of its core.
std::string aac_string(const Bytes& config) {
  const auto parsed = parse_audio_specific_config(config.span());
  return parsed.has_value()
             ? fmt::format("mp4a.40.{}", static_cast<int>(parsed.value().object_type))
             : "mp4a.40.2";
}

}  // namespace

std::string codec_string(const TrackInfo& track) {
  const Bytes& config = track.codec_configuration;
  switch (track.codec) {
    case Codec::kH264:
      return config.size() < 4
                 ? "avc1"
                 : fmt::format("avc1.{:02x}{:02x}{:02x}", config[1], config[2], config[3]);
    case Codec::kHevc:
      return hevc_string(config);
    case Codec::kAv1:
      return av1_string(track);
    case Codec::kAac:
      return aac_string(config);
    case Codec::kOpus:
      return "opus";
    case Codec::kMp2:
    case Codec::kMp3:
    case Codec::kAc3:
      break;  // Transcoded before they come here.
  }
  return {};
}

}  // namespace millrace::packager
