#include <algorithm>

#include "media/parameter_sets.h"
#include "media/vui.h"

namespace millrace {
namespace {

constexpr std::size_t kGeneralProfileBits = 88;
constexpr std::size_t kLevelBits = 8;

// ISO/IEC 23008-2 7.3.3.
void skip_profile_tier_level(BitReader& bits, std::uint32_t sub_layers) {
  bits.skip(kGeneralProfileBits + kLevelBits);
  bool has_profile[8] = {}, has_level[8] = {};
  for (std::uint32_t i = 0; i < sub_layers; ++i) {
    has_profile[i] = bits.read_flag();
    has_level[i] = bits.read_flag();
  }
  if (sub_layers > 0) bits.skip(2 * (8 - sub_layers));
  for (std::uint32_t i = 0; i < sub_layers; ++i)
    bits.skip((has_profile[i] ? kGeneralProfileBits : 0) + (has_level[i] ? kLevelBits : 0));
}

// 7.3.4.
void skip_scaling_lists(BitReader& bits) {
  for (int size = 0; size < 4; ++size) {
    for (int matrix = 0; matrix < 6; matrix += size == 3 ? 3 : 1) {
      if (!bits.read_flag()) {
        bits.read_unsigned_golomb();
        continue;
      }
      if (size > 1) bits.read_signed_golomb();
      const int count = std::min(64, 1 << (4 + (size << 1)));
      for (int i = 0; i < count; ++i) bits.read_signed_golomb();
    }
  }
}

// 7.3.7; the number of pictures of each set is needed to read the next.
bool skip_reference_sets(BitReader& bits) {
  const std::uint32_t sets = bits.read_unsigned_golomb();
  if (sets > 64) return false;
  std::uint32_t previous = 0;
  for (std::uint32_t set = 0; set < sets && !bits.has_overrun(); ++set) {
    if (set != 0 && bits.read_flag()) {  // inter_ref_pic_set_prediction_flag
      bits.read_flag();
      bits.read_unsigned_golomb();
      std::uint32_t count = 0;
      for (std::uint32_t i = 0; i <= previous; ++i) {
        const bool is_used = bits.read_flag();
        const bool is_kept = is_used || bits.read_flag();
        count += is_kept ? 1 : 0;
      }
      previous = count;
      continue;
    }
    const std::uint32_t negative = bits.read_unsigned_golomb();
    const std::uint32_t positive = bits.read_unsigned_golomb();
    if (negative > 16 || positive > 16) return false;
    for (std::uint32_t i = 0; i < negative + positive; ++i) {
      bits.read_unsigned_golomb();
      bits.read_flag();
    }
    previous = negative + positive;
  }
  return true;
}

// From sps_max_sub_layers' ordering info up to the VUI's flag; false where it cannot be followed.
bool skip_to_vui(BitReader& bits, std::uint32_t sub_layers, std::uint32_t order_bits) {
  for (int i = 0; i < 4; ++i) bits.read_unsigned_golomb();  // block and transform sizes
  bits.read_unsigned_golomb();                              // max_transform_hierarchy_depth_inter
  bits.read_unsigned_golomb();                              // …_intra
  if (bits.read_flag() && bits.read_flag()) skip_scaling_lists(bits);
  bits.skip(2);            // amp_enabled_flag, sample_adaptive_offset_enabled_flag
  if (bits.read_flag()) {  // pcm_enabled_flag
    bits.skip(8);
    bits.read_unsigned_golomb();
    bits.read_unsigned_golomb();
    bits.read_flag();
  }
  if (!skip_reference_sets(bits)) return false;
  if (bits.read_flag()) {  // long_term_ref_pics_present_flag
    const std::uint32_t count = bits.read_unsigned_golomb();
    if (count > 32) return false;
    bits.skip(count * (order_bits + 1));
  }
  bits.skip(2);  // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
  return sub_layers <= 6 && !bits.has_overrun();
}

void read_vui(BitReader& bits, VideoParameters& video) {
  read_vui_picture(bits, video);
  bits.skip(3);          // neutral_chroma_indication_flag, field_seq_flag, frame_field_info
  if (bits.read_flag())  // default_display_window_flag
    for (int i = 0; i < 4; ++i) bits.read_unsigned_golomb();
  if (bits.read_flag()) {  // vui_timing_info_present_flag
    const std::uint64_t units = bits.read(32);
    const std::uint64_t scale = bits.read(32);
    set_frame_rate(video, scale, units);
  }
}

}  // namespace

namespace {

struct Sequence {
  VideoParameters video;
  int reorder_depth = 0;
};

Result<Sequence> read_sequence(std::span<const std::uint8_t> nal_unit) {
  const auto bytes = without_emulation_prevention(nal_unit);
  BitReader bits(bytes);
  bits.skip(16 + 4);  // NAL unit header, sps_video_parameter_set_id
  const std::uint32_t sub_layers = bits.read(3);
  bits.read_flag();  // sps_temporal_id_nesting_flag
  skip_profile_tier_level(bits, sub_layers);
  bits.read_unsigned_golomb();  // sps_seq_parameter_set_id
  const std::uint32_t chroma_format = bits.read_unsigned_golomb();
  if (chroma_format == 3) bits.read_flag();
  std::int64_t width = bits.read_unsigned_golomb();
  std::int64_t height = bits.read_unsigned_golomb();
  if (bits.read_flag()) {  // conformance_window_flag
    const int unit_x = chroma_format == 1 || chroma_format == 2 ? 2 : 1;
    const int unit_y = chroma_format == 1 ? 2 : 1;
    width -= std::int64_t{bits.read_unsigned_golomb()} * unit_x;
    width -= std::int64_t{bits.read_unsigned_golomb()} * unit_x;
    height -= std::int64_t{bits.read_unsigned_golomb()} * unit_y;
    height -= std::int64_t{bits.read_unsigned_golomb()} * unit_y;
  }
  Sequence sequence;
  VideoParameters& video = sequence.video;
  video.bit_depth = 8 + static_cast<int>(bits.read_unsigned_golomb() & 7);
  bits.read_unsigned_golomb();  // bit_depth_chroma_minus8
  const std::uint32_t order_bits = (bits.read_unsigned_golomb() & 15) + 4;
  const bool all_layers = bits.read_flag();
  std::uint32_t reorder_depth = 0;  // sps_max_num_reorder_pics of the highest layer.
  for (std::uint32_t i = all_layers ? 0 : sub_layers; i <= sub_layers; ++i) {
    bits.read_unsigned_golomb();  // sps_max_dec_pic_buffering_minus1
    reorder_depth = bits.read_unsigned_golomb();
    bits.read_unsigned_golomb();  // sps_max_latency_increase_plus1
  }
  constexpr std::uint32_t kLargestBuffer = 16;  // A.4.2: MaxDpbSize.
  sequence.reorder_depth = static_cast<int>(std::min(reorder_depth, kLargestBuffer));
  if (bits.has_overrun() || !is_sane_size(width, height))
    return Error{ErrorCode::kInvalidData, "hevc: a sequence parameter set that cannot be read"};
  video.width = static_cast<int>(width);
  video.height = static_cast<int>(height);
  if (skip_to_vui(bits, sub_layers, order_bits) && bits.read_flag()) {
    VideoParameters with_vui = video;
    read_vui(bits, with_vui);
    if (!bits.has_overrun()) video = with_vui;
  }
  return sequence;
}

}  // namespace

Result<VideoParameters> parse_hevc_sequence(std::span<const std::uint8_t> nal_unit) {
  ASSIGN_OR_RETURN(const Sequence sequence, read_sequence(nal_unit));
  return sequence.video;
}

std::optional<int> hevc_reorder_depth(std::span<const std::uint8_t> nal_unit) {
  const auto sequence = read_sequence(nal_unit);
  return sequence.has_value() ? std::optional(sequence.value().reorder_depth) : std::nullopt;
}

}  // namespace millrace
