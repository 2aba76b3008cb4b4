#include "hls/playlist_snapshot.h"

#include <catch2/catch.hpp>
#include <thread>

#include "tests/support/chunk_source.h"

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  Metrics metrics;
  PlaylistCounters counters{metrics};
  SegmentWindow window{100, 0};
  test::ChunkSource source;

  void fill(int segments) {
    for (int i = 0; i < segments; ++i) {
      source.begin(window.open_number());
      for (int part = 0; part < 10; ++part) window.append(source.next(), false);
      window.complete({});
    }
  }
  PlaylistSnapshot snapshot(bool has_ended = false) {
    return PlaylistSnapshot({.start_id = "s",
                             .version = 42,
                             .target_seconds = 2,
                             .part_hold_back = 60'000,
                             .can_skip_until = 12,
                             .has_ended = has_ended,
                             .reports = {{"audio", {107, 3}}}},
                            window, counters);
  }
};

std::size_t count(std::string_view text, std::string_view word) {
  std::size_t found = 0;
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1))
    ++found;
  return found;
}

}  // namespace

TEST_CASE("a version is rendered once, however many ask", "[snapshot]") {
  Fixture f;
  f.fill(3);
  const auto snapshot = f.snapshot();
  CHECK(f.counters.full.value() == 0);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&snapshot] { snapshot.text(PlaylistForm::kFull)->compressed(); });
  for (auto& thread : threads) thread.join();
  CHECK(f.counters.full.value() == 1);
  CHECK(f.counters.compressed.value() == 1);
  CHECK(f.counters.delta.value() == 0);
  CHECK(snapshot.text(PlaylistForm::kFull).get() == snapshot.text(PlaylistForm::kFull).get());
}

TEST_CASE("a snapshot does not change when its window does", "[snapshot]") {
  Fixture f;
  f.fill(2);
  f.window.append(f.source.next(), false);
  const auto snapshot = f.snapshot();
  f.window.append(f.source.next(), false);
  f.window.complete({});
  f.window.unlist_first({}, 2s);
  f.window.let_go(SegmentWindow::TimePoint::max());
  const auto text = snapshot.text(PlaylistForm::kFull)->plain().front().text();
  CHECK(count(text, "#EXT-X-PART:") == 21);
  CHECK(count(text, "#EXTINF") == 2);
  CHECK(count(text, "EXT-X-MEDIA-SEQUENCE:100\n") == 1);
}

TEST_CASE("parts are listed up to three target durations from the end, whole segments at once",
          "[snapshot]") {
  Fixture f;
  f.fill(7);
  CHECK(count(f.snapshot().text(PlaylistForm::kFull)->plain().front().text(), "#EXT-X-PART:") ==
        40);
  f.source.begin(107);
  f.window.append(f.source.next(), false);
  // One part more, and the segment that ends just 6 s from the end is too far away.
  CHECK(count(f.snapshot().text(PlaylistForm::kFull)->plain().front().text(), "#EXT-X-PART:") ==
        31);
}

TEST_CASE("a delta update has another entity tag than the whole", "[snapshot]") {
  Fixture f;
  f.fill(9);
  const auto snapshot = f.snapshot();
  const auto full = snapshot.text(PlaylistForm::kFull), delta = snapshot.text(PlaylistForm::kDelta);
  CHECK(full->etag() != delta->etag());
  CHECK(count(delta->plain().front().text(), "EXT-X-SKIP:SKIPPED-SEGMENTS=") == 1);
  CHECK(count(full->plain().front().text(), "EXT-X-SKIP") == 0);
}

TEST_CASE("a delta update that leaves out nothing is the whole playlist, rendered once",
          "[snapshot]") {
  Fixture f;
  f.fill(3);
  const auto snapshot = f.snapshot();
  CHECK(snapshot.text(PlaylistForm::kDelta) == snapshot.text(PlaylistForm::kFull));
  CHECK(f.counters.full.value() == 1);
  CHECK(f.counters.delta.value() == 0);
}

TEST_CASE("the end is said, and nothing is hinted behind it", "[snapshot]") {
  Fixture f;
  f.fill(2);
  const auto snapshot = f.snapshot(true);
  const auto text = snapshot.text(PlaylistForm::kFull)->plain().front().text();
  CHECK(text.ends_with("#EXT-X-ENDLIST\n"));
  CHECK(count(text, "PRELOAD-HINT") == 0);
}
