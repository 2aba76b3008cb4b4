#include "hls/channel_output.h"

#include "tests/hls/channel_fixture.h"

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;
using millrace::test::body_of;
using millrace::test::ChannelFixture;
using millrace::test::ChunkSource;
using millrace::test::FakeExchange;
using millrace::test::header_of;

TEST_CASE("what is there is answered inside the call", "[output]") {
  ChannelFixture f;
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
  ChannelFixture f;
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
  ChannelFixture f;
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
  ChannelFixture f;
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
  ChannelFixture f;
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
  ChannelFixture f;
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
  ChannelFixture f;
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
  ChannelFixture f;
  for (const char* const query : {"_HLS_msn=104", "_HLS_msn=102&_HLS_part=500", "_HLS_msn=abc",
                                  "_HLS_part=1", "_HLS_msn=99999999999999999999999"}) {
    CAPTURE(query);
    CHECK(f.reload(query)->answer->status == 400);
  }
}

TEST_CASE("a delta update is for who asks", "[output]") {
  ChannelFixture f({.window = 30s, .start_id = "s"});
  for (SegmentNumber number = 103; number < 112; ++number) {
    f.push(number == 103 ? 7 : 10);
    f.open(number);
  }
  CHECK(body_of(*f.reload("_HLS_skip=YES")->answer).find("EXT-X-SKIP") != std::string::npos);
  CHECK(body_of(*f.reload("")->answer).find("EXT-X-SKIP") == std::string::npos);
}

TEST_CASE("who has waited three target durations is told that nothing came", "[output]") {
  ChannelFixture f;
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
  ChannelFixture f;
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
  ChannelFixture f({.max_parked_requests = 2, .start_id = "s"});
  f.reload("_HLS_msn=103");
  const auto second = f.reload("_HLS_msn=103");
  CHECK(f.reload("_HLS_msn=103")->answer->status == 503);
  CHECK(f.ask("/live/shop/source/ps-23.m4s")->answer->status == 503);
  second->abort();
  CHECK_FALSE(f.reload("_HLS_msn=103")->answer.has_value());
}

TEST_CASE("the end of the show answers everybody", "[output]") {
  ChannelFixture f;
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
  ChannelFixture f;
  const auto first = f.ask("/live/shop/index.m3u8")->answer;
  const auto second = f.ask("/live/shop/index.m3u8")->answer;
  CHECK(first->body.at(0).data() == second->body.at(0).data());
  CHECK(body_of(*first).find("CODECS=\"avc1.64001f\"") != std::string::npos);
  CHECK(f.context.playlists.multivariant.value() == 1);
}

TEST_CASE("sound is a variant of its own where the options say so", "[output]") {
  for (const bool is_offered : {false, true}) {
    ChannelFixture f({.audio_only = is_offered, .start_id = "s"});
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
  ChannelFixture f;
  CHECK(f.context.window_bytes == 23'000);
  CHECK(f.context.window_bytes_gauge.value() == 23'000);
  f.output.reset();
  CHECK(f.context.window_bytes == 0);
}

TEST_CASE("the time from the socket to the window is measured", "[output]") {
  ChannelFixture f;
  f.chunks.received_at = f.clock.steady_now();
  CmafChunk chunk = f.chunks.next();
  f.clock.advance(3ms);
  REQUIRE(f.source.push(std::move(chunk)).has_value());
  CHECK(f.metrics.text().find("millrace_hls_publish_latency_seconds_sum{channel=\"shop\"} 0.003") !=
        std::string::npos);
}

TEST_CASE("status tells what plays", "[output]") {
  ChannelFixture f;
  const auto status = f.output->status();
  CHECK(status.is_playable);
  CHECK_FALSE(status.has_ended);
  REQUIRE(status.renditions.size() == 1);
  CHECK(status.renditions[0].name == "source");
  CHECK(status.renditions[0].height == 720);
  CHECK(status.renditions[0].frame_rate == 30);
  CHECK(status.renditions[0].bits_per_second == Approx(40'000).epsilon(0.01));
}
