#pragma once
// What the check of a CDN reads in a live playlist: where it ends, what it promises, what it names
// (draft-pantos-hls-rfc8216bis §4.4). Input from outside. Pure; any thread.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::app::cdn_check {

using Seconds = std::chrono::duration<double>;

/// What a blocking reload asks for: a part of a segment, or the whole of one.
struct Position {
  std::uint64_t segment = 0;
  std::optional<std::uint64_t> part;
};

/// "_HLS_msn=7&_HLS_part=2".
std::string to_query(const Position& position);

struct LivePlaylist {
  struct Segment {
    std::uint64_t number = 0;
    std::string uri;  ///< Empty of the open one, the last, whose parts are listed alone.
    Seconds duration{0};
    bool is_gap = false;
    std::vector<Seconds> parts;
    std::vector<std::string> part_uris;
  };

  std::vector<std::string> variants;  ///< Not empty: it is a multivariant playlist.
  Seconds target{0};
  Seconds part_target{0};  ///< 0: it has no parts.
  Seconds part_hold_back{0};
  bool can_block_reload = false;
  Seconds skip_until{0};  ///< CAN-SKIP-UNTIL; 0: no delta updates.
  bool is_delta = false;
  bool has_ended = false;
  std::uint64_t first = 0;  ///< The number of the first segment, of those skipped too.
  std::string map_uri;
  std::string hint_uri;
  std::vector<Segment> segments;

  /// One that a low-latency player follows.
  bool is_low_latency() const;
  /// Whether a delta update has something to skip: the first segment ends before the skip boundary.
  bool can_skip() const;
  /// The next thing to come.
  Position next() const;
  /// Whether it has what was asked for (§6.2.5.2; a part past the end of its segment is the next
  /// segment's first, hence a closed segment has all parts).
  bool reached(const Position& position) const;
  /// The number of the last segment that is whole; `first` - 1 where there is none.
  std::uint64_t last_complete() const;
  /// How much more media this one lists behind the end of `older`; 0 where none.
  Seconds ahead_of(const LivePlaylist& older) const;
};

/// Nothing where it is no playlist. What it does not know it ignores.
std::optional<LivePlaylist> parse_live_playlist(std::string_view text);

}  // namespace millrace::app::cdn_check
