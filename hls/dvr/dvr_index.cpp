#include "hls/dvr/dvr_index.h"

#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/check.h"

namespace millrace::hls {
namespace {

// The last character is the version.
constexpr std::string_view kMagic = "MRDVR\r\n2";
constexpr std::size_t kLongestName = 64;
constexpr std::uint8_t kInitType = 'i';
constexpr std::uint8_t kSegmentType = 's';
constexpr std::uint8_t kDiscontinuityFlag = 1;
constexpr std::uint8_t kIndependentFlag = 2;
constexpr std::uint8_t kCaptionsFlag = 4;
constexpr std::size_t kLongestCodecs = 200;
constexpr std::size_t kLongestLanguage = 16;
constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 50;
constexpr playlist::PrintedTime kLongestSegment = 3600 * playlist::kStepsPerSecond;
// Years 1970 to 2200: a playlist's dates, and sums of times, stay in range.
constexpr MediaTime kLatestStart = std::chrono::hours(230 * 8766);

/// What fits into a record; nothing where it does not.
template <typename Number>
Number fitting(std::int64_t value) {
  return std::in_range<Number>(value) ? static_cast<Number>(value) : Number{0};
}

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
  /// Behind its size.
  Writer& sized_text(std::string_view text) {
    return number(static_cast<std::uint8_t>(text.size())).text(text);
  }
  Writer& ratio(const Rational& ratio) {
    return number(fitting<std::uint32_t>(ratio.numerator))
        .number(fitting<std::uint32_t>(ratio.denominator));
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
  std::string_view sized_text() { return text(number<std::uint8_t>()); }
  Rational ratio() {
    Rational ratio;
    ratio.numerator = number<std::uint32_t>();
    ratio.denominator = number<std::uint32_t>();
    return ratio;
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
  return is_sound(record.range) && record.show <= record.number && record.duration > 0 &&
         record.duration <= kLongestSegment && record.start >= MediaTime::zero() &&
         record.start <= kLatestStart &&
         (before.segments.empty() || record.number > before.segments.back().number) &&
         std::ranges::any_of(before.inits, has_map);
}

bool read_init(Reader& reader, std::size_t begin, DvrIndex& index) {
  DvrInitRecord init;
  init.map = reader.number<std::uint64_t>();
  init.range = reader.range();
  init.codecs = reader.sized_text();
  TrackInfo& track = init.track;
  track.kind = index.kind;
  track.language = reader.sized_text();
  track.index = reader.number<std::uint16_t>();
  track.audio.channels = reader.number<std::uint16_t>();
  track.video.width = reader.number<std::uint16_t>();
  track.video.height = reader.number<std::uint16_t>();
  track.video.sample_aspect_ratio = reader.ratio();
  track.video.frame_rate = reader.ratio();
  track.video.colour.transfer = reader.number<std::uint8_t>();
  if (!reader.ends_well(begin) || !is_sound(init.range) || !is_dvr_codecs(init.codecs))
    return false;
  index.inits.push_back(std::move(init));
  return true;
}

/// False where it is torn or damaged.
bool read_record(Reader& reader, DvrIndex& index) {
  const std::size_t begin = reader.at();
  const auto type = reader.number<std::uint8_t>();
  if (type == kInitType) return read_init(reader, begin, index);
  if (type != kSegmentType) return false;
  DvrSegmentRecord segment;
  segment.number = reader.number<std::uint64_t>();
  segment.start = MediaTime(reader.number<std::int64_t>());
  segment.duration = reader.number<std::int64_t>();
  segment.map = reader.number<std::uint64_t>();
  const auto flags = reader.number<std::uint8_t>();
  segment.starts_discontinuity = (flags & kDiscontinuityFlag) != 0;
  segment.is_independent = (flags & kIndependentFlag) != 0;
  segment.has_captions = (flags & kCaptionsFlag) != 0;
  segment.show = reader.number<std::uint64_t>();
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

bool is_dvr_codecs(std::string_view codecs) {
  return codecs.size() <= kLongestCodecs && std::ranges::all_of(codecs, [](char c) {
           return is_letter_or_digit(c) || std::string_view(".,-_+").find(c) != std::string::npos;
         });
}

std::string dvr_index_header(std::string_view start_id, MediaKind kind) {
  CHECK(is_dvr_name(start_id));
  return Writer()
      .text(kMagic)
      .number(static_cast<std::uint8_t>(kind == MediaKind::kVideo ? 'v' : 'a'))
      .sized_text(start_id)
      .take();
}

std::string dvr_record(const DvrInitRecord& record) {
  CHECK(is_dvr_codecs(record.codecs));
  const TrackInfo& track = record.track;
  const VideoParameters& video = track.video;
  return Writer()
      .number(kInitType)
      .number(record.map)
      .range(record.range)
      .sized_text(record.codecs)
      .sized_text(std::string_view(track.language).substr(0, kLongestLanguage))
      .number(fitting<std::uint16_t>(track.index))
      .number(fitting<std::uint16_t>(track.audio.channels))
      .number(fitting<std::uint16_t>(video.width))
      .number(fitting<std::uint16_t>(video.height))
      .ratio(video.sample_aspect_ratio)
      .ratio(video.frame_rate)
      .number(fitting<std::uint8_t>(video.colour.transfer))
      .take();
}

std::string dvr_record(const DvrSegmentRecord& record) {
  const int flags = (record.starts_discontinuity ? kDiscontinuityFlag : 0) |
                    (record.is_independent ? kIndependentFlag : 0) |
                    (record.has_captions ? kCaptionsFlag : 0);
  return Writer()
      .number(kSegmentType)
      .number(record.number)
      .number(std::int64_t{record.start.count()})
      .number(record.duration)
      .number(record.map)
      .number(static_cast<std::uint8_t>(flags))
      .number(record.show)
      .range(record.range)
      .take();
}

Result<DvrIndex> parse_dvr_index(std::span<const std::uint8_t> bytes) {
  Reader reader(bytes);
  DvrIndex index;
  const bool is_ours = reader.text(kMagic.size()) == kMagic;
  const auto kind = reader.number<std::uint8_t>();
  index.kind = kind == 'v' ? MediaKind::kVideo : MediaKind::kAudio;
  index.start_id = reader.sized_text();
  if (!is_ours || (kind != 'v' && kind != 'a') || !reader.ends_well(0) ||
      !is_dvr_name(index.start_id))
    return Error{ErrorCode::kInvalidData, "dvr: no index of ours, or its header is damaged"};
  index.good_bytes = reader.at();
  while (!reader.is_at_end() && read_record(reader, index)) index.good_bytes = reader.at();
  return index;
}

}  // namespace millrace::hls
