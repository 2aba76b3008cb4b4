#pragma once
// A channel whose segments and parts a test pushes, and its answers.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hls/channel_output.h"
#include "tests/support/chunk_source.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_exchange.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

namespace millrace::test {

using namespace std::chrono_literals;

/// A channel with one video rendition, two complete segments (100, 101) and three parts of 102.
struct ChannelFixture {
  explicit ChannelFixture(hls::Options options = {.max_parked_requests = 100, .start_id = "s"})
      : context(std::move(options), metrics, clock),
        output(std::make_shared<hls::ChannelOutput>("shop", context)),
        source(output->add_rendition({.name = "source"})) {
    output->begin(5);
    output->renditions_complete();
    output->promise_target_duration(2s);
    open(100);
    push(10);
    open(101);
    push(10);
    open(102);
    push(3);
  }

  void open(SegmentNumber number, bool starts_discontinuity = false) {
    output->open_segment(number, chunks.at, starts_discontinuity);
    chunks.begin(number);
  }
  void push(int parts) {
    for (int i = 0; i < parts; ++i) {
      chunks.received_at = clock.steady_now();
      REQUIRE(source.push(chunks.next()).has_value());
    }
  }
  std::shared_ptr<FakeExchange> ask(const std::string& target,
                                    std::vector<std::pair<std::string, std::string>> headers = {}) {
    auto exchange = exchange_for(loop, target, std::move(headers));
    const auto path = hls::parse_media_path(exchange->asked.path);
    REQUIRE(path.has_value());
    output->answer(exchange, *path);
    return exchange;
  }
  std::shared_ptr<FakeExchange> reload(const std::string& query) {
    return ask("/live/shop/source/index.m3u8?" + query);
  }
  double gauge() { return context.parked_gauge.value(); }

  FakeClock clock;
  Metrics metrics;
  net::EventLoop loop;
  hls::OriginContext context;
  std::shared_ptr<hls::ChannelOutput> output;
  Sink<CmafChunk>& source;
  ChunkSource chunks;
};

/// As ChannelFixture, with a rung that nobody has asked for yet.
struct IdleFixture : ChannelFixture {
  IdleFixture()
      : rung_init(std::make_shared<const InitSegment>(InitSegment{.bytes = Bytes::copy_of("rung"),
                                                                  .codecs = "avc1.64001e",
                                                                  .track = chunks.init->track,
                                                                  .part_target = 200ms})),
        rung(announce()) {
    rung_chunks.init = std::make_shared<const InitSegment>(*rung_init);
    next(103);
    next(104);
  }
  Sink<CmafChunk>& announce() {
    output->add_rendition({.name = "source"});
    Sink<CmafChunk>& sink = output->add_rendition(
        {.name = "480p", .declared_bits_per_second = 1'200'000, .init = rung_init});
    output->renditions_complete();
    return sink;
  }

  /// Segment `number` opens, with three parts of the source.
  void next(SegmentNumber number) {
    push(number == 103 ? 7 : 10);
    open(number);
  }
  /// `parts` of the rung's, from the beginning of the source's open segment.
  void push_rung(int parts) {
    rung_chunks.begin(chunks.segment);
    rung_chunks.at = opened_at;
    for (int i = 0; i < parts; ++i) REQUIRE(rung.push(rung_chunks.next()).has_value());
    loop.poll();
  }
  /// The rung's parts of a segment that was opened.
  void push_segment(Sink<CmafChunk>& sink, SegmentNumber number, int parts = 10) {
    rung_chunks.begin(number);
    rung_chunks.at = start_of(number);
    for (int i = 0; i < parts; ++i) REQUIRE(sink.push(rung_chunks.next()).has_value());
    loop.poll();
  }
  MediaTime start_of(SegmentNumber number) const {
    return opened_at - 2s * static_cast<int>(chunks.segment - number);
  }
  void open(SegmentNumber number, bool starts_discontinuity = false) {
    opened_at = chunks.at;
    ChannelFixture::open(number, starts_discontinuity);
  }
  std::shared_ptr<FakeExchange> ask_rung(const std::string& query = "") {
    return ask("/live/shop/480p/index.m3u8?" + query);
  }
  std::string multivariant() { return body_of(*ask("/live/shop/index.m3u8")->answer); }

  std::shared_ptr<const InitSegment> rung_init;
  Sink<CmafChunk>& rung;
  ChunkSource rung_chunks;
  MediaTime opened_at{};
};

}  // namespace millrace::test
