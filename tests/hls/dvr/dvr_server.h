#pragma once
// A start of the server that keeps one channel's segments on disk.
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "hls/channel_output.h"
#include "tests/support/chunk_source.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_exchange.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

namespace millrace::test {

using hls::ChannelOutput;
using hls::DvrStore;
using hls::OriginContext;
using hls::parse_media_path;

/// A start of the server, with one channel of two renditions.
struct DvrServer {
  static constexpr std::chrono::seconds kSegment{2};

  DvrServer(const std::filesystem::path& folder, FakeClock& its_clock, std::string start_id,
            std::chrono::nanoseconds window = std::chrono::hours(1))
      : clock(its_clock),
        store(open(folder, window)),
        context({.dvr = store, .start_id = std::move(start_id)}, metrics, clock),
        output(std::make_shared<ChannelOutput>("shop", context, store->take_found())) {}

  std::shared_ptr<DvrStore> open(const std::filesystem::path& folder,
                                 std::chrono::nanoseconds window) {
    log::set_level(log::Level::kOff);
    auto opened = DvrStore::open({.folder = folder.string(), .window = window}, metrics, clock);
    REQUIRE(opened.has_value());
    return std::move(opened).value();
  }
  void begin(SegmentNumber first, std::uint64_t discontinuity_sequence = 5) {
    output->begin(discontinuity_sequence);
    source = &output->add_rendition({.name = "source"});
    audio = &output->add_rendition({.name = "audio", .kind = MediaKind::kAudio});
    if (has_rung) rung = &output->add_rendition({.name = "480p", .init = rung_chunks.init});
    output->renditions_complete();
    output->promise_target_duration(kSegment);
    number = first;
    chunks.at = sound.at = clock.wall_now();
    chunks.init = init_segment();
    sound.init = init_segment(MediaKind::kAudio);
  }
  /// Whole segments of 2 s, and the begin of the next one.
  void run(int segments, bool has_sound = true) {
    for (int i = 0; i < segments; ++i, ++number) {
      output->open_segment(number, chunks.at, false);
      push(*source, chunks);
      sound.at = chunks.at - kSegment;
      if (has_sound) push(*audio, sound);
      rung_chunks.at = chunks.at - kSegment;
      if (is_rung_watched) push(*rung, rung_chunks);
      clock.advance(kSegment);
      store->drain();
      output->tick();
    }
    output->open_segment(number, chunks.at, false);
    store->drain();
    chunks.begin(number);
    REQUIRE(source->push(chunks.next()).has_value());
    number++;
  }
  void push(Sink<CmafChunk>& sink, ChunkSource& from) {
    from.begin(number);
    for (int part = 0; part < 10; ++part) REQUIRE(sink.push(from.next()).has_value());
  }
  std::shared_ptr<FakeExchange> ask(const std::string& target,
                                    std::vector<std::pair<std::string, std::string>> headers = {}) {
    auto exchange = exchange_for(loop, "/live/shop/" + target, std::move(headers));
    const auto path = parse_media_path(exchange->asked.path);
    REQUIRE(path.has_value());
    output->answer(exchange, *path);
    store->drain();
    loop.poll();
    return exchange;
  }
  std::string text(const std::string& target) {
    const auto exchange = ask(target);
    REQUIRE(exchange->answer.has_value());
    CHECK(exchange->answer->status == 200);
    return body_of(*exchange->answer);
  }

  /// The show is over, and what can be on disk is there.
  void end() {
    output->end();
    store->drain();
    output->tick();
  }
  /// Where vod.m3u8 leads to: "source/vod-a-100.m3u8".
  std::string show() {
    const std::string multivariant = text("vod.m3u8");
    const auto at = multivariant.find("\nsource/");
    REQUIRE(at != std::string::npos);
    return multivariant.substr(at + 1, multivariant.find('\n', at + 1) - at - 1);
  }

  FakeClock& clock;
  Metrics metrics;
  net::EventLoop loop;
  std::shared_ptr<DvrStore> store;
  OriginContext context;
  std::shared_ptr<ChannelOutput> output;
  Sink<CmafChunk>* source = nullptr;
  Sink<CmafChunk>* audio = nullptr;
  Sink<CmafChunk>* rung = nullptr;
  ChunkSource chunks;
  ChunkSource sound;
  ChunkSource rung_chunks;
  bool has_rung = false;  ///< On demand, "480p"; to be said before begin().
  bool is_rung_watched = false;
  SegmentNumber number = 0;
};

inline std::size_t count(std::string_view text, std::string_view word) {
  std::size_t found = 0;
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1))
    ++found;
  return found;
}

inline std::string line_with(const std::string& text, std::string_view word) {
  const auto at = text.find(word);
  return at == std::string::npos ? "" : text.substr(at, text.find('\n', at) - at);
}

inline std::vector<std::string> media_of(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.ends_with(".m4s")) names.push_back(line);
  return names;
}

}  // namespace millrace::test
