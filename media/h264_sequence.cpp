#include <optional>

#include "media/parameter_sets.h"
#include "media/vui.h"

namespace millrace {
namespace {

bool has_chroma_format(std::uint32_t profile) {
  switch (profile) {  // ISO/IEC 14496-10 7.3.2.1.1
    case 100:
    case 110:
    case 122:
    case 244:
    case 44:
    case 83:
    case 86:
    case 118:
    case 128:
    case 138:
    case 139:
    case 134:
    case 135:
      return true;
    default:
      return false;
  }
}

// 7.3.2.1.1.1: only its length matters here. Unsigned, since a step may be any number.
void skip_scaling_list(BitReader& bits, int size) {
  std::uint32_t last = 8, next = 8;
  for (int i = 0; i < size && !bits.has_overrun(); ++i) {
    if (next != 0) next = (last + static_cast<std::uint32_t>(bits.read_signed_golomb())) % 256;
    if (next != 0) last = next;
  }
}

std::uint32_t read_chroma_format(BitReader& bits, VideoParameters& video) {
  const std::uint32_t chroma_format = bits.read_unsigned_golomb();
  if (chroma_format == 3) bits.read_flag();  // separate_colour_plane_flag
  video.bit_depth = 8 + static_cast<int>(bits.read_unsigned_golomb() & 7);
  bits.read_unsigned_golomb();  // bit_depth_chroma_minus8
  bits.read_flag();             // qpprime_y_zero_transform_bypass_flag
  if (bits.read_flag())         // seq_scaling_matrix_present_flag
    for (int i = 0; i < (chroma_format != 3 ? 8 : 12); ++i)
      if (bits.read_flag()) skip_scaling_list(bits, i < 6 ? 16 : 64);
  return chroma_format;
}

/// pic_order_cnt_type, and what belongs to it.
std::uint32_t read_picture_order(BitReader& bits) {
  const std::uint32_t type = bits.read_unsigned_golomb();
  if (type == 0) {
    bits.read_unsigned_golomb();
  } else if (type == 1) {
    bits.read_flag();
    bits.read_signed_golomb();
    bits.read_signed_golomb();
    const std::uint32_t count = bits.read_unsigned_golomb();
    for (std::uint32_t i = 0; i < count && i < 256 && !bits.has_overrun(); ++i)
      bits.read_signed_golomb();
  }
  return type;
}

// E.1.2.
void skip_hrd_parameters(BitReader& bits) {
  const std::uint32_t count = bits.read_unsigned_golomb() + 1;
  bits.skip(4 + 4);
  for (std::uint32_t i = 0; i < count && !bits.has_overrun(); ++i) {
    bits.read_unsigned_golomb();
    bits.read_unsigned_golomb();
    bits.read_flag();
  }
  bits.skip(4 * 5);
}

/// E.1.1 behind the timing: max_num_reorder_frames, where it is said.
std::optional<int> read_reorder_depth(BitReader& bits) {
  const bool has_nal_hrd = bits.read_flag();
  if (has_nal_hrd) skip_hrd_parameters(bits);
  const bool has_vcl_hrd = bits.read_flag();
  if (has_vcl_hrd) skip_hrd_parameters(bits);
  if (has_nal_hrd || has_vcl_hrd) bits.read_flag();  // low_delay_hrd_flag
  bits.read_flag();                                  // pic_struct_present_flag
  if (!bits.read_flag()) return std::nullopt;        // bitstream_restriction_flag
  bits.read_flag();                                  // motion_vectors_over_pic_boundaries_flag
  for (int i = 0; i < 4; ++i) bits.read_unsigned_golomb();
  const std::uint32_t depth = bits.read_unsigned_golomb();
  constexpr std::uint32_t kLargestBuffer = 16;  // A.3.1: MaxDpbFrames.
  if (bits.has_overrun() || depth > kLargestBuffer) return std::nullopt;
  return static_cast<int>(depth);
}

struct Sequence {
  VideoParameters video;
  std::optional<int> reorder_depth;
};

}  // namespace

std::vector<std::uint8_t> without_emulation_prevention(std::span<const std::uint8_t> nal_unit) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(nal_unit.size());
  int zeros = 0;
  for (const std::uint8_t byte : nal_unit) {
    if (zeros >= 2 && byte == 3) {
      zeros = 0;
      continue;
    }
    zeros = byte == 0 ? zeros + 1 : 0;
    bytes.push_back(byte);
  }
  return bytes;
}

namespace {

Result<Sequence> read_sequence(std::span<const std::uint8_t> nal_unit) {
  const auto bytes = without_emulation_prevention(nal_unit);
  BitReader bits(bytes);
  bits.skip(8);  // NAL unit header
  const std::uint32_t profile = bits.read(8);
  bits.skip(16);                // constraint flags, level
  bits.read_unsigned_golomb();  // seq_parameter_set_id
  Sequence sequence;
  VideoParameters& video = sequence.video;
  const std::uint32_t chroma_format =
      has_chroma_format(profile) ? read_chroma_format(bits, video) : 1;
  bits.read_unsigned_golomb();  // log2_max_frame_num_minus4
  // 7.4.2.1.1: with type 2 "the output order is the same as the decoding order"; A.2.1: Baseline
  // has no B slices.
  constexpr std::uint32_t kBaseline = 66;
  if (read_picture_order(bits) == 2 || profile == kBaseline) sequence.reorder_depth = 0;
  bits.read_unsigned_golomb();  // max_num_ref_frames
  bits.read_flag();             // gaps_in_frame_num_value_allowed_flag
  const std::int64_t width_units = std::int64_t{bits.read_unsigned_golomb()} + 1;
  const std::int64_t height_units = std::int64_t{bits.read_unsigned_golomb()} + 1;
  const bool frames_only = bits.read_flag();
  if (!frames_only) bits.read_flag();  // mb_adaptive_frame_field_flag
  bits.read_flag();                    // direct_8x8_inference_flag
  std::int64_t width = width_units * 16;
  std::int64_t height = height_units * 16 * (frames_only ? 1 : 2);
  if (bits.read_flag()) {  // frame_cropping_flag; units of 7.4.2.1.1
    const int unit_x = chroma_format == 1 || chroma_format == 2 ? 2 : 1;
    const int unit_y = (chroma_format == 1 ? 2 : 1) * (frames_only ? 1 : 2);
    width -= std::int64_t{bits.read_unsigned_golomb()} * unit_x;
    width -= std::int64_t{bits.read_unsigned_golomb()} * unit_x;
    height -= std::int64_t{bits.read_unsigned_golomb()} * unit_y;
    height -= std::int64_t{bits.read_unsigned_golomb()} * unit_y;
  }
  const bool has_vui = bits.read_flag();
  if (bits.has_overrun() || !is_sane_size(width, height))
    return Error{ErrorCode::kInvalidData, "h264: a sequence parameter set that cannot be read"};
  video.width = static_cast<int>(width);
  video.is_interlaced = !frames_only;
  video.height = static_cast<int>(height);
  if (has_vui) {
    VideoParameters with_vui = video;
    read_vui_picture(bits, with_vui);
    if (bits.read_flag()) {  // timing_info_present_flag
      const std::uint64_t units = bits.read(32);
      const std::uint64_t scale = bits.read(32);
      bits.read_flag();  // fixed_frame_rate_flag
      // E.2.1: a frame lasts two ticks.
      set_frame_rate(with_vui, scale, units * 2);
    }
    if (!bits.has_overrun()) video = with_vui;
    if (!sequence.reorder_depth) sequence.reorder_depth = read_reorder_depth(bits);
  }
  return sequence;
}

}  // namespace

Result<VideoParameters> parse_h264_sequence(std::span<const std::uint8_t> nal_unit) {
  ASSIGN_OR_RETURN(const Sequence sequence, read_sequence(nal_unit));
  return sequence.video;
}

std::optional<int> h264_reorder_depth(std::span<const std::uint8_t> nal_unit) {
  const auto sequence = read_sequence(nal_unit);
  return sequence.has_value() ? sequence.value().reorder_depth : std::nullopt;
}

}  // namespace millrace
