// The playlist with ?dvr of a day: 43,200 segments of 2 s, as the first one who asks for it makes
// it (on a reader's thread, hls/channel_vod.cpp) and as each next version costs the event loop.
// What is listed is in memory as after a restart: made long before, by another loop over it.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "base/metrics.h"
#include "hls/dvr/dvr_past.h"
#include "hls/dvr/dvr_playlist.h"
#include "hls/playlist_snapshot.h"
#include "hls/segment_window.h"

namespace {

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;

constexpr MediaTime kBegin = 1'786'000'000s;
constexpr SegmentNumber kFirst = 893'000'000;  // As counted from the clock.
constexpr std::size_t kRenditions = 4;
constexpr int kPartsPerSegment = 10;

std::shared_ptr<const InitSegment> init_segment() {
  auto track = std::make_shared<TrackInfo>();
  track->video.width = 1920;
  track->video.height = 1080;
  track->video.frame_rate = {30, 1};
  return std::make_shared<const InitSegment>(
      InitSegment{.bytes = Bytes::copy_of(std::string(700, 'i')),
                  .codecs = "avc1.640028",
                  .track = std::move(track),
                  .part_target = 200ms});
}

/// A channel of four renditions that has been on air for so many segments.
struct Day {
  explicit Day(std::int64_t segments) {
    for (const char* const name : {"source", "720p", "480p", "audio"})
      past.rendition(name, MediaKind::kVideo);
    for (std::int64_t i = 0; i < segments; ++i) add();
    for (int i = 0; i < 7; ++i) complete_segment();
    open_segment(5);
  }
  void add() {
    DvrSlot slot{.start_id = start_id,
                 .number = next,
                 .show = kFirst,
                 .start = kBegin + 2s * (next - kFirst),
                 .duration = 2 * playlist::kStepsPerSecond,
                 .lines = {}};
    for (std::size_t i = 0; i < kRenditions; ++i) {
      auto place = std::make_shared<DvrPlace>();
      place->set_stored(file, {.offset = next, .size = 1'250'000, .checksum = 1}, {0, 700, 1});
      slot.lines.push_back({.start = slot.start,
                            .duration = slot.duration,
                            .map = kFirst,
                            .place = std::move(place),
                            .init = init});
    }
    past.add(std::move(slot));
    ++next;
  }
  void complete_segment() {
    open_segment(kPartsPerSegment);
    window.complete(now);
  }
  void open_segment(int parts) {
    for (int part = 0; part < parts; ++part, at += 200ms)
      window.append({.init = init,
                     .segment_number = window.open_number(),
                     .is_independent = part == 0,
                     .start = at,
                     .duration = 200ms,
                     .bytes = Bytes::copy_of(std::string(100, 'p'))},
                    false);
  }
  std::unique_ptr<const PlaylistSnapshot> snapshot() {
    return std::make_unique<const PlaylistSnapshot>(
        PlaylistHeader{.start_id = *start_id,
                       .version = ++version,
                       .target_seconds = 2,
                       .part_hold_back = 3 * playlist::kStepsPerSecond / 5,
                       .discontinuity_sequence = 124'000,
                       .reports = {{"audio", {window.open_number(), 4}}}},
        window, counters, past.list(0));
  }

  Metrics metrics;
  PlaylistCounters counters{metrics};
  const std::shared_ptr<const std::string> start_id =
      std::make_shared<const std::string>("19e0c2f5a10");
  const std::shared_ptr<DvrFile> file = std::make_shared<DvrFile>("file");
  const std::shared_ptr<const InitSegment> init = init_segment();
  DvrPast past{std::chrono::hours(48)};
  SegmentNumber next = kFirst;
  SegmentWindow window{kFirst + 43'200, 0};
  SegmentWindow::TimePoint now;
  MediaTime at = kBegin + 24h;
  std::uint64_t version = 0;
};

/// Under the channel's lock, the first time: which blocks there are.
void list_first(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    auto day = std::make_unique<Day>(state.range(0));
    state.ResumeTiming();
    benchmark::DoNotOptimize(day->past.list(0));
    state.PauseTiming();
    day.reset();
    state.ResumeTiming();
  }
}

/// On a reader's thread: all of it as text, or as gzip too.
void make_first(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    auto day = std::make_unique<Day>(state.range(0));
    auto snapshot = day->snapshot();
    state.ResumeTiming();
    const auto text = snapshot->text(PlaylistForm::kFull);
    if (state.range(1) != 0) benchmark::DoNotOptimize(text->compressed());
    state.PauseTiming();
    std::size_t bytes = 0;
    for (const Bytes& piece : state.range(1) != 0 ? text->compressed() : text->plain())
      bytes += piece.size();
    state.counters["bytes"] = static_cast<double>(bytes);
    snapshot.reset();
    day.reset();
    state.ResumeTiming();
  }
}

/// On the event loop, five times a second where somebody asks for it whole each time: another part.
void next_version(benchmark::State& state) {
  Day day(state.range(0));
  day.snapshot()->text(PlaylistForm::kFull)->compressed();
  for (auto _ : state) {
    const auto text = day.snapshot()->text(PlaylistForm::kFull);
    if (state.range(1) != 0)
      benchmark::DoNotOptimize(text->compressed());
    else
      benchmark::DoNotOptimize(text->plain());
  }
}

/// As players do: the end alone.
void next_delta(benchmark::State& state) {
  Day day(state.range(0));
  for (auto _ : state)
    benchmark::DoNotOptimize(day.snapshot()->text(PlaylistForm::kDelta)->compressed());
}

/// What one more viewer of the same version takes.
void next_viewer(benchmark::State& state) {
  Day day(state.range(0));
  const auto text = day.snapshot()->text(PlaylistForm::kFull);
  text->compressed();
  for (auto _ : state) {
    auto body = text->compressed();
    benchmark::DoNotOptimize(body);
  }
}

/// vod.m3u8's, where its blocks are there.
void finished_show(benchmark::State& state) {
  Day day(state.range(0));
  const auto make = [&] {
    const ShowPlaylist show(*day.past.list_show("source", *day.start_id, kFirst, "", 0), "etag",
                            day.counters);
    benchmark::DoNotOptimize(show.text()->compressed());
  };
  make();
  for (auto _ : state) make();
}

void hours(benchmark::internal::Benchmark* bench) {
  bench->ArgName("segments")->Arg(3'600)->Arg(43'200)->Unit(benchmark::kMicrosecond);
}
void hours_and_gzip(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"segments", "gzip"})->Unit(benchmark::kMicrosecond);
  for (const int segments : {3'600, 43'200})
    for (const int gzip : {0, 1}) bench->Args({segments, gzip});
}

BENCHMARK(list_first)->Apply(hours)->Iterations(20);
BENCHMARK(make_first)->Apply(hours_and_gzip)->Iterations(10);
BENCHMARK(next_version)->Apply(hours_and_gzip);
BENCHMARK(next_delta)->Apply(hours);
BENCHMARK(next_viewer)->Apply(hours);
BENCHMARK(finished_show)->Apply(hours);

}  // namespace
