#include "hls/segment_window.h"

#include <catch2/catch.hpp>

#include "tests/support/chunk_source.h"

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;
using millrace::test::ChunkSource;

namespace {

constexpr SegmentWindow::TimePoint kNow{1h};

void append(SegmentWindow& window, ChunkSource& source, int parts) {
  for (int i = 0; i < parts; ++i) window.append(source.next(), false);
}

void fill(SegmentWindow& window, ChunkSource& source, int segments,
          SegmentWindow::TimePoint now = kNow) {
  for (int i = 0; i < segments; ++i) {
    source.begin(window.open_number());
    append(window, source, 10);
    window.complete(now + i * 2s);
  }
}

}  // namespace

TEST_CASE("parts are numbered through, and a segment is the sum of its parts", "[window]") {
  SegmentWindow window(100, 7);
  ChunkSource source;
  fill(window, source, 2);
  CHECK(window.open_number() == 102);
  CHECK(window.next_part() == 27);
  const auto& first = window.listed(0).line;
  CHECK(first.number == 100);
  CHECK(first.parts.front().counter == 7);
  CHECK(first.duration == 200'000);
  CHECK(window.listed(1).line.parts.front().counter == 17);
  CHECK(window.listed_duration() == 400'000);
}

TEST_CASE("printed durations add up over any run of parts", "[window]") {
  SegmentWindow window(100, 0);
  ChunkSource source{.duration = 200'200'200ns};
  const MediaTime start = source.at;
  append(window, source, 50);
  window.complete(kNow);
  CHECK(window.listed(0).line.duration ==
        playlist::to_printed(source.at) - playlist::to_printed(start));
  for (const auto& part : window.listed(0).line.parts) CHECK(part.duration <= 20'021);
}

TEST_CASE("the edge is the newest part, or the end of the newest segment", "[window]") {
  SegmentWindow window(100, 0);
  ChunkSource source;
  append(window, source, 3);
  CHECK(window.edge().last_complete == 99);
  CHECK(window.edge().newest_part == PlaylistPosition{100, 2});
  window.complete(kNow);
  CHECK(window.edge().last_complete == 100);
  CHECK(window.edge().newest_part == PlaylistPosition{100, 2});
}

TEST_CASE("media is found under its own name only", "[window]") {
  SegmentWindow window(100, 5);
  ChunkSource source;
  fill(window, source, 1);
  source.begin(101);
  append(window, source, 2);
  CHECK(window.find_part(5).text().starts_with("chunk 0 "));
  CHECK(window.find_part(14).text().starts_with("chunk 9 "));
  CHECK(window.find_part(16).text().starts_with("chunk 11 "));
  CHECK(window.find_part(4).empty());
  CHECK(window.find_part(17).empty());
  const auto segment = window.find_segment(100);
  REQUIRE(segment.size() == 10);
  CHECK(segment[3].data() == window.find_part(8).data());
  CHECK(window.find_segment(101).empty());  // Not complete: not listed.
  CHECK(window.find_init(100).text() == "video init");
  CHECK(window.find_init(101).empty());
}

TEST_CASE("a segment that ends too early is a gap with the length that it should have had",
          "[window]") {
  SegmentWindow window(100, 0);
  ChunkSource source;
  const MediaTime start = source.at;
  append(window, source, 4);
  window.complete_as_gap(start + 2s, kNow);
  CHECK(window.listed(0).line.is_gap);
  CHECK(window.listed(0).line.duration == 200'000);
  CHECK(window.find_segment(100).empty());
  CHECK_FALSE(window.find_part(3).empty());  // Listed before, so it stays.
}

TEST_CASE("what has left the playlist stays for as long as the specification says", "[window]") {
  SegmentWindow window(100, 0);
  ChunkSource source;
  fill(window, source, 7);  // Listed from kNow, kNow + 2 s, …
  const auto removed_at = kNow + 14s;
  window.unlist_first(removed_at, 2s);
  CHECK(window.listed_count() == 6);
  CHECK(window.let_go(removed_at) == 0);
  CHECK_FALSE(window.find_part(0).empty());
  // SEG-02: first listing + its duration + the longest playlist (14 s).
  CHECK(window.let_go(removed_at + 1999ms) == 0);
  CHECK(window.let_go(removed_at + 2s) == 10'000);
  CHECK(window.find_part(0).empty());
  CHECK(window.find_segment(100).empty());
}

TEST_CASE("parts that were listed to the last stay for three target durations", "[window]") {
  SegmentWindow window(100, 0);
  ChunkSource source;
  fill(window, source, 4);
  const auto removed_at = kNow + 60s;  // So long ago that the segment itself could go at once.
  window.unlist_first(removed_at, 2s);
  CHECK(window.let_go(removed_at + 5999ms) == 0);
  CHECK(window.let_go(removed_at + 6s) == 10'000);
}

TEST_CASE("a new init segment holds from its segment on, the old one while it is used",
          "[window]") {
  SegmentWindow window(100, 0);
  ChunkSource source;
  fill(window, source, 1);
  source.init = test::init_segment();
  fill(window, source, 1);
  CHECK(window.listed(0).line.map == 100);
  CHECK(window.listed(1).line.map == 101);
  window.unlist_first(kNow + 10s, 2s);
  CHECK_FALSE(window.find_init(100).empty());
  window.let_go(kNow + 60s);
  CHECK(window.find_init(100).empty());
  CHECK_FALSE(window.find_init(101).empty());
}

TEST_CASE("one segment that does not begin with a key frame is remembered", "[window]") {
  SegmentWindow window(100, 0);
  ChunkSource source;
  fill(window, source, 1);
  CHECK(window.has_independent_segments());
  append(window, source, 2);
  CHECK_FALSE(window.has_independent_segments());
  window.complete(kNow);
  fill(window, source, 1);
  CHECK_FALSE(window.has_independent_segments());
}

TEST_CASE("clearing gives all bytes back", "[window]") {
  SegmentWindow window(100, 0);
  ChunkSource source;
  fill(window, source, 3);
  window.unlist_first(kNow, 2s);
  source.begin(103);
  append(window, source, 4);
  CHECK(window.clear() == 34'000);
  CHECK(window.is_empty());
  CHECK(window.find_part(33).empty());
}

TEST_CASE("a segment is listed by its length before it has media, which it gets or is a gap",
          "[window]") {
  SegmentWindow window(100, 0);
  ChunkSource source;
  window.announce(source.init);
  const MediaTime start = source.at;
  window.promise(start, 2s, false, kNow);
  window.promise(start + 2s, 2s, false, kNow);
  CHECK(window.has_promises());
  CHECK(window.open_number() == 102);
  CHECK(window.listed_duration() == 400'000);
  CHECK_FALSE(window.listed(0).line.is_gap);
  CHECK_FALSE(window.has_media());
  CHECK(window.is_promised(100));
  CHECK_FALSE(window.is_promised(99));
  CHECK(window.find_segment(100).empty());

  // One that has left the playlist meanwhile is asked for all the same.
  window.unlist_first(kNow, 2s);
  window.keep_promise(100, {source.next().bytes, source.next().bytes});
  CHECK_FALSE(window.is_promised(100));
  CHECK(window.find_segment(100).size() == 2);
  CHECK(window.find_complete(100)->bytes == 2000);
  CHECK(window.is_promised(101));

  CHECK(window.break_promises() == 1);
  CHECK(window.listed(0).line.is_gap);
  CHECK_FALSE(window.has_promises());
  CHECK(window.break_promises() == 0);
  CHECK(window.clear() == 2000);
}
