#include "hls/playlist/media_playlist.h"

#include <algorithm>

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::hls::playlist;

namespace {

constexpr MediaTime kNoon = 1'777'636'800s;  // 2026-05-01T12:00:00Z, when segment 1200 begins.
constexpr PrintedTime kSecond = kStepsPerSecond;

/// Two parts of a second each.
Segment segment(SegmentNumber number) {
  return {.number = number,
          .start = kNoon + (static_cast<std::int64_t>(number) - 1200) * 2s,
          .duration = 2 * kSecond,
          .map = 1180,
          .is_complete = true,
          .parts = {{.counter = number * 10, .duration = kSecond, .is_independent = true},
                    {.counter = number * 10 + 1, .duration = kSecond}}};
}

/// A playlist that each case copies and changes.
struct PlaylistBuilder {
  MediaPlaylist head{.start_id = "7f3",
                     .target_seconds = 2,
                     .part_target = kSecond,
                     .part_hold_back = 3 * kSecond,
                     .has_independent_segments = true,
                     .discontinuity_sequence = 3,
                     .segments = {},
                     .reports = {}};
  std::vector<Segment> segments;

  /// Behind the others; the newest three list their parts.
  PlaylistBuilder& add_segments(int count) {
    for (int i = 0; i < count; ++i)
      segments.push_back(segment(segments.empty() ? 1200 : segments.back().number + 1));
    for (std::size_t i = 0; i + 3 < segments.size(); ++i) segments[i].lists_parts = false;
    head.next_part = segments.back().parts.back().counter + 1;
    return *this;
  }
  /// Behind the complete ones, with its first part.
  PlaylistBuilder& add_open_segment() {
    add_segments(1);
    segments.back().is_complete = false;
    segments.back().parts.pop_back();
    --head.next_part;
    return *this;
  }
  MediaPlaylist build() const {
    MediaPlaylist playlist = head;
    for (const Segment& each : segments) playlist.segments.push_back(&each);
    return playlist;
  }
  std::string text() const { return render(build()); }
  std::string delta() const { return render_delta(build()); }
};

PlaylistBuilder live() {
  PlaylistBuilder playlist;
  playlist.add_segments(1).add_open_segment();
  playlist.head.reports = {{"720p", 1201, 0}, {"audio", 1200, 1}};
  return playlist;
}

/// Twenty seconds of which the last eight stay in a delta update, and an open segment.
PlaylistBuilder long_show() {
  PlaylistBuilder playlist;
  playlist.add_segments(10).add_open_segment();
  playlist.head.can_skip_until = 12;
  playlist.head.reports = {{"audio", 1210, 0}};
  return playlist;
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    all.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

bool has(const std::string& text, const std::string& piece) {
  return text.find(piece) != std::string::npos;
}

}  // namespace

TEST_CASE("a live playlist", "[playlist]") {
  PlaylistBuilder playlist;
  playlist.add_segments(4).add_open_segment();
  playlist.segments[1].lists_parts = false;
  playlist.head.can_skip_until = 12;
  playlist.head.reports = {{"720p", 1204, 0}, {"audio", 1203, 1}};
  CHECK(playlist.text() == R"(#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3.00000,CAN-SKIP-UNTIL=12.00000
#EXT-X-PART-INF:PART-TARGET=1.00000
#EXT-X-MEDIA-SEQUENCE:1200
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-MAP:URI="init-7f3-1180.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:00.000Z
#EXTINF:2.00000,
s7f3-1200.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:02.000Z
#EXTINF:2.00000,
s7f3-1201.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:04.000Z
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12020.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12021.m4s"
#EXTINF:2.00000,
s7f3-1202.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:06.000Z
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12030.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12031.m4s"
#EXTINF:2.00000,
s7f3-1203.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:08.000Z
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12040.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p7f3-12041.m4s"
#EXT-X-RENDITION-REPORT:URI="../720p/index.m3u8",LAST-MSN=1204,LAST-PART=0
#EXT-X-RENDITION-REPORT:URI="../audio/index.m3u8",LAST-MSN=1203,LAST-PART=1
)");
}

TEST_CASE("with delta updates off and a segment cut where no key frame was, neither is claimed",
          "[playlist]") {
  PlaylistBuilder playlist = live();
  playlist.head.has_independent_segments = false;
  playlist.segments[1].parts[0].is_independent = false;
  CHECK(playlist.text() == R"(#EXTM3U
#EXT-X-VERSION:6
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3.00000
#EXT-X-PART-INF:PART-TARGET=1.00000
#EXT-X-MEDIA-SEQUENCE:1200
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-MAP:URI="init-7f3-1180.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:00.000Z
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12000.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12001.m4s"
#EXTINF:2.00000,
s7f3-1200.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:02.000Z
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12010.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p7f3-12011.m4s"
#EXT-X-RENDITION-REPORT:URI="../720p/index.m3u8",LAST-MSN=1201,LAST-PART=0
#EXT-X-RENDITION-REPORT:URI="../audio/index.m3u8",LAST-MSN=1200,LAST-PART=1
)");
}

TEST_CASE("durations, dates and numbers are written in full", "[playlist]") {
  PlaylistBuilder playlist;
  playlist.add_segments(1);
  playlist.head.start_id = "1a2b3c";
  playlist.head.part_target = to_printed(200'200us);
  playlist.head.part_hold_back = 3 * playlist.head.part_target;
  playlist.head.discontinuity_sequence = 31'536'000;
  playlist.head.next_part = 18'000'000'002;
  Segment& only = playlist.segments[0];
  only.number = 5'000'000'001;
  only.map = 4'999'999'999;
  only.start = kNoon + 33'366'667ns;
  only.duration = to_printed(233'566'667ns);
  only.parts = {{.counter = 18'000'000'000, .duration = 20'020, .is_independent = true},
                {.counter = 18'000'000'001, .duration = 3'337}};
  CHECK(playlist.text() == R"(#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.60060
#EXT-X-PART-INF:PART-TARGET=0.20020
#EXT-X-MEDIA-SEQUENCE:5000000001
#EXT-X-DISCONTINUITY-SEQUENCE:31536000
#EXT-X-MAP:URI="init-1a2b3c-4999999999.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:00.033Z
#EXT-X-PART:DURATION=0.20020,URI="p1a2b3c-18000000000.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.03337,URI="p1a2b3c-18000000001.m4s"
#EXTINF:0.23357,
s1a2b3c-5000000001.m4s
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p1a2b3c-18000000002.m4s"
)");
}

TEST_CASE("a discontinuity and its new header come before the open segment's first part",
          "[playlist]") {
  PlaylistBuilder playlist = live();
  playlist.head.reports.clear();
  playlist.segments[1].starts_discontinuity = true;
  playlist.segments[1].map = 1201;
  CHECK(playlist.text() == R"(#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3.00000
#EXT-X-PART-INF:PART-TARGET=1.00000
#EXT-X-MEDIA-SEQUENCE:1200
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-MAP:URI="init-7f3-1180.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:00.000Z
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12000.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12001.m4s"
#EXTINF:2.00000,
s7f3-1200.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="init-7f3-1201.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:02.000Z
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12010.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p7f3-12011.m4s"
)");
}

TEST_CASE("a discontinuity keeps its tag at the top of the window, and repeats an old header",
          "[playlist]") {
  PlaylistBuilder playlist = live();
  playlist.segments[0].starts_discontinuity = true;
  playlist.segments[1].starts_discontinuity = true;
  CHECK(has(playlist.text(), R"(
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="init-7f3-1180.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:00.000Z
)"));
  CHECK(has(playlist.text(), R"(
s7f3-1200.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="init-7f3-1180.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:02.000Z
)"));
}

TEST_CASE("segments and parts without media keep their place and their URI as gaps", "[playlist]") {
  PlaylistBuilder playlist;
  playlist.add_segments(4).add_open_segment();
  for (Segment& each : playlist.segments) each.lists_parts = true;
  for (const std::size_t i : {0u, 1u, 3u, 4u}) {
    playlist.segments[i].is_gap = true;
    for (Part& part : playlist.segments[i].parts) part.is_gap = true;
  }
  playlist.segments[0].lists_parts = false;
  playlist.segments[0].map = playlist.segments[1].map = 0;
  playlist.segments[1].starts_discontinuity = true;
  playlist.segments[2].starts_discontinuity = true;
  playlist.segments[2].map = 1202;
  playlist.segments[3].map = playlist.segments[4].map = 1202;
  CHECK(playlist.text() == R"(#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3.00000
#EXT-X-PART-INF:PART-TARGET=1.00000
#EXT-X-MEDIA-SEQUENCE:1200
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:00.000Z
#EXT-X-GAP
#EXTINF:2.00000,
s7f3-1200.m4s
#EXT-X-DISCONTINUITY
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:02.000Z
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12010.m4s",INDEPENDENT=YES,GAP=YES
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12011.m4s",GAP=YES
#EXT-X-GAP
#EXTINF:2.00000,
s7f3-1201.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="init-7f3-1202.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:04.000Z
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12020.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12021.m4s"
#EXTINF:2.00000,
s7f3-1202.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:06.000Z
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12030.m4s",INDEPENDENT=YES,GAP=YES
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12031.m4s",GAP=YES
#EXT-X-GAP
#EXTINF:2.00000,
s7f3-1203.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:08.000Z
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12040.m4s",INDEPENDENT=YES,GAP=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p7f3-12041.m4s"
)");
}

TEST_CASE("right behind a segment's end the next segment's first part is hinted", "[playlist]") {
  PlaylistBuilder playlist;
  playlist.add_segments(1);
  CHECK(has(playlist.text(), R"(
s7f3-1200.m4s
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p7f3-12002.m4s"
)"));
}

TEST_CASE("behind the end of the show there are no hints, no reports and no deltas", "[playlist]") {
  PlaylistBuilder playlist = long_show();
  playlist.segments.pop_back();
  playlist.head.has_ended = true;
  const std::string text = playlist.text();
  CHECK(lines(text).back() == "#EXT-X-ENDLIST");
  CHECK_FALSE(has(text, "EXT-X-PRELOAD-HINT"));
  CHECK_FALSE(has(text, "EXT-X-RENDITION-REPORT"));
  CHECK(playlist.delta() == text);
}

TEST_CASE("a delta update leaves out what lies entirely beyond the skip boundary", "[playlist]") {
  PlaylistBuilder playlist = long_show();
  playlist.segments[1].starts_discontinuity = true;
  CHECK(playlist.delta() == R"(#EXTM3U
#EXT-X-VERSION:9
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=3.00000,CAN-SKIP-UNTIL=12.00000
#EXT-X-PART-INF:PART-TARGET=1.00000
#EXT-X-MEDIA-SEQUENCE:1200
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-SKIP:SKIPPED-SEGMENTS=3
#EXT-X-MAP:URI="init-7f3-1180.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:06.000Z
#EXTINF:2.00000,
s7f3-1203.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:08.000Z
#EXTINF:2.00000,
s7f3-1204.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:10.000Z
#EXTINF:2.00000,
s7f3-1205.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:12.000Z
#EXTINF:2.00000,
s7f3-1206.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:14.000Z
#EXTINF:2.00000,
s7f3-1207.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:16.000Z
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12080.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12081.m4s"
#EXTINF:2.00000,
s7f3-1208.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:18.000Z
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12090.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12091.m4s"
#EXTINF:2.00000,
s7f3-1209.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-05-01T12:00:20.000Z
#EXT-X-PART:DURATION=1.00000,URI="p7f3-12100.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p7f3-12101.m4s"
#EXT-X-RENDITION-REPORT:URI="../audio/index.m3u8",LAST-MSN=1210,LAST-PART=0
)");
}

TEST_CASE("the old playlist's segments and a delta's rest are the whole playlist", "[playlist]") {
  PlaylistBuilder playlist = long_show();
  playlist.segments[3].is_gap = true;
  playlist.segments[5].starts_discontinuity = true;
  playlist.segments[5].map = 1205;
  for (std::size_t i = 6; i < playlist.segments.size(); ++i) playlist.segments[i].map = 1205;
  const auto full = lines(playlist.text()), delta = lines(playlist.delta());
  const auto skip = std::find(delta.begin(), delta.end(), "#EXT-X-SKIP:SKIPPED-SEGMENTS=3");
  REQUIRE(skip != delta.end());
  // All in front of it but the version is the same.
  REQUIRE(skip - delta.begin() > 2);
  CHECK(delta[1] == "#EXT-X-VERSION:9");
  CHECK(std::equal(delta.begin() + 2, skip, full.begin() + 2));
  // The header that holds is said again.
  REQUIRE(*(skip + 1) == "#EXT-X-MAP:URI=\"init-7f3-1180.mp4\"");
  const std::vector<std::string> rest(skip + 2, delta.end());
  REQUIRE(rest.size() < full.size());
  CHECK(
      std::equal(rest.begin(), rest.end(), full.end() - static_cast<std::ptrdiff_t>(rest.size())));
  CHECK(*(full.end() - static_cast<std::ptrdiff_t>(rest.size()) - 1) == "s7f3-1202.m4s");
}

TEST_CASE("the skip boundary is measured from the end of the last complete segment", "[playlist]") {
  // Apple's example: nine segments of 4.00008 s and a boundary of 24 s.
  PlaylistBuilder playlist;
  playlist.head.target_seconds = 4;
  playlist.head.can_skip_until = 24;
  playlist.add_segments(9);
  for (Segment& each : playlist.segments) each.duration = 400'008;
  CHECK(has(playlist.delta(), "#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n"));
  PlaylistBuilder with_open = playlist;
  with_open.add_open_segment();
  CHECK(has(with_open.delta(), "#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n"));
  // One that ends at the boundary is not further away than it.
  for (Segment& each : playlist.segments) each.duration = 400'000;
  CHECK(has(playlist.delta(), "#EXT-X-SKIP:SKIPPED-SEGMENTS=2\n"));
}

TEST_CASE("with nothing to skip a delta update is the whole playlist", "[playlist]") {
  PlaylistBuilder playlist;
  playlist.add_segments(7).add_open_segment();
  playlist.head.can_skip_until = 12;
  CHECK(playlist.delta() == playlist.text());
  PlaylistBuilder without_deltas = long_show();
  without_deltas.head.can_skip_until = 0;
  CHECK(without_deltas.delta() == without_deltas.text());
}
