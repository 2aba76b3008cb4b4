#include "hls/dvr/dvr_index.h"

#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/check.h"

namespace millrace::hls {
namespace {

// The last character is the version.
constexpr std::string_view kMagic = "MRDVR\r\n1";
constexpr std::size_t kLongestName = 64;
constexpr std::uint8_t kInitType = 'i';
constexpr std::uint8_t kSegmentType = 's';
constexpr std::uint8_t kDiscontinuityFlag = 1;
constexpr std::uint8_t kIndependentFlag = 2;
constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 50;
constexpr playlist::PrintedTime kLongestSegment = 3600 * playlist::kStepsPerSecond;
// Years 1970 to 2200: a playlist's dates, and sums of times, stay in range.
constexpr MediaTime kLatestStart = std::chrono::hours(230 * 8766);

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

class Writer {
 public:
  template <typename Number>
  Writer& number(Number value) {
    auto bits = static_cast<std::uint64_t>(value);
    for (std::size_t i = 0; i < sizeof(Number); ++i, bits >>= 8)
      text_.push_back(static_cast<char>(bits & 0xff));
    return *this;
  }
  Writer& text(std::string_view text) {
    text_.append(text);
    return *this;
  }
  Writer& range(const DvrRange& range) {
    return number(range.offset).number(range.size).number(range.checksum);
  }
  /// With the checksum behind it.
  std::string take() {
    number(dvr_checksum({reinterpret_cast<const std::uint8_t*>(text_.data()), text_.size()}));
    return std::move(text_);
  }

 private:
  std::string text_;
};

/// Reads past the end give zeros, and is_good() is false from then on.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  template <typename Number>
  Number number() {
    std::uint64_t value = 0;
    const auto raw = take(sizeof(Number));
    for (std::size_t i = raw.size(); i > 0; --i) value = value << 8 | raw[i - 1];
    return static_cast<Number>(value);
  }
  std::string_view text(std::size_t size) {
    const auto raw = take(size);
    return {reinterpret_cast<const char*>(raw.data()), raw.size()};
  }
  DvrRange range() {
    DvrRange range;
    range.offset = number<std::uint64_t>();
    range.size = number<std::uint32_t>();
    range.checksum = number<std::uint32_t>();
    return range;
  }
  /// What was read since `begin` has its checksum behind it.
  bool ends_well(std::size_t begin) {
    if (!is_good_) return false;
    const std::uint32_t expected = dvr_checksum(bytes_.subspan(begin, at_ - begin));
    return number<std::uint32_t>() == expected && is_good_;
  }
  bool is_good() const { return is_good_; }
  bool is_at_end() const { return at_ == bytes_.size(); }
  std::size_t at() const { return at_; }

 private:
  std::span<const std::uint8_t> take(std::size_t size) {
    if (!is_good_ || size > bytes_.size() - at_) {
      is_good_ = false;
      return {};
    }
    at_ += size;
    return bytes_.subspan(at_ - size, size);
  }

  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  bool is_good_ = true;
};

bool is_sound(const DvrRange& range) {
  return range.size > 0 && range.offset < kLargestFile;
}

bool is_sound(const DvrSegmentRecord& record, const DvrIndex& before) {
  const auto has_map = [&](const DvrInitRecord& init) { return init.map == record.map; };
  return is_sound(record.range) && record.duration > 0 && record.duration <= kLongestSegment &&
         record.start >= MediaTime::zero() && record.start <= kLatestStart &&
         (before.segments.empty() || record.number > before.segments.back().number) &&
         std::ranges::any_of(before.inits, has_map);
}

/// False where it is torn or damaged.
bool read_record(Reader& reader, DvrIndex& index) {
  const std::size_t begin = reader.at();
  const auto type = reader.number<std::uint8_t>();
  if (type == kInitType) {
    DvrInitRecord init;
    init.map = reader.number<std::uint64_t>();
    init.range = reader.range();
    if (!reader.ends_well(begin) || !is_sound(init.range)) return false;
    index.inits.push_back(init);
    return true;
  }
  if (type != kSegmentType) return false;
  DvrSegmentRecord segment;
  segment.number = reader.number<std::uint64_t>();
  segment.start = MediaTime(reader.number<std::int64_t>());
  segment.duration = reader.number<std::int64_t>();
  segment.map = reader.number<std::uint64_t>();
  const auto flags = reader.number<std::uint8_t>();
  segment.starts_discontinuity = (flags & kDiscontinuityFlag) != 0;
  segment.is_independent = (flags & kIndependentFlag) != 0;
  segment.range = reader.range();
  if (!reader.ends_well(begin) || !is_sound(segment, index)) return false;
  index.segments.push_back(segment);
  return true;
}

}  // namespace

std::uint32_t dvr_checksum(std::span<const std::uint8_t> bytes, std::uint32_t before) {
  return static_cast<std::uint32_t>(crc32_z(before, bytes.data(), bytes.size()));
}

bool is_dvr_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestName || name.front() == '.') return false;
  return std::ranges::all_of(
      name, [](char c) { return is_letter_or_digit(c) || c == '_' || c == '-' || c == '.'; });
}

std::string dvr_index_header(std::string_view start_id, MediaKind kind) {
  CHECK(is_dvr_name(start_id));
  return Writer()
      .text(kMagic)
      .number(static_cast<std::uint8_t>(kind == MediaKind::kVideo ? 'v' : 'a'))
      .number(static_cast<std::uint8_t>(start_id.size()))
      .text(start_id)
      .take();
}

std::string dvr_record(const DvrInitRecord& record) {
  return Writer().number(kInitType).number(record.map).range(record.range).take();
}

std::string dvr_record(const DvrSegmentRecord& record) {
  const int flags = (record.starts_discontinuity ? kDiscontinuityFlag : 0) |
                    (record.is_independent ? kIndependentFlag : 0);
  return Writer()
      .number(kSegmentType)
      .number(record.number)
      .number(std::int64_t{record.start.count()})
      .number(record.duration)
      .number(record.map)
      .number(static_cast<std::uint8_t>(flags))
      .range(record.range)
      .take();
}

Result<DvrIndex> parse_dvr_index(std::span<const std::uint8_t> bytes) {
  Reader reader(bytes);
  DvrIndex index;
  const bool is_ours = reader.text(kMagic.size()) == kMagic;
  const auto kind = reader.number<std::uint8_t>();
  index.kind = kind == 'v' ? MediaKind::kVideo : MediaKind::kAudio;
  index.start_id = reader.text(reader.number<std::uint8_t>());
  if (!is_ours || (kind != 'v' && kind != 'a') || !reader.ends_well(0) ||
      !is_dvr_name(index.start_id))
    return Error{ErrorCode::kInvalidData, "dvr: no index of ours, or its header is damaged"};
  index.good_bytes = reader.at();
  while (!reader.is_at_end() && read_record(reader, index)) index.good_bytes = reader.at();
  return index;
}

}  // namespace millrace::hls
