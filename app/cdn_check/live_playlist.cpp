#include "app/cdn_check/live_playlist.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace millrace::app::cdn_check {
namespace {

constexpr double kLongest = 86'400;  // Seconds; past it a duration is a mistake and taken for none.

template <typename Number>
std::optional<Number> to_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

Seconds to_seconds(std::string_view text) {
  const auto value = to_number<double>(text);
  return Seconds(value && *value >= 0 && *value <= kLongest ? *value : 0);
}

/// Of "A=1,B=\"x\"" the value of B, without quotes; empty where there is none.
std::string_view attribute(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const auto equals = list.find('=');
    if (equals == std::string_view::npos) return {};
    const std::string_view key = list.substr(0, equals);
    list.remove_prefix(equals + 1);
    const bool is_quoted = list.starts_with('"');
    if (is_quoted) list.remove_prefix(1);
    const auto end = list.find(is_quoted ? '"' : ',');
    const std::string_view value = list.substr(0, end);
    if (key == name) return value;
    if (end == std::string_view::npos) return {};
    list.remove_prefix(end + 1);
    if (is_quoted && list.starts_with(',')) list.remove_prefix(1);
  }
  return {};
}

bool take_prefix(std::string_view& line, std::string_view prefix) {
  if (!line.starts_with(prefix)) return false;
  line.remove_prefix(prefix.size());
  return true;
}

Seconds length_of(const LivePlaylist::Segment& segment) {
  if (!segment.uri.empty()) return segment.duration;
  Seconds length{0};
  for (const Seconds part : segment.parts) length += part;
  return length;
}

class Reader {
 public:
  void read_line(std::string_view line) {
    if (line.starts_with('#'))
      read_tag(line);
    else if (!line.empty())
      read_uri(line);
  }

  LivePlaylist finish() {
    if (!open_.parts.empty()) close("");
    return std::move(playlist_);
  }

 private:
  void read_tag(std::string_view line) {
    if (take_prefix(line, "#EXTINF:")) {
      open_.duration = to_seconds(line);
    } else if (take_prefix(line, "#EXT-X-PART:")) {
      open_.parts.push_back(to_seconds(attribute(line, "DURATION")));
      open_.part_uris.emplace_back(attribute(line, "URI"));
    } else if (line == "#EXT-X-GAP") {
      open_.is_gap = true;
    } else if (line.starts_with("#EXT-X-STREAM-INF:")) {
      is_variant_ = true;
    } else {
      read_header(line);
    }
  }

  void read_header(std::string_view line) {
    if (take_prefix(line, "#EXT-X-TARGETDURATION:")) {
      playlist_.target = to_seconds(line);
    } else if (take_prefix(line, "#EXT-X-MEDIA-SEQUENCE:")) {
      if (playlist_.segments.empty())
        playlist_.first = number_ = to_number<std::uint32_t>(line).value_or(0);
    } else if (take_prefix(line, "#EXT-X-PART-INF:")) {
      playlist_.part_target = to_seconds(attribute(line, "PART-TARGET"));
    } else if (take_prefix(line, "#EXT-X-SERVER-CONTROL:")) {
      playlist_.can_block_reload = attribute(line, "CAN-BLOCK-RELOAD") == "YES";
      playlist_.skip_until = to_seconds(attribute(line, "CAN-SKIP-UNTIL"));
      playlist_.part_hold_back = to_seconds(attribute(line, "PART-HOLD-BACK"));
    } else if (take_prefix(line, "#EXT-X-SKIP:")) {
      playlist_.is_delta = true;
      if (playlist_.segments.empty())
        number_ += to_number<std::uint32_t>(attribute(line, "SKIPPED-SEGMENTS")).value_or(0);
    } else if (take_prefix(line, "#EXT-X-PRELOAD-HINT:")) {
      if (attribute(line, "TYPE") == "PART") playlist_.hint_uri = attribute(line, "URI");
    } else if (take_prefix(line, "#EXT-X-MAP:")) {
      playlist_.map_uri = attribute(line, "URI");
    } else if (line == "#EXT-X-ENDLIST") {
      playlist_.has_ended = true;
    }
  }

  void read_uri(std::string_view line) {
    if (std::exchange(is_variant_, false))
      playlist_.variants.emplace_back(line);
    else
      close(line);
  }

  void close(std::string_view uri) {
    open_.number = number_++;
    open_.uri = uri;
    playlist_.segments.push_back(std::exchange(open_, {}));
  }

  LivePlaylist playlist_;
  LivePlaylist::Segment open_;
  std::uint64_t number_ = 0;
  bool is_variant_ = false;
};

}  // namespace

std::string to_query(const Position& position) {
  std::string query = fmt::format("_HLS_msn={}", position.segment);
  if (position.part) query += fmt::format("&_HLS_part={}", *position.part);
  return query;
}

bool LivePlaylist::is_low_latency() const {
  return variants.empty() && !has_ended && can_block_reload && part_target.count() > 0 &&
         target.count() >= 1 && !segments.empty();
}

bool LivePlaylist::can_skip() const {
  if (skip_until.count() <= 0 || segments.empty()) return false;
  Seconds behind_first{0};
  for (std::size_t i = 1; i < segments.size(); ++i) behind_first += length_of(segments[i]);
  return behind_first > skip_until;
}

Position LivePlaylist::next() const {
  if (segments.empty()) return {first, std::nullopt};
  const Segment& last = segments.back();
  if (last.uri.empty()) return {last.number, last.parts.size()};
  return {last.number + 1, 0};
}

std::uint64_t LivePlaylist::last_complete() const {
  if (segments.empty()) return first - 1;
  const Segment& last = segments.back();
  return last.uri.empty() ? last.number - 1 : last.number;
}

bool LivePlaylist::reached(const Position& position) const {
  if (segments.empty()) return false;
  const Segment& last = segments.back();
  if (!last.uri.empty()) return last.number >= position.segment;
  if (last.number != position.segment) return last.number > position.segment;
  return position.part && last.parts.size() > *position.part;
}

Seconds LivePlaylist::ahead_of(const LivePlaylist& older) const {
  const Position end = older.next();
  Seconds more{0};
  for (const Segment& segment : segments) {
    if (segment.number < end.segment) continue;
    Seconds length = length_of(segment);
    if (segment.number == end.segment && !older.segments.empty() &&
        older.segments.back().number == segment.number)
      for (const Seconds part : older.segments.back().parts) length -= part;
    more += length;
  }
  return std::max(more, Seconds(0));
}

std::optional<LivePlaylist> parse_live_playlist(std::string_view text) {
  if (!text.starts_with("#EXTM3U")) return std::nullopt;
  Reader reader;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    reader.read_line(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return reader.finish();
}

}  // namespace millrace::app::cdn_check
