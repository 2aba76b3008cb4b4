#pragma once
// The index of a file of media: a header, then a record for each init segment and each segment,
// with a checksum behind each. Records are only ever appended, each after its media, so that
// whatever a crash leaves is a good beginning. Little-endian. Input from outside: who starts the
// server need not have written it. Pure; any thread.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hls/dvr/dvr_place.h"
#include "hls/playlist/text.h"
#include "media/media_time.h"
#include "media/track_info.h"

namespace millrace::hls {

struct DvrSegmentRecord {
  SegmentNumber number = 0;
  MediaTime start{};                   ///< Since the Unix epoch.
  playlist::PrintedTime duration = 0;  ///< More than nothing, at most an hour.
  SegmentNumber map = 0;               ///< Its init segment, as playlist::Segment has it.
  bool starts_discontinuity = false;
  bool is_independent = false;
  bool has_captions = false;  ///< CEA-608 in the pictures of its channel.
  SegmentNumber show = 0;     ///< The first number of the show that it belongs to.
  DvrRange range{};
  friend bool operator==(const DvrSegmentRecord&, const DvrSegmentRecord&) = default;
};

struct DvrInitRecord {
  SegmentNumber map = 0;
  DvrRange range{};
  std::string codecs{};  ///< RFC 6381.
  TrackInfo track{};     ///< What the multivariant playlist says of it.
  friend bool operator==(const DvrInitRecord&, const DvrInitRecord&) = default;
};

struct DvrIndex {
  std::string start_id;  ///< Of the start of the server that wrote it.
  MediaKind kind = MediaKind::kVideo;
  std::vector<DvrInitRecord> inits;
  std::vector<DvrSegmentRecord> segments;  ///< Numbers rise; each map is one of `inits`.
  std::size_t good_bytes = 0;              ///< Of the index: what follows is torn.
};

/// CRC-32 of zlib, of what came before and `bytes`.
std::uint32_t dvr_checksum(std::span<const std::uint8_t> bytes, std::uint32_t before = 0);

/// A name of a channel, a rendition or a start that is a safe file name: letters, digits, '_', '-',
/// and '.' but not at the beginning; at most 64 characters.
bool is_dvr_name(std::string_view name);

/// Codecs that can stand in a quoted attribute, and not too long for a record.
bool is_dvr_codecs(std::string_view codecs);

/// `start_id` is_dvr_name().
std::string dvr_index_header(std::string_view start_id, MediaKind kind);
/// `codecs` is_dvr_codecs(). Sizes and rates that are none are written as nothing.
std::string dvr_record(const DvrInitRecord& record);
std::string dvr_record(const DvrSegmentRecord& record);

/// Everything up to the first record that is torn, damaged or contradicts those before.
/// kInvalidData: not even the header is one.
Result<DvrIndex> parse_dvr_index(std::span<const std::uint8_t> bytes);

}  // namespace millrace::hls
