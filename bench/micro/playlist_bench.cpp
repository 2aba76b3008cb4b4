// A media playlist of 2 s segments and 200 ms parts in the middle of a segment: as text, whole and
// as delta update, and compressed. The argument is the number of complete segments: 7 are the
// default window, 150 a window of five minutes. Each version is rendered and compressed once, by
// the first viewer; a channel with viewers has five versions of each rendition a second.
#include <benchmark/benchmark.h>

#include <memory>

#include "hls/gzip.h"
#include "hls/playlist/media_playlist.h"

namespace {

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;

constexpr SegmentNumber kFirst = 893'000'000;  // As counted from the clock.
constexpr int kPartsPerSegment = 10;
constexpr int kSegmentsWithParts = 5;  // The last three target durations, and what they begin in.

struct Window {
  explicit Window(std::int64_t complete_segments) {
    const auto count = static_cast<int>(complete_segments) + 1;
    std::uint64_t counter = 4'000;
    for (int i = 0; i < count; ++i) {
      playlist::Segment segment{.number = kFirst + static_cast<SegmentNumber>(i),
                                .start = 1'786'000'000s + i * 2s,
                                .duration = 2 * playlist::kStepsPerSecond,
                                .map = kFirst - 400,
                                .is_complete = i + 1 < count,
                                .lists_parts = i + kSegmentsWithParts >= count,
                                .parts = {}};
      for (int part = 0; part < (segment.is_complete ? kPartsPerSegment : 5); ++part)
        segment.parts.push_back({.counter = counter++,
                                 .duration = playlist::kStepsPerSecond / 5,
                                 .is_independent = part == 0});
      segments.push_back(std::move(segment));
    }
    list = {.start_id = "19e0c2f5a10",
            .target_seconds = 2,
            .part_target = playlist::kStepsPerSecond / 5,
            .part_hold_back = 3 * playlist::kStepsPerSecond / 5,
            .can_skip_until = 12,
            .has_independent_segments = true,
            .discontinuity_sequence = 124'000,
            .segments = {},
            .next_part = counter,
            .has_ended = false,
            .reports = {{"audio", segments.back().number, 4}}};
    for (const auto& segment : segments) list.segments.push_back(&segment);
  }
  std::vector<playlist::Segment> segments;
  playlist::MediaPlaylist list;
};

void render_whole(benchmark::State& state) {
  const Window window(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(playlist::render(window.list));
  state.counters["bytes"] = static_cast<double>(playlist::render(window.list).size());
}

void render_delta(benchmark::State& state) {
  const Window window(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(playlist::render_delta(window.list));
  state.counters["bytes"] = static_cast<double>(playlist::render_delta(window.list).size());
}

void compress_whole(benchmark::State& state) {
  const Window window(state.range(0));
  const auto text = playlist::render(window.list);
  for (auto _ : state) benchmark::DoNotOptimize(gzip(text));
  state.counters["bytes"] = static_cast<double>(gzip(text).size());
}

BENCHMARK(render_whole)->ArgName("segments")->Arg(7)->Arg(150)->Unit(benchmark::kMicrosecond);
BENCHMARK(render_delta)->ArgName("segments")->Arg(7)->Arg(150)->Unit(benchmark::kMicrosecond);
BENCHMARK(compress_whole)->ArgName("segments")->Arg(7)->Arg(150)->Unit(benchmark::kMicrosecond);

}  // namespace
