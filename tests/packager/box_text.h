#pragma once
// Boxes as indented text, "moof 100 / traf 76 / …": a difference that a person can read.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace millrace::test {

inline std::uint32_t big_endian_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint32_t>(bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 |
                                    bytes[at + 3]);
}

/// Offset of the box's content behind `path` ("moof/traf/tfdt"), or npos.
inline std::size_t find_box(std::span<const std::uint8_t> bytes, const std::string& path) {
  std::size_t begin = 0, end = bytes.size(), from = 0;
  while (true) {
    const std::size_t slash = path.find('/', from);
    const std::string type = path.substr(from, slash == std::string::npos ? slash : slash - from);
    std::size_t at = begin;
    bool found = false;
    while (at + 8 <= end) {
      const std::uint32_t size = big_endian_at(bytes, at);
      if (std::string(reinterpret_cast<const char*>(bytes.data()) + at + 4, 4) == type) {
        begin = at + 8;
        end = at + size;
        found = true;
        break;
      }
      at += size;
    }
    if (!found) return std::string::npos;
    if (slash == std::string::npos) return begin;
    from = slash + 1;
  }
}

inline std::string box_text(std::span<const std::uint8_t> bytes, int depth = 0) {
  static const std::string kContainers = "moov trak mdia minf dinf stbl mvex moof traf ";
  std::string text;
  std::size_t at = 0;
  while (at + 8 <= bytes.size()) {
    const std::uint32_t size = big_endian_at(bytes, at);
    if (size < 8 || size > bytes.size() - at) return text + "BROKEN\n";
    const std::string type(reinterpret_cast<const char*>(bytes.data()) + at + 4, 4);
    text += std::string(static_cast<std::size_t>(depth) * 2, ' ') + type + '\n';
    if (kContainers.find(type + ' ') != std::string::npos)
      text += box_text(bytes.subspan(at + 8, size - 8), depth + 1);
    at += size;
  }
  return at == bytes.size() ? text : text + "STRAY BYTES\n";
}

struct SampleTimes {
  std::int64_t presentation = 0;
  std::int64_t decode = 0;
  std::uint32_t duration = 0;
  std::uint32_t size = 0;
};

/// Of a chunk, in ticks.
inline std::vector<SampleTimes> sample_times(std::span<const std::uint8_t> chunk) {
  const std::size_t tfhd = find_box(chunk, "moof/traf/tfhd");
  const std::size_t tfdt = find_box(chunk, "moof/traf/tfdt");
  const std::size_t trun = find_box(chunk, "moof/traf/trun");
  const std::uint32_t flags = big_endian_at(chunk, trun);
  const bool has_default = (big_endian_at(chunk, tfhd) & 8) != 0;
  std::int64_t decode = static_cast<std::int64_t>(big_endian_at(chunk, tfdt + 4)) << 32 |
                        big_endian_at(chunk, tfdt + 8);
  std::size_t at = trun + 12 + ((flags & 4) != 0 ? 4 : 0);
  const auto next = [&] {
    at += 4;
    return big_endian_at(chunk, at - 4);
  };
  std::vector<SampleTimes> samples(big_endian_at(chunk, trun + 4));
  for (SampleTimes& sample : samples) {
    sample.duration = has_default ? big_endian_at(chunk, tfhd + 8) : 0;
    if ((flags & 0x100) != 0) sample.duration = next();
    sample.size = next();
    if ((flags & 0x400) != 0) next();
    sample.decode = sample.presentation = decode;
    if ((flags & 0x800) != 0) sample.presentation += static_cast<std::int32_t>(next());
    decode += sample.duration;
  }
  return samples;
}

}  // namespace millrace::test
