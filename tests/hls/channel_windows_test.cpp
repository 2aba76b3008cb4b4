#include "hls/channel_windows.h"

#include <catch2/catch.hpp>

#include "tests/support/chunk_source.h"

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;
using millrace::test::ChunkSource;
using millrace::test::init_segment;

namespace {

/// A channel whose renditions get parts of 200 ms, ten to a segment.
struct Fixture {
  Metrics metrics;
  ChannelWindows windows{"shop", 14s, 5, metrics};
  SegmentWindow::TimePoint now{1h};
  MediaTime at = 1'750'000'000s;
  SegmentNumber number = 99;

  ChannelWindows::Rendition& add(const std::string& name, MediaKind kind = MediaKind::kVideo) {
    return windows.add_rendition({.name = name, .kind = kind});
  }
  void complete() { windows.renditions_complete(now); }
  void open(bool starts_discontinuity = false) {
    windows.open_segment(++number, at, starts_discontinuity, now);
  }
  void push(ChannelWindows::Rendition& rendition, ChunkSource& source, int parts) {
    source.begin(number);
    for (int i = 0; i < parts; ++i)
      REQUIRE(windows.push(rendition, source.next(), now).has_value());
  }
  /// Whole segments of these renditions.
  void run(int segments,
           std::initializer_list<std::pair<ChannelWindows::Rendition*, ChunkSource*>> media) {
    for (int i = 0; i < segments; ++i) {
      open();
      for (const auto& [rendition, source] : media) push(*rendition, *source, 10);
      at += 2s;
      now += 2s;
    }
  }
};

std::vector<SegmentNumber> gaps(const ChannelWindows::Rendition& rendition) {
  std::vector<SegmentNumber> numbers;
  for (std::size_t i = 0; i < rendition.window->listed_count(); ++i)
    if (rendition.window->listed(i).line.is_gap)
      numbers.push_back(rendition.window->listed(i).line.number);
  return numbers;
}

std::vector<SegmentNumber> listed(const ChannelWindows::Rendition& rendition) {
  std::vector<SegmentNumber> numbers;
  for (std::size_t i = 0; i < rendition.window->listed_count(); ++i)
    numbers.push_back(rendition.window->listed(i).line.number);
  return numbers;
}

}  // namespace

TEST_CASE("a segment is complete as soon as its media reaches the next one's start", "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  f.complete();
  f.windows.promise_target_duration(2s);
  ChunkSource chunks;
  f.run(1, {{&source, &chunks}});
  CHECK(source.window->open_number() == 100);  // Nobody knows yet that it ends here.
  f.open();
  CHECK(source.window->open_number() == 101);
  CHECK(source.window->edge().last_complete == 100);
}

TEST_CASE("a rendition that lags completes its segment with its own last part", "[windows]") {
  Fixture f;
  auto& rung = f.add("720p");
  f.complete();
  ChunkSource chunks;
  f.open();
  f.push(rung, chunks, 8);
  f.at += 2s;
  f.open();
  CHECK(rung.window->open_number() == 100);
  chunks.segment = 100;
  REQUIRE(f.windows.push(rung, chunks.next(), f.now).has_value());
  CHECK(rung.window->open_number() == 100);
  REQUIRE(f.windows.push(rung, chunks.next(), f.now).has_value());
  CHECK(rung.window->open_number() == 101);
}

TEST_CASE("all renditions list the same numbers, a missing one is a gap", "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  auto& rung = f.add("720p");
  f.complete();
  f.windows.promise_target_duration(2s);
  ChunkSource a, b;
  f.run(3, {{&source, &a}, {&rung, &b}});
  f.run(3, {{&source, &a}});  // Its worker has died.
  b.at = f.at;
  f.run(2, {{&source, &a}, {&rung, &b}});
  f.open();
  CHECK(listed(rung) == listed(source));
  CHECK(gaps(rung) == std::vector<SegmentNumber>{103, 104, 105});
  CHECK(gaps(source).empty());
  CHECK(rung.window->listed(3).line.duration == 200'000);
}

TEST_CASE("a rendition lags by one segment at most, then its playlist goes on with gaps",
          "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  auto& rung = f.add("720p");
  f.complete();
  ChunkSource a, b;
  f.run(1, {{&source, &a}, {&rung, &b}});
  f.run(1, {{&source, &a}});
  CHECK(rung.window->open_number() == 101);
  f.open();
  CHECK(rung.window->open_number() == 101);
  f.push(source, a, 10);
  f.at += 2s;
  f.open();
  CHECK(rung.window->open_number() == 102);
  CHECK(gaps(rung) == std::vector<SegmentNumber>{101});
}

TEST_CASE("half a segment is a gap as long as the whole", "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  auto& rung = f.add("720p");
  f.complete();
  ChunkSource a, b;
  f.open();
  f.push(source, a, 10);
  f.push(rung, b, 4);
  f.windows.rest(rung, f.now);
  f.at += 2s;
  f.open();
  REQUIRE(gaps(rung) == std::vector<SegmentNumber>{100});
  CHECK(rung.window->listed(0).line.duration == 200'000);
  CHECK(rung.window->listed(0).line.parts.size() == 4);
}

TEST_CASE("a part of a closed segment comes too late and changes nothing", "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  f.complete();
  ChunkSource a;
  f.run(3, {{&source, &a}});
  const auto version = source.version;
  ChunkSource late;
  late.begin(100);
  const auto taken = f.windows.push(source, late.next(), f.now);
  REQUIRE(taken.has_value());
  CHECK_FALSE(taken.value());
  CHECK(source.version == version);
}

TEST_CASE("a part of a segment that was never opened is an error", "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  f.complete();
  ChunkSource a;
  a.begin(100);
  CHECK_FALSE(f.windows.push(source, a.next(), f.now).has_value());
  f.open();
  a.begin(101);
  CHECK_FALSE(f.windows.push(source, a.next(), f.now).has_value());
}

TEST_CASE("a rendition that starts late begins where the others do, with gaps", "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  f.complete();
  f.windows.promise_target_duration(2s);
  ChunkSource a;
  f.run(4, {{&source, &a}});
  auto& rung = f.add("720p");
  f.add("source");
  f.complete();
  ChunkSource b{.at = f.at};
  f.run(2, {{&source, &a}, {&rung, &b}});
  f.open();
  CHECK(listed(rung) == listed(source));
  CHECK(gaps(rung) == std::vector<SegmentNumber>{100, 101, 102, 103});
}

TEST_CASE("a window is never shorter than asked for, six segments and three targets", "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  f.complete();
  f.windows.promise_target_duration(2s);
  ChunkSource a;
  for (int i = 0; i < 30; ++i) {
    f.run(1, {{&source, &a}});
    const auto seconds = playlist::from_printed(source.window->listed_duration());
    if (i >= 8) CHECK(seconds >= 14s);
    CHECK(seconds <= 16s);
  }
  CHECK(source.window->listed(0).line.number == 122);
}

TEST_CASE("short of memory a window shrinks to six segments and no further", "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  f.complete();
  f.windows.promise_target_duration(2s);
  ChunkSource a;
  f.run(20, {{&source, &a}});
  CHECK(f.windows.shrink(f.now) == 1);
  CHECK(source.window->listed_count() == 6);
  CHECK(f.windows.shrink(f.now) == 0);
}

TEST_CASE("a discontinuity is in every rendition, and counted when its tag leaves", "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  auto& rung = f.add("720p");
  f.complete();
  f.windows.promise_target_duration(2s);
  ChunkSource a, b;
  f.run(2, {{&source, &a}, {&rung, &b}});
  f.windows.rest(source, f.now);
  f.windows.rest(rung, f.now);
  f.at += 30s;  // The publisher was away.
  a.at = b.at = f.at;
  f.open(true);
  f.push(source, a, 10);
  f.at += 2s;
  f.now += 2s;
  b.at = f.at;
  f.run(5, {{&source, &a}, {&rung, &b}});
  CHECK(gaps(rung) == std::vector<SegmentNumber>{102});
  for (auto* const rendition : {&source, &rung})
    CHECK(rendition->window->listed(2).line.starts_discontinuity);
  CHECK(gaps(source).empty());  // Segment 101 ended where its media did.
  CHECK(source.window->listed(1).line.duration == 200'000);
  CHECK(f.windows.header(source, "s").discontinuity_sequence == 5);
  f.run(2, {{&source, &a}, {&rung, &b}});
  CHECK(source.window->listed(0).line.number == 102);
  CHECK(f.windows.header(source, "s").discontinuity_sequence == 5);
  f.run(1, {{&source, &a}, {&rung, &b}});
  CHECK(source.window->listed(0).line.number == 103);
  CHECK(f.windows.header(source, "s").discontinuity_sequence == 6);
}

TEST_CASE("playlists are served when each rendition has begun, or after two seconds", "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  f.add("720p");
  f.complete();
  ChunkSource a;
  f.open();
  f.push(source, a, 2);
  CHECK_FALSE(f.windows.is_ready(f.now));
  f.windows.promise_target_duration(2s);
  CHECK_FALSE(f.windows.is_ready(f.now));
  CHECK(f.windows.is_ready(f.now + 2s));
}

TEST_CASE("hold-back and reports tell of all renditions", "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  auto& audio = f.add("audio", MediaKind::kAudio);
  f.complete();
  f.windows.promise_target_duration(2s);
  ChunkSource a, b{.init = init_segment(MediaKind::kAudio, 213'340us)};
  f.open();
  f.push(source, a, 3);
  f.push(audio, b, 2);
  const auto header = f.windows.header(source, "s");
  CHECK(header.part_hold_back == 64'002);
  REQUIRE(header.reports.size() == 1);
  CHECK(header.reports[0].rendition == "audio");
  CHECK(header.reports[0].newest_part == PlaylistPosition{100, 1});
  CHECK(header.can_skip_until == 12);
  CHECK(f.windows.header(audio, "s").part_hold_back == 64'002);
}

TEST_CASE("a report names the part before while a segment has only its first", "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  auto& rung = f.add("720p");
  f.complete();
  f.windows.promise_target_duration(2s);
  ChunkSource a, b;
  const auto reported = [&] { return f.windows.header(source, "s").reports.at(0).newest_part; };
  f.open();
  f.push(source, a, 1);
  f.push(rung, b, 1);
  CHECK(reported() == PlaylistPosition{100, 0});  // There is none before.
  f.push(source, a, 9);
  f.push(rung, b, 9);
  CHECK(reported() == PlaylistPosition{100, 9});
  f.at += 2s;
  f.open();
  f.push(rung, b, 1);
  CHECK(reported() == PlaylistPosition{100, 9});
  f.push(rung, b, 1);
  CHECK(reported() == PlaylistPosition{101, 1});
}

TEST_CASE("a rendition that the next publisher lacks leaves the presentation, then memory",
          "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  auto& audio = f.add("audio", MediaKind::kAudio);
  f.complete();
  f.windows.promise_target_duration(2s);
  ChunkSource a, b{.init = init_segment(MediaKind::kAudio)};
  f.run(3, {{&source, &a}, {&audio, &b}});
  f.add("source");
  f.complete();
  CHECK_FALSE(audio.is_active);
  CHECK(f.windows.header(source, "s").reports.empty());
  f.run(4, {{&source, &a}});
  CHECK(f.windows.is_servable(audio));
  f.run(10, {{&source, &a}});
  CHECK_FALSE(f.windows.is_servable(audio));
}

TEST_CASE("an ended show stays for as long as it lists, then memory is empty", "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  f.complete();
  f.windows.promise_target_duration(2s);
  ChunkSource a;
  f.run(4, {{&source, &a}});
  f.open();
  f.push(source, a, 3);
  f.windows.end(f.now);
  CHECK(f.windows.has_ended());
  CHECK(source.window->listed_count() == 5);
  f.windows.tick(f.now + 14s, 0s);
  CHECK(f.windows.is_servable(source));
  f.windows.tick(f.now + 15s, 0s);
  CHECK_FALSE(f.windows.is_servable(source));
  CHECK(f.windows.bytes() == 0);
}

TEST_CASE("a held picture says nothing of the bandwidth", "[windows]") {
  Fixture f;
  auto& source = f.add("source");
  f.complete();
  f.windows.promise_target_duration(2s);
  ChunkSource a;
  f.run(3, {{&source, &a}});
  f.open();
  const auto average = source.bandwidth.measured_average();
  f.windows.set_holding(true);
  a.size = 10;
  f.push(source, a, 10);
  f.at += 2s;
  f.run(5, {{&source, &a}});
  f.windows.set_holding(false);
  CHECK(source.bandwidth.measured_average() == average);
  a.size = 2000;
  f.run(1, {{&source, &a}});
  CHECK(source.bandwidth.measured_average() == average);  // What was open was held.
  f.open();
  CHECK(source.bandwidth.measured_average() > average);
}

TEST_CASE("a show after the end begins in an empty window and goes on in number and name",
          "[windows]") {
  for (const bool has_expired : {false, true}) {
    CAPTURE(has_expired);
    Fixture f;
    auto& source = f.add("source");
    auto& rung = f.add("720p");
    f.complete();
    f.windows.promise_target_duration(2s);
    ChunkSource a, b;
    f.run(4, {{&source, &a}, {&rung, &b}});
    f.open();
    f.push(source, a, 3);  // The rung has nothing of its last segment.
    f.windows.end(f.now);
    f.now += has_expired ? 60s : 1s;
    f.windows.tick(f.now, 0s);
    f.add("source");
    f.add("720p");
    f.complete();
    f.at += 60s;
    a.at = b.at = f.at;
    const auto next_part = source.next_part;
    f.open(true);
    f.push(source, a, 10);
    f.push(rung, b, 10);
    f.at += 2s;
    f.open();
    CHECK_FALSE(f.windows.has_ended());
    CHECK(listed(source) == std::vector<SegmentNumber>{105});
    CHECK(listed(rung) == std::vector<SegmentNumber>{105});
    CHECK(source.window->listed(0).line.parts.front().counter == next_part + 1);
  }
}
