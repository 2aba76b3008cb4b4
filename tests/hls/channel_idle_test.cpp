#include "tests/hls/channel_fixture.h"

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;
using millrace::test::body_of;
using millrace::test::FakeExchange;
using millrace::test::header_of;
using millrace::test::IdleFixture;

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
  SECTION("without a position: three target durations, of which the oldest come later") {
    const auto exchange = f.ask_rung();
    CHECK(f.output->demand("480p").from == 103);
    CHECK(f.output->demand("480p").promised == 101);
    f.push_segment(f.rung, 103);
    CHECK_FALSE(exchange->answer.has_value());
    CHECK_FALSE(f.ask_rung()->answer.has_value());  // It would see an old edge.
    f.push_rung(1);
    REQUIRE(exchange->answer.has_value());
    const std::string playlist = body_of(*exchange->answer);
    CHECK(playlist.find("#EXT-X-GAP\n#EXTINF:2.00000,\nss-100.m4s") != std::string::npos);
    CHECK(playlist.find("#EXTINF:2.00000,\nss-101.m4s") != std::string::npos);
    CHECK(playlist.find("#EXT-X-GAP", playlist.find("ss-100")) == std::string::npos);
    CHECK(f.output->demand("480p").from == 0);
    CHECK(f.output->demand("480p").promised == 0);
  }
  SECTION("with one, which has media up to there: one segment") {
    const auto exchange = f.ask_rung("_HLS_msn=104&_HLS_part=2");
    CHECK(f.output->demand("480p").from == 103);
    CHECK(f.output->demand("480p").promised == 0);
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
  REQUIRE(f.output->demand("480p").from == 103);
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

TEST_CASE("who asks for a segment that is promised waits for it", "[output][idle]") {
  IdleFixture f;
  f.push(4);
  const auto playlist = f.ask_rung();
  f.push_segment(f.rung, 103);
  f.push_rung(1);
  REQUIRE(playlist->answer.has_value());
  const auto first = f.ask("/live/shop/480p/ss-101.m4s");
  const auto second = f.ask("/live/shop/480p/ss-102.m4s");
  CHECK_FALSE(first->answer.has_value());
  CHECK(f.gauge() == 2);
  Sink<CmafChunk>& older = f.output->promised("480p");
  SECTION("until all of it is there") {
    f.push_segment(older, 101, 9);
    CHECK_FALSE(first->answer.has_value());
    REQUIRE(older.push(f.rung_chunks.next()).has_value());
    f.loop.poll();
    REQUIRE(first->answer.has_value());
    CHECK(first->answer->status == 200);
    CHECK(body_of(*first->answer).size() == 10'000);
    CHECK_FALSE(second->answer.has_value());
    f.push_segment(older, 102);
    CHECK(second->answer->status == 200);
    REQUIRE(older.finish().has_value());
    // It is no other playlist: what was listed is there.
    CHECK(body_of(*f.ask_rung()->answer) == body_of(*playlist->answer));
    CHECK(f.output->status().renditions[1].bits_per_second == Approx(40'000).epsilon(0.01));
    CHECK(f.gauge() == 0);
  }
  SECTION("or will not come") {
    f.push_segment(older, 101);
    CHECK(first->answer->status == 200);
    REQUIRE(older.finish().has_value());
    f.loop.poll();
    REQUIRE(second->answer.has_value());
    CHECK(second->answer->status == 404);
    const std::string now = body_of(*f.ask_rung()->answer);
    CHECK(now.find("#EXT-X-GAP\n#EXTINF:2.00000,\nss-102.m4s") != std::string::npos);
    CHECK(now.find("#EXT-X-GAP\n#EXTINF:2.00000,\nss-101.m4s") == std::string::npos);
    CHECK(f.ask("/live/shop/480p/ss-102.m4s")->answer->status == 404);
  }
  SECTION("nor is it kept by a part of it, by another's or by another kind") {
    f.push_segment(older, 103);
    f.rung_chunks.begin(101);
    f.rung_chunks.at = f.start_of(101) + 200ms;
    for (int i = 0; i < 9; ++i) REQUIRE(older.push(f.rung_chunks.next()).has_value());
    f.rung_chunks.init = test::init_segment();
    f.push_segment(older, 102);
    CHECK_FALSE(first->answer.has_value());
    CHECK_FALSE(second->answer.has_value());
  }
  SECTION("nor for long") {
    f.next(105);
    f.next(106);
    f.loop.poll();
    CHECK_FALSE(first->answer.has_value());
    f.next(107);
    f.loop.poll();
    REQUIRE(first->answer.has_value());
    CHECK(first->answer->status == 404);
    CHECK(second->answer->status == 404);
  }
  SECTION("nor when the server stops") {
    f.output->interrupt();
    f.loop.poll();
    CHECK(first->answer->status == 503);
  }
  SECTION("nor after the show") {
    f.output->end();
    f.loop.poll();
    CHECK(first->answer->status == 404);
  }
}

TEST_CASE("what is promised counts as media once it is there", "[output][idle]") {
  IdleFixture f;
  const auto bytes = [&f] { return f.context.window_bytes.load(); };
  f.push(4);
  const auto playlist = f.ask_rung();
  const std::size_t before = bytes();
  f.push_segment(f.output->promised("480p"), 101);
  CHECK(bytes() == before + 10'000);
}

TEST_CASE("however many segments three target durations have, there is time for them",
          "[output][idle]") {
  IdleFixture f;
  for (SegmentNumber number = 105; number < 113; ++number) {
    f.push(5);
    f.open(number);
  }
  const auto playlist = f.ask_rung();
  CHECK(f.output->demand("480p").promised == 106);
  CHECK(f.output->demand("480p").from == 111);
  const auto first = f.ask("/live/shop/480p/ss-106.m4s");
  f.push(5);
  f.open(113);
  f.loop.poll();
  CHECK_FALSE(first->answer.has_value());
}
