#include "media/parameter_sets.h"
#include "media/vui.h"

namespace millrace {
namespace {

// AV1 4.10.3.
std::uint32_t read_uvlc(BitReader& bits) {
  return bits.read_unsigned_golomb();
}

// AV1 5.5.1, timing_info() and what follows it in each operating point.
struct Timing {
  bool has_decoder_model = false;
  int buffer_delay_bits = 0;
};

Timing read_timing(BitReader& bits, VideoParameters& video) {
  Timing timing;
  if (!bits.read_flag()) return timing;  // timing_info_present_flag
  const std::uint64_t units = bits.read(32);
  const std::uint64_t scale = bits.read(32);
  if (bits.read_flag()) {  // equal_picture_interval
    const std::uint64_t ticks = std::uint64_t{read_uvlc(bits)} + 1;
    set_frame_rate(video, scale, units * ticks);
  }
  timing.has_decoder_model = bits.read_flag();
  if (timing.has_decoder_model) {
    timing.buffer_delay_bits = static_cast<int>(bits.read(5)) + 1;
    bits.skip(32 + 5 + 5);
  }
  return timing;
}

struct Sequence {
  Av1Format format;
  VideoParameters video;
};

void read_operating_points(BitReader& bits, Sequence& sequence) {
  const Timing timing = read_timing(bits, sequence.video);
  const bool has_initial_delay = bits.read_flag();
  const std::uint32_t points = bits.read(5) + 1;
  for (std::uint32_t i = 0; i < points; ++i) {
    bits.skip(12);  // operating_point_idc
    const std::uint32_t level = bits.read(5);
    const std::uint32_t tier = level > 7 ? bits.read(1) : 0;
    if (i == 0) sequence.format.level = level, sequence.format.tier = tier;
    if (timing.has_decoder_model && bits.read_flag())
      bits.skip(static_cast<std::size_t>(timing.buffer_delay_bits) * 2 + 1);
    if (has_initial_delay && bits.read_flag()) bits.skip(4);
  }
}

// The tools' flags between the frame size and color_config().
void skip_tools(BitReader& bits, bool is_reduced) {
  if (!is_reduced && bits.read_flag()) bits.skip(4 + 3);  // frame ids
  bits.skip(3);  // superblock size, filter intra, intra edge filter
  if (is_reduced) {
    bits.skip(3);
    return;
  }
  bits.skip(4);  // interintra, masked, warped, dual filter
  const bool has_order_hint = bits.read_flag();
  if (has_order_hint) bits.skip(2);  // jnt_comp, ref_frame_mvs
  const std::uint32_t screen_content = bits.read_flag() ? 2 : bits.read(1);
  if (screen_content > 0 && !bits.read_flag()) bits.read(1);  // seq_force_integer_mv
  if (has_order_hint) bits.skip(3);
  bits.skip(3);  // superres, cdef, restoration
}

// AV1 5.5.2.
void read_colour(BitReader& bits, Sequence& sequence) {
  Av1Format& format = sequence.format;
  VideoParameters& video = sequence.video;
  format.is_high_bit_depth = bits.read_flag();
  video.bit_depth =
      format.is_high_bit_depth ? (format.profile == 2 && bits.read_flag() ? 12 : 10) : 8;
  format.is_monochrome = format.profile != 1 && bits.read_flag();
  if (bits.read_flag()) {  // color_description_present_flag
    video.colour.primaries = static_cast<int>(bits.read(8));
    video.colour.transfer = static_cast<int>(bits.read(8));
    video.colour.matrix = static_cast<int>(bits.read(8));
  }
  const bool is_srgb = video.colour.primaries == 1 && video.colour.transfer == 13 &&
                       video.colour.matrix == 0 && !format.is_monochrome;
  video.colour.is_full_range = is_srgb || bits.read_flag();
  // Only profile 0 is 4:2:0 for certain, and has the position here.
  if (format.profile == 0 && !format.is_monochrome && !is_srgb)
    format.chroma_position = bits.read(2);
}

Result<Sequence> read_sequence(std::span<const std::uint8_t> payload) {
  BitReader bits(payload);
  Sequence sequence;
  sequence.format.profile = bits.read(3);
  bits.read_flag();  // still_picture
  const bool is_reduced = bits.read_flag();
  if (is_reduced)
    sequence.format.level = bits.read(5);
  else
    read_operating_points(bits, sequence);
  const int width_bits = static_cast<int>(bits.read(4)) + 1;
  const int height_bits = static_cast<int>(bits.read(4)) + 1;
  const std::int64_t width = std::int64_t{bits.read(width_bits)} + 1;
  const std::int64_t height = std::int64_t{bits.read(height_bits)} + 1;
  skip_tools(bits, is_reduced);
  read_colour(bits, sequence);
  if (bits.has_overrun() || !is_sane_size(width, height))
    return Error{ErrorCode::kInvalidData, "av1: a sequence header that cannot be read"};
  sequence.video.width = static_cast<int>(width);
  sequence.video.height = static_cast<int>(height);
  return sequence;
}

}  // namespace

Result<VideoParameters> parse_av1_sequence(std::span<const std::uint8_t> payload) {
  ASSIGN_OR_RETURN(Sequence sequence, read_sequence(payload));
  return sequence.video;
}

Result<Av1Format> parse_av1_format(std::span<const std::uint8_t> payload) {
  ASSIGN_OR_RETURN(Sequence sequence, read_sequence(payload));
  return sequence.format;
}

}  // namespace millrace
