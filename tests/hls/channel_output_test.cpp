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
        output(std::make_shared<ChannelOutput>("shop", context)),
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

TEST_CASE("a part that was hinted before a discontinuity never comes to be", "[output]") {
  Fixture f;
  const auto held = f.ask("/live/shop/source/ps-23.m4s");
  f.open(103, /*starts_discontinuity=*/true);
  f.push(1);
  f.loop.poll();
  REQUIRE(held->answer.has_value());
  CHECK(held->answer->status == 404);
  CHECK(f.gauge() == 0);
  CHECK(f.ask("/live/shop/source/ps-23.m4s")->answer->status == 404);
  const auto next = f.ask("/live/shop/source/ps-24.m4s");
  REQUIRE(next->answer.has_value());
  CHECK(body_of(*next->answer).starts_with("chunk 23 "));
  const std::string playlist = body_of(*f.reload("")->answer);
  CHECK(playlist.find("ps-23.m4s") == std::string::npos);
  CHECK(playlist.find("EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"ps-25.m4s\"") != std::string::npos);
  const auto hinted = f.ask("/live/shop/source/ps-25.m4s");
  f.push(1);
  f.loop.poll();
  CHECK(hinted->answer->status == 200);
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

TEST_CASE("a multivariant playlist is rendered once for each version", "[output]") {
  Fixture f;
  const auto first = f.ask("/live/shop/index.m3u8")->answer;
  const auto second = f.ask("/live/shop/index.m3u8")->answer;
  CHECK(first->body.at(0).data() == second->body.at(0).data());
  CHECK(body_of(*first).find("CODECS=\"avc1.64001f\"") != std::string::npos);
  CHECK(f.context.playlists.multivariant.value() == 1);
}

TEST_CASE("sound is a variant of its own where the options say so", "[output]") {
  for (const bool is_offered : {false, true}) {
    Fixture f({.audio_only = is_offered, .start_id = "s"});
    f.output->add_rendition({.name = "source"});
    f.output->add_rendition({.name = "audio",
                             .kind = MediaKind::kAudio,
                             .declared_bits_per_second = 128'000,
                             .init = test::init_segment(MediaKind::kAudio)});
    f.output->renditions_complete();
    f.push(7);
    f.open(103);
    const std::string text = body_of(*f.ask("/live/shop/index.m3u8")->answer);
    CHECK(text.find("URI=\"audio/index.m3u8\"") != std::string::npos);
    CHECK(text.ends_with("\naudio/index.m3u8\n") == is_offered);
  }
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
  CHECK_FALSE(status.has_ended);
  REQUIRE(status.renditions.size() == 1);
  CHECK(status.renditions[0].name == "source");
  CHECK(status.renditions[0].height == 720);
  CHECK(status.renditions[0].frame_rate == 30);
  CHECK(status.renditions[0].bits_per_second == Approx(40'000).epsilon(0.01));
}

namespace {

/// As Fixture, with a rung that nobody has asked for yet.
struct IdleFixture : Fixture {
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
  void open(SegmentNumber number, bool starts_discontinuity = false) {
    opened_at = chunks.at;
    Fixture::open(number, starts_discontinuity);
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

}  // namespace

TEST_CASE("a rendition that nobody asks for is listed as what it will be", "[output][idle]") {
  IdleFixture f;
  CHECK(f.multivariant().find("480p/index.m3u8") != std::string::npos);
  CHECK(f.multivariant().find("avc1.64001e") != std::string::npos);
  CHECK(f.output->demand("480p").last_request == std::chrono::steady_clock::time_point());
  // Its report says where it will be once it is asked for: where the other is.
  CHECK(body_of(*f.reload("")->answer).find("URI=\"../480p/index.m3u8\",LAST-MSN=103") !=
        std::string::npos);
  const auto status = f.output->status();
  REQUIRE(status.renditions.size() == 2);
  CHECK_FALSE(status.renditions[0].is_idle);
  CHECK(status.renditions[1].is_idle);
}

TEST_CASE("who asks for an idle rendition waits for its first part", "[output][idle]") {
  IdleFixture f;
  f.push(4);
  const auto exchange = f.ask_rung();
  CHECK_FALSE(exchange->answer.has_value());
  f.clock.advance(700ms);
  CHECK(f.output->demand("480p").last_request == f.clock.steady_now());
  f.push_rung(2);
  REQUIRE(exchange->answer.has_value());
  CHECK(exchange->answer->status == 200);
  const std::string playlist = body_of(*exchange->answer);
  // Caches keep it as long as any playlist that does not name what it waits for.
  CHECK(header_of(*exchange->answer, "Cache-Control") ==
        header_of(*f.reload("")->answer, "Cache-Control"));
  // What was before is under its number, as a gap; the map is the announced one.
  CHECK(playlist.find("#EXT-X-MEDIA-SEQUENCE:100") != std::string::npos);
  CHECK(playlist.find("#EXT-X-GAP") != std::string::npos);
  CHECK(playlist.find("URI=\"init-s-100.mp4\"") != std::string::npos);
  CHECK(playlist.find("ps-1.m4s") != std::string::npos);
  CHECK(body_of(*f.ask("/live/shop/480p/init-s-100.mp4")->answer) == "rung");
  CHECK(body_of(*f.ask("/live/shop/480p/ps-0.m4s")->answer).starts_with("chunk 0 "));
  CHECK_FALSE(f.output->status().renditions[1].is_idle);
  // From now on it is as any other.
  CHECK(f.ask_rung()->answer.has_value());
}

TEST_CASE("a blocking reload of an idle rendition waits for what it names", "[output][idle]") {
  IdleFixture f;
  f.push(5);
  const auto exchange = f.ask_rung("_HLS_msn=104&_HLS_part=5");
  f.push_rung(5);
  CHECK_FALSE(exchange->answer.has_value());
  f.rung_chunks.opens = false;
  REQUIRE(f.rung.push(f.rung_chunks.next()).has_value());
  f.loop.poll();
  CHECK(exchange->answer->status == 200);
  CHECK(f.ask_rung("_HLS_msn=110&_HLS_part=0")->answer->status == 400);
}

TEST_CASE("an idle rendition that nobody brings is a playlist of gaps in the end",
          "[output][idle]") {
  IdleFixture f;
  f.push(4);
  const auto exchange = f.ask_rung();
  const auto blocking = f.ask_rung("_HLS_msn=104&_HLS_part=3");
  f.clock.advance(2999ms);
  f.output->tick();
  f.loop.poll();
  CHECK_FALSE(exchange->answer.has_value());
  f.clock.advance(1ms);
  f.output->tick();
  f.loop.poll();
  REQUIRE(exchange->answer.has_value());
  CHECK(exchange->answer->status == 200);
  CHECK(body_of(*exchange->answer).find("#EXT-X-PART:") == std::string::npos);
  CHECK_FALSE(blocking->answer.has_value());
  f.clock.advance(3s);
  f.output->tick();
  f.loop.poll();
  CHECK(blocking->answer->status == 503);
  CHECK(f.gauge() == 0);
}

TEST_CASE("a rendition that is refused is a playlist of gaps, and nobody is told of it any more",
          "[output][idle]") {
  IdleFixture f;
  f.push(4);
  const auto waiting = f.ask_rung();
  CHECK_FALSE(waiting->answer.has_value());
  f.output->refuse("480p", true);
  f.loop.poll();
  REQUIRE(waiting->answer.has_value());
  CHECK(waiting->answer->status == 200);
  CHECK(body_of(*waiting->answer).find("#EXT-X-PART:") == std::string::npos);
  CHECK(f.multivariant().find("480p") == std::string::npos);
  CHECK(f.multivariant().find("source/index.m3u8") != std::string::npos);
  CHECK(f.output->status().renditions[1].is_refused);
  CHECK_FALSE(f.output->status().renditions[1].is_idle);
  // Who has it still sees it go on, every number a gap, and is answered at once.
  f.next(105);
  const auto later = f.ask_rung();
  REQUIRE(later->answer.has_value());
  const std::string playlist = body_of(*later->answer);
  CHECK(playlist.find("#EXT-X-GAP\n") != std::string::npos);
  CHECK(playlist.find("s-104.m4s") != std::string::npos);
  // A reload that blocks is answered by the next gap.
  const auto blocking = f.ask_rung("_HLS_msn=105");
  CHECK_FALSE(blocking->answer.has_value());
  f.next(106);
  f.loop.poll();
  REQUIRE(blocking->answer.has_value());
  CHECK(blocking->answer->status == 200);

  f.output->refuse("480p", false);
  CHECK(f.multivariant().find("480p") != std::string::npos);
  const auto again = f.ask_rung();
  CHECK_FALSE(again->answer.has_value());
  f.push_rung(2);
  CHECK(again->answer->status == 200);
}

TEST_CASE("how far an idle rendition is to catch up depends on who asks", "[output][idle]") {
  IdleFixture f;
  f.push(4);
  CHECK(f.output->demand("480p").from == 0);
  SECTION("without a position: three target durations") {
    const auto exchange = f.ask_rung();
    CHECK(f.output->demand("480p").from == 101);
    f.rung_chunks.at = f.opened_at - 6s;
    for (SegmentNumber number = 101; number < 104; ++number) {
      f.rung_chunks.begin(number);
      for (int i = 0; i < 10; ++i) REQUIRE(f.rung.push(f.rung_chunks.next()).has_value());
    }
    f.loop.poll();
    CHECK_FALSE(exchange->answer.has_value());
    CHECK_FALSE(f.ask_rung()->answer.has_value());  // It would see an old edge.
    f.push_rung(1);
    REQUIRE(exchange->answer.has_value());
    const std::string playlist = body_of(*exchange->answer);
    CHECK(playlist.find("#EXT-X-GAP\n#EXTINF:2.00000,\nss-100.m4s") != std::string::npos);
    CHECK(playlist.find("#EXTINF:2.00000,\nss-101.m4s") != std::string::npos);
    CHECK(playlist.find("#EXT-X-GAP", playlist.find("ss-100")) == std::string::npos);
    CHECK(f.output->demand("480p").from == 0);
  }
  SECTION("with one, which has media up to there: one segment") {
    const auto exchange = f.ask_rung("_HLS_msn=104&_HLS_part=2");
    CHECK(f.output->demand("480p").from == 103);
  }
  SECTION("no farther than to what somebody has been told") {
    f.push_rung(2);
    REQUIRE(f.ask_rung()->answer.has_value());
    REQUIRE(f.rung.finish().has_value());
    f.next(105);
    f.next(106);
    const auto exchange = f.ask_rung();
    CHECK(f.output->demand("480p").from == 105);
  }
  SECTION("nor across a discontinuity") {
    f.push(6);
    f.open(105, /*starts_discontinuity=*/true);
    f.push(2);
    const auto exchange = f.ask_rung();
    CHECK(f.output->demand("480p").from == 105);
  }
}

TEST_CASE("an awaited rendition that does not come holds nothing up for long", "[output][idle]") {
  IdleFixture f;
  const auto exchange = f.ask_rung("_HLS_msn=104&_HLS_part=2");
  for (SegmentNumber number = 105; number < 120; ++number) f.next(number);
  CHECK(f.output->demand("480p").from == 0);
  const auto playlist = body_of(*f.reload("")->answer);
  CHECK(playlist.find("ss-104.m4s") == std::string::npos);
}

TEST_CASE("the segment that an awaited rendition catches up with is no gap yet", "[output][idle]") {
  IdleFixture f;
  const auto exchange = f.ask_rung();
  f.push(10);
  const MediaTime began = f.opened_at;
  f.open(105);
  f.push(2);
  CHECK_FALSE(exchange->answer.has_value());
  f.rung_chunks.begin(104);
  f.rung_chunks.at = began;
  for (int i = 0; i < 10; ++i) REQUIRE(f.rung.push(f.rung_chunks.next()).has_value());
  f.loop.poll();
  REQUIRE(exchange->answer.has_value());
  const auto playlist = body_of(*f.ask_rung()->answer);
  CHECK(playlist.find("#EXTINF:2.00000,\nss-104.m4s") != std::string::npos);
}

TEST_CASE("a rendition that becomes idle lists gaps, and may be asked for again",
          "[output][idle]") {
  IdleFixture f;
  f.push_rung(10);
  REQUIRE(f.rung.finish().has_value());
  f.next(105);
  f.next(106);
  f.push(3);
  const auto exchange = f.ask_rung();
  CHECK_FALSE(exchange->answer.has_value());
  f.push_rung(2);
  REQUIRE(exchange->answer.has_value());
  const std::string playlist = body_of(*exchange->answer);
  CHECK(playlist.find("#EXTINF:2.00000,\nss-104.m4s") != std::string::npos);
  CHECK(playlist.find("#EXT-X-GAP\n#EXTINF:2.00000,\nss-105.m4s") != std::string::npos);
  CHECK(playlist.find("#EXT-X-MAP", playlist.find("ss-104")) == std::string::npos);
}

TEST_CASE("a show that ends before an awaited rendition came ends it too", "[output][idle]") {
  IdleFixture f;
  const auto exchange = f.ask_rung();
  REQUIRE(f.output->demand("480p").from == 101);
  f.output->end();
  f.loop.poll();
  REQUIRE(exchange->answer.has_value());
  CHECK(body_of(*exchange->answer).ends_with("#EXT-X-ENDLIST\n"));
  CHECK(f.output->demand("480p").from == 0);
  // And the next show begins with it.
  f.announce();
  f.open(120);
  f.push(3);
  const auto next = f.ask_rung();
  CHECK_FALSE(next->answer.has_value());
  f.push_rung(1);
  REQUIRE(next->answer.has_value());
  CHECK(body_of(*next->answer).find("#EXT-X-MEDIA-SEQUENCE:120") != std::string::npos);
}

TEST_CASE("while the source is away nobody waits for an idle rendition", "[output][idle]") {
  IdleFixture f;
  f.push(4);
  REQUIRE(f.source.finish().has_value());
  const auto exchange = f.ask_rung();
  REQUIRE(exchange->answer.has_value());
  CHECK(exchange->answer->status == 200);
}
