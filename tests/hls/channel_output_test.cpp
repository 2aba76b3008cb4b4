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
using millrace::test::header_of;

namespace {

/// A channel with one video rendition, two complete segments (100, 101) and three parts of 102.
struct Fixture {
  explicit Fixture(Options options = {.max_parked_requests = 100, .start_id = "s"})
      : context(std::move(options), metrics, clock),
        output(std::make_shared<ChannelOutput>("shop", 5, context)),
        source(output->add_rendition({.name = "source"})) {
    output->renditions_complete();
    output->promise_target_duration(2s);
    open(100);
    push(10);
    open(101);
    push(10);
    open(102);
    push(3);
  }

  void open(SegmentNumber number) {
    output->open_segment(number, chunks.at, false);
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
    auto exchange = test::exchange_for(loop, target, std::move(headers));
    const auto path = parse_media_path(exchange->asked.path);
    REQUIRE(path.has_value());
    output->answer(exchange, *path);
    return exchange;
  }
  std::shared_ptr<FakeExchange> reload(const std::string& query) {
    return ask("/live/shop/source/index.m3u8?" + query);
  }
  double gauge() { return context.parked_gauge.value(); }

  test::FakeClock clock;
  Metrics metrics;
  net::EventLoop loop;
  OriginContext context;
  std::shared_ptr<ChannelOutput> output;
  Sink<CmafChunk>& source;
  ChunkSource chunks;
};

}  // namespace

TEST_CASE("what is there is answered inside the call", "[output]") {
  Fixture f;
  CHECK(f.ask("/live/shop/index.m3u8")->answer->status == 200);
  const auto playlist = f.ask("/live/shop/source/index.m3u8");
  REQUIRE(playlist->answer.has_value());
  CHECK(playlist->answer->status == 200);
  CHECK(body_of(*playlist->answer).find("URI=\"ps-22.m4s\"") != std::string::npos);
  CHECK(body_of(*f.ask("/live/shop/source/ps-21.m4s")->answer).starts_with("chunk 21 "));
  CHECK(body_of(*f.ask("/live/shop/source/ss-100.m4s")->answer).size() == 10'000);
  CHECK(body_of(*f.ask("/live/shop/source/init-s-100.mp4")->answer) == "video init");
}

TEST_CASE("what is not there, or of another start of the server, is 404 at once", "[output]") {
  Fixture f;
  for (const char* const path : {"/live/shop/source/ps-24.m4s", "/live/shop/source/ps-9999.m4s",
                                 "/live/shop/source/ss-102.m4s", "/live/shop/source/ss-99.m4s",
                                 "/live/shop/source/init-s-101.mp4", "/live/shop/source/px-21.m4s",
                                 "/live/shop/720p/index.m3u8", "/live/shop/720p/ps-0.m4s"}) {
    CAPTURE(path);
    const auto exchange = f.ask(path);
    REQUIRE(exchange->answer.has_value());
    CHECK(exchange->answer->status == 404);
  }
}

TEST_CASE("a blocking reload is answered by the part that it waits for", "[output]") {
  Fixture f;
  const auto held = f.reload("_HLS_msn=102&_HLS_part=3");
  const auto later = f.reload("_HLS_msn=102&_HLS_part=4");
  CHECK_FALSE(held->answer.has_value());
  CHECK(f.gauge() == 2);
  f.push(1);
  f.loop.poll();
  REQUIRE(held->answer.has_value());
  CHECK(body_of(*held->answer).find("URI=\"ps-23.m4s\"") != std::string::npos);
  CHECK(header_of(*held->answer, "Cache-Control") == "public, max-age=12");
  CHECK_FALSE(later->answer.has_value());
  f.push(1);
  f.loop.poll();
  CHECK(later->answer->status == 200);
  CHECK(f.gauge() == 0);
}

TEST_CASE("a blocking reload for a whole segment waits for its end", "[output]") {
  Fixture f;
  const auto held = f.reload("_HLS_msn=102");
  f.push(7);
  f.loop.poll();
  CHECK_FALSE(held->answer.has_value());
  f.open(103);
  f.loop.poll();
  REQUIRE(held->answer.has_value());
  CHECK(body_of(*held->answer).find("ss-102.m4s") != std::string::npos);
}

TEST_CASE("many that wait for one version get the same bytes", "[output]") {
  Fixture f;
  std::vector<std::shared_ptr<FakeExchange>> held;
  for (int i = 0; i < 20; ++i) held.push_back(f.reload("_HLS_msn=102&_HLS_part=3"));
  f.push(1);
  f.loop.poll();
  for (const auto& exchange : held) {
    REQUIRE(exchange->answer.has_value());
    CHECK(exchange->answer->body.at(0).data() == held[0]->answer->body.at(0).data());
  }
  CHECK(f.context.playlists.full.value() == 1);
}

TEST_CASE("the hinted part is delivered as it is published", "[output]") {
  Fixture f;
  const auto held = f.ask("/live/shop/source/ps-23.m4s");
  CHECK_FALSE(held->answer.has_value());
  f.push(1);
  f.loop.poll();
  REQUIRE(held->answer.has_value());
  CHECK(held->answer->status == 200);
  CHECK(body_of(*held->answer).starts_with("chunk 23 "));
  CHECK(header_of(*held->answer, "ETag") == "\"ps-23\"");
}

TEST_CASE("too far ahead, malformed or incomplete is 400", "[output]") {
  Fixture f;
  for (const char* const query : {"_HLS_msn=104", "_HLS_msn=102&_HLS_part=500", "_HLS_msn=abc",
                                  "_HLS_part=1", "_HLS_msn=99999999999999999999999"}) {
    CAPTURE(query);
    CHECK(f.reload(query)->answer->status == 400);
  }
}

TEST_CASE("a delta update is for who asks", "[output]") {
  Fixture f({.window = 30s, .start_id = "s"});
  for (SegmentNumber number = 103; number < 112; ++number) {
    f.push(number == 103 ? 7 : 10);
    f.open(number);
  }
  CHECK(body_of(*f.reload("_HLS_skip=YES")->answer).find("EXT-X-SKIP") != std::string::npos);
  CHECK(body_of(*f.reload("")->answer).find("EXT-X-SKIP") == std::string::npos);
}

TEST_CASE("who has waited three target durations is told that nothing came", "[output]") {
  Fixture f;
  const auto playlist = f.reload("_HLS_msn=103");
  const auto part = f.ask("/live/shop/source/ps-23.m4s");
  f.clock.advance(5999ms);
  f.output->tick();
  f.loop.poll();
  CHECK_FALSE(playlist->answer.has_value());
  f.clock.advance(1ms);
  f.output->tick();
  f.loop.poll();
  CHECK(playlist->answer->status == 503);
  CHECK(part->answer->status == 503);
  CHECK(f.gauge() == 0);
}

TEST_CASE("a client that goes is forgotten", "[output]") {
  Fixture f;
  const auto playlist = f.reload("_HLS_msn=102&_HLS_part=3");
  const auto part = f.ask("/live/shop/source/ps-23.m4s");
  playlist->abort();
  part->abort();
  CHECK(f.gauge() == 0);
  CHECK(playlist.use_count() == 1);
  CHECK(part.use_count() == 1);
  f.push(1);
  f.loop.poll();
  CHECK(playlist->answers == 0);
}

TEST_CASE("past the limit of waiting requests there is no waiting", "[output]") {
  Fixture f({.max_parked_requests = 2, .start_id = "s"});
  f.reload("_HLS_msn=103");
  const auto second = f.reload("_HLS_msn=103");
  CHECK(f.reload("_HLS_msn=103")->answer->status == 503);
  CHECK(f.ask("/live/shop/source/ps-23.m4s")->answer->status == 503);
  second->abort();
  CHECK_FALSE(f.reload("_HLS_msn=103")->answer.has_value());
}

TEST_CASE("the end of the show answers everybody", "[output]") {
  Fixture f;
  const auto playlist = f.reload("_HLS_msn=103");
  const auto part = f.ask("/live/shop/source/ps-23.m4s");
  f.output->end();
  f.loop.poll();
  REQUIRE(playlist->answer.has_value());
  CHECK(body_of(*playlist->answer).ends_with("#EXT-X-ENDLIST\n"));
  CHECK(part->answer->status == 404);
  CHECK(f.reload("_HLS_msn=999")->answer->status == 200);
  f.clock.advance(1min);
  f.output->tick();
  CHECK(f.reload("")->answer->status == 404);
  CHECK(f.context.window_bytes == 0);
}

TEST_CASE("before a channel has begun it says so", "[output]") {
  test::FakeClock clock;
  Metrics metrics;
  net::EventLoop loop;
  OriginContext context({.start_id = "s"}, metrics, clock);
  const auto output = std::make_shared<ChannelOutput>("shop", 0, context);
  const auto exchange = test::exchange_for(loop, "/live/shop/index.m3u8");
  output->answer(exchange, *parse_media_path(exchange->asked.path));
  CHECK(exchange->answer->status == 503);
  CHECK_FALSE(output->status().is_playable);
}

TEST_CASE("a multivariant playlist is rendered once for each version", "[output]") {
  Fixture f;
  const auto first = f.ask("/live/shop/index.m3u8")->answer;
  const auto second = f.ask("/live/shop/index.m3u8")->answer;
  CHECK(first->body.at(0).data() == second->body.at(0).data());
  CHECK(body_of(*first).find("CODECS=\"avc1.64001f\"") != std::string::npos);
  CHECK(f.context.playlists.multivariant.value() == 1);
}

TEST_CASE("memory is counted, and given back", "[output]") {
  Fixture f;
  CHECK(f.context.window_bytes == 23'000);
  CHECK(f.context.window_bytes_gauge.value() == 23'000);
  f.output.reset();
  CHECK(f.context.window_bytes == 0);
}

TEST_CASE("the time from the socket to the window is measured", "[output]") {
  Fixture f;
  f.chunks.received_at = f.clock.steady_now();
  CmafChunk chunk = f.chunks.next();
  f.clock.advance(3ms);
  REQUIRE(f.source.push(std::move(chunk)).has_value());
  CHECK(f.metrics.text().find("millrace_hls_publish_latency_seconds_sum{channel=\"shop\"} 0.003") !=
        std::string::npos);
}

TEST_CASE("status tells what plays", "[output]") {
  Fixture f;
  const auto status = f.output->status();
  CHECK(status.is_playable);
  REQUIRE(status.renditions.size() == 1);
  CHECK(status.renditions[0].name == "source");
  CHECK(status.renditions[0].height == 720);
  CHECK(status.renditions[0].frame_rate == 30);
  CHECK(status.renditions[0].bits_per_second == Approx(40'000).epsilon(0.01));
}
