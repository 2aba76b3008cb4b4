#include "media/configuration_records.h"

#include <algorithm>

#include "media/bit_reader.h"
#include "media/parameter_sets.h"

namespace millrace {
namespace {

constexpr std::size_t kMaxNalUnitBytes = 65'535;
constexpr std::size_t kMaxSps = 31;
constexpr std::size_t kMaxPps = 255;

Error unusable(const char* what) {
  return {ErrorCode::kInvalidData, std::string("configuration record: ") + what};
}

bool are_usable(const NalUnits& units, std::size_t least_bytes, std::size_t most) {
  return !units.empty() && units.size() <= most &&
         std::all_of(units.begin(), units.end(), [&](const auto& unit) {
           return unit.size() >= least_bytes && unit.size() <= kMaxNalUnitBytes;
         });
}

void put_16(std::vector<std::uint8_t>& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put_unit(std::vector<std::uint8_t>& out, const std::vector<std::uint8_t>& unit) {
  put_16(out, unit.size());
  out.insert(out.end(), unit.begin(), unit.end());
}

struct SampleFormat {
  std::uint32_t chroma = 1;  ///< chroma_format_idc: 4:2:0.
  std::uint32_t luma_depth_minus_8 = 0;
  std::uint32_t chroma_depth_minus_8 = 0;
};

/// ISO/IEC 14496-10 7.3.2.1.1: profiles that say it at all.
bool says_chroma_format(std::uint8_t profile) {
  return profile != 66 && profile != 77 && profile != 88;
}

SampleFormat h264_format(const std::vector<std::uint8_t>& sps) {
  const auto bytes = without_emulation_prevention(sps);
  BitReader reader(bytes);
  reader.skip(8 + 24);
  reader.read_unsigned_golomb();  // seq_parameter_set_id
  SampleFormat format;
  format.chroma = reader.read_unsigned_golomb();
  if (format.chroma == 3) reader.skip(1);
  format.luma_depth_minus_8 = reader.read_unsigned_golomb();
  format.chroma_depth_minus_8 = reader.read_unsigned_golomb();
  return format;
}

/// ISO/IEC 23008-2 7.3.3: what follows the general profile and level.
void skip_sub_layers(BitReader& reader, std::uint32_t count) {
  constexpr std::uint32_t kMostSubLayers = 8;
  bool has_profile[kMostSubLayers] = {};
  bool has_level[kMostSubLayers] = {};
  for (std::uint32_t i = 0; i < count; ++i) {
    has_profile[i] = reader.read_flag();
    has_level[i] = reader.read_flag();
  }
  if (count > 0) reader.skip(2 * (kMostSubLayers - count));
  for (std::uint32_t i = 0; i < count; ++i)
    reader.skip((has_profile[i] ? 88u : 0u) + (has_level[i] ? 8u : 0u));
}

SampleFormat hevc_format(std::span<const std::uint8_t> sps) {
  BitReader reader(sps);
  reader.skip(16 + 4);
  const std::uint32_t sub_layers = reader.read(3);  // sps_max_sub_layers_minus1
  reader.skip(1 + 96);
  skip_sub_layers(reader, sub_layers);
  reader.read_unsigned_golomb();  // sps_seq_parameter_set_id
  SampleFormat format;
  format.chroma = reader.read_unsigned_golomb();
  if (format.chroma == 3) reader.skip(1);
  reader.read_unsigned_golomb();  // Width.
  reader.read_unsigned_golomb();  // Height.
  if (reader.read_flag())
    for (int i = 0; i < 4; ++i) reader.read_unsigned_golomb();  // Conformance window.
  format.luma_depth_minus_8 = reader.read_unsigned_golomb();
  format.chroma_depth_minus_8 = reader.read_unsigned_golomb();
  return format;
}

}  // namespace

Result<Bytes> make_avc_configuration(const NalUnits& sps, const NalUnits& pps) {
  if (!are_usable(sps, 4, kMaxSps) || !are_usable(pps, 1, kMaxPps))
    return unusable("an H.264 stream without usable parameter sets");
  const auto& first = sps.front();
  std::vector<std::uint8_t> out{1,        first[1], first[2],
                                first[3], 0xFF,     static_cast<std::uint8_t>(0xE0 | sps.size())};
  for (const auto& unit : sps) put_unit(out, unit);
  out.push_back(static_cast<std::uint8_t>(pps.size()));
  for (const auto& unit : pps) put_unit(out, unit);
  if (says_chroma_format(first[1])) {
    const SampleFormat format = h264_format(first);
    out.push_back(static_cast<std::uint8_t>(0xFC | (format.chroma & 3)));
    out.push_back(static_cast<std::uint8_t>(0xF8 | (format.luma_depth_minus_8 & 7)));
    out.push_back(static_cast<std::uint8_t>(0xF8 | (format.chroma_depth_minus_8 & 7)));
    out.push_back(0);  // No SPS extensions.
  }
  return Bytes::copy_of(out);
}

Result<Bytes> make_hevc_configuration(const NalUnits& vps, const NalUnits& sps,
                                      const NalUnits& pps) {
  constexpr std::size_t kMaxVps = 16;
  if (!are_usable(vps, 2, kMaxVps) || !are_usable(sps, 15, kMaxSps) || !are_usable(pps, 2, kMaxPps))
    return unusable("an HEVC stream without usable parameter sets");
  const auto first = without_emulation_prevention(sps.front());
  if (first.size() < 15) return unusable("an HEVC sequence parameter set that is too short");
  const SampleFormat format = hevc_format(first);
  const std::uint8_t layers = static_cast<std::uint8_t>((first[2] >> 1 & 7) + 1);
  const std::uint8_t is_nested = first[2] & 1;
  std::vector<std::uint8_t> out{1};
  out.insert(out.end(), first.begin() + 3, first.begin() + 15);  // General profile, tier, level.
  put_16(out, 0xF000);                                           // No spatial segmentation said.
  out.push_back(0xFC);                                           // Nor parallelism.
  out.push_back(static_cast<std::uint8_t>(0xFC | (format.chroma & 3)));
  out.push_back(static_cast<std::uint8_t>(0xF8 | (format.luma_depth_minus_8 & 7)));
  out.push_back(static_cast<std::uint8_t>(0xF8 | (format.chroma_depth_minus_8 & 7)));
  put_16(out, 0);  // Nor an average frame rate.
  out.push_back(static_cast<std::uint8_t>(layers << 3 | is_nested << 2 | 3));
  out.push_back(3);
  std::uint8_t type = 32;
  for (const NalUnits* const units : {&vps, &sps, &pps}) {
    out.push_back(static_cast<std::uint8_t>(0x80 | type++));  // All of them are here.
    put_16(out, units->size());
    for (const auto& unit : *units) put_unit(out, unit);
  }
  return Bytes::copy_of(out);
}

Result<Bytes> make_av1_configuration(std::span<const std::uint8_t> sequence_header) {
  // obu_header() without extension, obu_size of one byte: a sequence header is short (AV1 5.3).
  if (sequence_header.size() < 3 || sequence_header[0] != 0x0A || sequence_header[1] > 0x7F ||
      sequence_header.size() - 2 < sequence_header[1])
    return unusable("an AV1 stream without a sequence header");
  const auto unit = sequence_header.first(2u + sequence_header[1]);
  ASSIGN_OR_RETURN(const Av1Format format, parse_av1_format(unit.subspan(2)));
  if (format.profile != 0)
    return Error{ErrorCode::kUnsupported, "configuration record: AV1 that is not 4:2:0"};
  std::vector<std::uint8_t> out{
      0x81,  // Marker and version.
      static_cast<std::uint8_t>(format.profile << 5 | format.level),
      static_cast<std::uint8_t>(format.tier << 7 | (format.is_high_bit_depth ? 1u : 0u) << 6 |
                                (format.is_monochrome ? 1u : 0u) << 4 | 3u << 2 |
                                format.chroma_position),
      0};  // No initial presentation delay said.
  out.insert(out.end(), unit.begin(), unit.end());
  return Bytes::copy_of(out);
}

}  // namespace millrace
