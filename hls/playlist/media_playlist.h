#pragma once
// A rendition's media playlist as text (draft-pantos-hls-rfc8216bis), whole or as delta update.
// Pure; any thread.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hls/playlist/text.h"
#include "media/media_time.h"

namespace millrace::hls::playlist {

struct Part {
  std::uint64_t counter = 0;  ///< In its URI: runs through the rendition's life.
  PrintedTime duration = 0;
  bool is_independent = false;
  bool is_gap = false;
};

struct Segment {
  SegmentNumber number = 0;
  MediaTime start{};         ///< Of its first sample, since the Unix epoch.
  PrintedTime duration = 0;  ///< The sum of its parts'.
  SegmentNumber map = 0;     ///< From which segment on its init holds; 0: no media yet, no init.
  bool starts_discontinuity = false;
  bool is_gap = false;
  bool is_complete = false;  ///< Else the playlist's last, of which only parts are listed.
  bool lists_parts = true;
  std::vector<Part> parts;
  std::string_view start_id{};  ///< Of an earlier start of the server, borrowed; empty: the one of
                                ///< the playlist.
};

/// The init segment that holds for what follows.
struct Map {
  std::string_view start_id;
  SegmentNumber number = 0;  ///< As Segment::map.
  friend bool operator==(const Map&, const Map&) = default;
};

/// Where another rendition is.
struct RenditionReport {
  std::string_view rendition;
  SegmentNumber last_segment = 0;
  std::uint64_t last_part = 0;
};

struct MediaPlaylist {
  std::string_view start_id;  ///< In every URI.
  std::uint64_t target_seconds = 0;
  PrintedTime part_target = 0;
  PrintedTime part_hold_back = 0;
  std::uint64_t can_skip_until = 0;  ///< Seconds; 0: no delta updates.
  bool has_independent_segments = false;
  std::uint64_t discontinuity_sequence = 0;
  std::vector<const Segment*> segments;  ///< Not empty; borrowed.
  std::uint64_t next_part = 0;           ///< Hinted while the show goes on.
  bool has_ended = false;
  std::vector<RenditionReport> reports;
  /// Of a long playlist, whose first segments are texts by themselves (render_segments()) and stand
  /// between render_head() and render_tail(). `segments` has the others.
  struct Earlier {
    std::uint64_t count = 0;              ///< With those in `front`.
    std::vector<const Segment*> front{};  ///< Before those texts, and in render_head(); borrowed.
    Map map_before;  ///< Holds for the texts, and none of them says so; 0: they say it themselves.
    Map map_behind;  ///< Holds behind them.
  };
  Earlier earlier{};
  /// Of the very first segment. Absent: its own number, for there is nothing of an earlier start.
  std::optional<SegmentNumber> media_sequence{};
  bool is_dvr = false;  ///< Where it leads to other playlists, they are with ?dvr.
  /// Of a finished show, and never another: nothing of it is for who follows a live one.
  bool is_vod = false;
};

/// Of a playlist that has nothing `earlier`.
std::string render(const MediaPlaylist& playlist);
/// What stands before the texts of the earlier segments, and behind them.
std::string render_head(const MediaPlaylist& playlist);
std::string render_tail(const MediaPlaylist& playlist);

/// `map` holds before, and is then what holds behind. Of complete segments.
std::string render_segments(std::string_view start_id, const std::vector<Segment>& segments,
                            Map& map);

/// How many of the first segments a delta update leaves out; 0: it would be the whole playlist.
/// Where it leaves out any, it leaves out all that are `earlier`.
std::size_t skipped_segments(const MediaPlaylist& playlist);

/// As render() where there is nothing to skip; where there is nothing, none are `earlier`.
std::string render_delta(const MediaPlaylist& playlist);

}  // namespace millrace::hls::playlist
