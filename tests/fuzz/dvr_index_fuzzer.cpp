// Any bytes as the index of a file of media. As they are; and as records whose checksums are right,
// which chance alone would not find.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "hls/dvr/dvr_index.h"

using namespace millrace::hls;

namespace {

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

void check(std::string_view text) {
  const auto parsed = parse_dvr_index(bytes_of(text));
  if (!parsed.has_value()) return;
  const DvrIndex& index = parsed.value();
  CHECK(is_dvr_name(index.start_id) && index.good_bytes <= text.size());
  CHECK(text.starts_with(dvr_index_header(index.start_id, index.kind)));
  for (std::size_t i = 0; i < index.segments.size(); ++i) {
    CHECK(i == 0 || index.segments[i].number > index.segments[i - 1].number);
    CHECK(index.segments[i].duration > 0 && index.segments[i].range.size > 0);
    CHECK(std::ranges::any_of(index.inits,
                              [&](const auto& init) { return init.map == index.segments[i].map; }));
  }
  // What is good stays so, by itself.
  const auto again = parse_dvr_index(bytes_of(text.substr(0, index.good_bytes)));
  CHECK(again.has_value() && again.value().segments == index.segments &&
        again.value().inits == index.inits);
}

/// Without its checksum; its two texts stand behind their sizes.
std::size_t init_size(std::string_view record) {
  static const std::size_t kEmpty = dvr_record(DvrInitRecord{}).size() - 4;
  constexpr std::size_t kCodecsAt = 1 + 8 + 16;
  const auto size_at = [&](std::size_t at) {
    return at < record.size() ? static_cast<std::uint8_t>(record[at]) : std::size_t{0};
  };
  const std::size_t codecs = size_at(kCodecsAt);
  return kEmpty + codecs + size_at(kCodecsAt + 1 + codecs);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  check(text);
  static const std::size_t kSegmentBytes = dvr_record(DvrSegmentRecord{}).size() - 4;
  std::string sealed = dvr_index_header("s", millrace::MediaKind::kVideo);
  while (!text.empty()) {
    const auto record = text.substr(
        0, std::min(text.size(), text.front() == 'i' ? init_size(text) : kSegmentBytes));
    text.remove_prefix(record.size());
    sealed += record;
    for (std::uint32_t i = 0, checksum = dvr_checksum(bytes_of(record)); i < 4; ++i)
      sealed.push_back(static_cast<char>(checksum >> (8 * i) & 0xff));
  }
  check(sealed);
  return 0;
}
