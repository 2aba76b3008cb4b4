// ChannelOutput before its first playlist, where who asks waits, and when the server stops.
#include "hls/channel_output.h"

#include <catch2/catch.hpp>

#include "tests/support/chunk_source.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_exchange.h"

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;
using millrace::test::body_of;
using millrace::test::ChunkSource;
using millrace::test::FakeExchange;

namespace {

/// A channel before its first part.
struct Beginning {
  explicit Beginning(Options options = {.start_id = "s"})
      : context(std::move(options), metrics, clock),
        output(std::make_shared<ChannelOutput>("shop", context)) {}

  std::shared_ptr<FakeExchange> ask(const std::string& target) {
    auto exchange = test::exchange_for(loop, target);
    output->answer(exchange, *parse_media_path(exchange->asked.path));
    return exchange;
  }
  /// One part.
  void publish() {
    output->begin(5);
    source = &output->add_rendition({.name = "source"});
    output->renditions_complete();
    output->promise_target_duration(2s);
    output->open_segment(100, chunks.at, false);
    chunks.begin(100);
    REQUIRE(source->push(chunks.next()).has_value());
    loop.poll();
  }
  /// The rest of the segment.
  void complete() {
    for (int i = 0; i < 9; ++i) REQUIRE(source->push(chunks.next()).has_value());
    loop.poll();
    output->open_segment(101, chunks.at, false);
    loop.poll();
  }

  test::FakeClock clock;
  Metrics metrics;
  net::EventLoop loop;
  OriginContext context;
  std::shared_ptr<ChannelOutput> output;
  Sink<CmafChunk>* source = nullptr;
  ChunkSource chunks;
};

}  // namespace

TEST_CASE("who asks for a playlist before there is one waits for it", "[output][beginning]") {
  Beginning f;
  f.output->begin(5);
  const auto multivariant = f.ask("/live/shop/index.m3u8");
  const auto media = f.ask("/live/shop/source/index.m3u8");
  CHECK_FALSE(f.output->status().is_playable);
  CHECK(f.context.parked_gauge.value() == 2);
  CHECK(f.ask("/live/shop/source/ps-0.m4s")->answer->status == 404);  // Media is never waited for.
  f.publish();
  REQUIRE(multivariant->answers == 1);
  CHECK(multivariant->answer->status == 200);
  CHECK(media->answers == 0);
  f.complete();
  REQUIRE(media->answers == 1);
  CHECK(body_of(*media->answer).find("ss-100.m4s") != std::string::npos);
  CHECK(f.context.parked_gauge.value() == 0);
}

TEST_CASE("only who names a part gets a playlist without a whole segment", "[output][beginning]") {
  Beginning f;
  f.publish();
  const auto plain = f.ask("/live/shop/source/index.m3u8");
  const auto named = f.ask("/live/shop/source/index.m3u8?_HLS_msn=100&_HLS_part=0");
  CHECK(plain->answers == 0);
  REQUIRE(named->answers == 1);
  CHECK(body_of(*named->answer).find("#EXT-X-PART:") != std::string::npos);
  f.complete();
  REQUIRE(plain->answers == 1);
  CHECK(plain->answer->status == 200);
  // It is as fresh as any other, and kept no longer.
  CHECK(test::header_of(*plain->answer, "Cache-Control") ==
        test::header_of(*f.ask("/live/shop/source/index.m3u8")->answer, "Cache-Control"));
}

TEST_CASE("a beginning is waited for six seconds at most and by no more than there is room for",
          "[output][beginning]") {
  Beginning f({.max_parked_requests = 1, .start_id = "s"});
  f.output->begin(5);
  const auto first = f.ask("/live/shop/index.m3u8");
  CHECK(f.ask("/live/shop/index.m3u8")->answer->status == 503);
  f.clock.advance(5900ms);
  f.output->tick();
  f.loop.poll();
  CHECK(first->answers == 0);
  f.clock.advance(200ms);
  f.output->tick();
  f.loop.poll();
  REQUIRE(first->answers == 1);
  CHECK(first->answer->status == 503);
  // Who goes makes room.
  f.ask("/live/shop/index.m3u8")->abort();
  CHECK(f.context.parked_gauge.value() == 0);
  CHECK(f.ask("/live/shop/index.m3u8")->answers == 0);
}

TEST_CASE("a channel that only the disk knows is waited for while it is expected",
          "[output][beginning]") {
  Beginning f({.expected = {"shop"}, .expected_for = 15s, .start_id = "s"});
  const auto soon = f.ask("/live/shop/index.m3u8");
  CHECK(soon->answers == 0);
  f.clock.advance(15s);
  const auto late = f.ask("/live/shop/index.m3u8");
  REQUIRE(late->answers == 1);
  CHECK(late->answer->status == 404);
  CHECK(body_of(*late->answer).find("not on air") != std::string::npos);
  // Who has waited since gets the same as who waits for any channel.
  f.output->tick();
  f.loop.poll();
  REQUIRE(soon->answers == 1);
  CHECK(soon->answer->status == 503);
}

TEST_CASE("a show that ends before its first part tells who waits for it", "[output][beginning]") {
  Beginning f;
  f.output->begin(5);
  const auto waits = f.ask("/live/shop/index.m3u8");
  f.output->end();
  f.loop.poll();
  REQUIRE(waits->answers == 1);
  CHECK(waits->answer->status == 404);
}

TEST_CASE("a stop of the server lets go of everybody without ending the show", "[output]") {
  Beginning f;
  f.publish();
  f.complete();
  const auto reload = f.ask("/live/shop/source/index.m3u8?_HLS_msn=101&_HLS_part=0");
  const auto part = f.ask("/live/shop/source/ps-10.m4s");
  REQUIRE(f.context.parked_gauge.value() == 2);
  f.output->interrupt();
  f.loop.poll();
  for (const auto& exchange : {reload, part}) {
    REQUIRE(exchange->answers == 1);
    CHECK(exchange->answer->status == 503);
    CHECK(test::header_of(*exchange->answer, "Retry-After") == "1");
  }
  CHECK(f.context.parked_gauge.value() == 0);
  // Nobody waits any more; what there is, is served, and does not say that it is over.
  CHECK(f.ask("/live/shop/source/index.m3u8?_HLS_msn=101&_HLS_part=0")->answer->status == 503);
  const auto now = f.ask("/live/shop/source/index.m3u8");
  REQUIRE(now->answers == 1);
  CHECK(now->answer->status == 200);
  CHECK(body_of(*now->answer).find("ENDLIST") == std::string::npos);
}
