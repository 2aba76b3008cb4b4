// The playlists of shows that are over.
#include "hls/channel_output.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/hls/dvr/dvr_server.h"
#include "tests/support/temporary_folder.h"

using namespace millrace;
using namespace std::chrono_literals;
using millrace::test::body_of;
using millrace::test::count;
using millrace::test::header_of;
using millrace::test::line_with;
using millrace::test::media_of;
using Server = millrace::test::DvrServer;

TEST_CASE("while its first show is on air a channel has no vod.m3u8", "[vod]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(20);
  for (const char* const path : {"vod.m3u8", "source/vod.m3u8", "source/vod-a-100.m3u8"}) {
    CAPTURE(path);
    const auto refused = server.ask(path);
    REQUIRE(refused->answer.has_value());
    CHECK(refused->answer->status == 404);
    CHECK(body_of(*refused->answer).size() > 20);  // A reason.
    CHECK(header_of(*refused->answer, "Cache-Control") == "public, max-age=1");
  }
}

TEST_CASE("a show that has ended is a playlist that never changes", "[vod]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(2);
  server.end();
  CHECK(server.text("vod.m3u8") ==
        "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"audio\",LANGUAGE=\"und\","
        "DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"audio/vod-a-100.m3u8\"\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=80000,AVERAGE-BANDWIDTH=80000,"
        "CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=30.000,VIDEO-RANGE=SDR,"
        "CLOSED-CAPTIONS=NONE,AUDIO=\"audio\"\nsource/vod-a-100.m3u8\n");
  const auto answer = server.ask("source/vod-a-100.m3u8");
  REQUIRE(answer->answer.has_value());
  CHECK(header_of(*answer->answer, "Content-Type") == "application/vnd.apple.mpegurl");
  CHECK(header_of(*answer->answer, "Cache-Control") == "public, max-age=1");
  CHECK(body_of(*answer->answer) == R"(#EXTM3U
#EXT-X-VERSION:6
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-TARGETDURATION:2
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MEDIA-SEQUENCE:100
#EXT-X-DISCONTINUITY-SEQUENCE:0
#EXT-X-MAP:URI="init-a-100.mp4"
#EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:40.000Z
#EXTINF:2.00000,
sa-100.m4s
#EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:42.000Z
#EXTINF:2.00000,
sa-101.m4s
#EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:44.000Z
#EXTINF:0.20000,
sa-102.m4s
#EXT-X-ENDLIST
)");
  const auto newest = server.ask("source/vod.m3u8");
  CHECK(newest->answer->status == 302);
  CHECK(header_of(*newest->answer, "Location") == "vod-a-100.m3u8");
  CHECK(header_of(*newest->answer, "Cache-Control") == "no-store");
  const auto known =
      server.ask("source/vod-a-100.m3u8", {{"if-none-match", header_of(*answer->answer, "ETag")}});
  CHECK(known->answer->status == 304);
}

TEST_CASE("a show's playlist outlives the live window, the next show and its end", "[vod]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(50);
  server.end();
  REQUIRE(server.show() == "source/vod-a-100.m3u8");
  const std::string first = server.text("source/vod-a-100.m3u8");
  CHECK(media_of(first).size() == 51);
  const auto is_unchanged = [&] {
    return server.text("source/vod-a-100.m3u8") == first &&
           body_of(*server.ask("source/sa-150.m4s")->answer).size() == 1000;
  };
  // With ?dvr it lists nothing twice, though both windows have its end.
  CHECK(media_of(server.text("source/index.m3u8?dvr")).size() == 51);
  clock.advance(10min);
  server.output->tick();
  CHECK(server.ask("source/index.m3u8")->answer->status == 404);
  CHECK(server.ask("source/index.m3u8?dvr")->answer->status == 404);
  CHECK(server.show() == "source/vod-a-100.m3u8");
  CHECK(is_unchanged());
  server.begin(700);
  server.run(3);
  CHECK(server.show() == "source/vod-a-100.m3u8");
  CHECK(is_unchanged());
  CHECK(media_of(server.text("source/index.m3u8?dvr")).size() == 54);
  CHECK(server.ask("source/vod-a-700.m3u8")->answer->status == 404);
  server.end();
  CHECK(server.show() == "source/vod-a-700.m3u8");
  CHECK(media_of(server.text("source/vod-a-700.m3u8")).size() == 4);
  CHECK(is_unchanged());
}

TEST_CASE("while a show that has ended can still be had live, ?dvr goes on and ends too", "[vod]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(50);
  server.end();
  const std::string ended = server.text("source/index.m3u8?dvr");
  CHECK(count(ended, "#EXT-X-ENDLIST") == 1);
  for (int seconds = 0; seconds < 120; seconds += 5) {
    const auto live = server.ask("source/index.m3u8");
    const auto dvr = server.ask("source/index.m3u8?dvr");
    CHECK(live->answer->status == dvr->answer->status);
    if (dvr->answer->status == 200) CHECK(body_of(*dvr->answer) == ended);
    clock.advance(5s);
    server.output->tick();
  }
  CHECK(server.ask("source/index.m3u8")->answer->status == 404);
}

TEST_CASE("after a restart the shows of before are there, however they ended", "[vod]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  std::string first, first_sound;
  {
    Server server(folder.path, clock, "a");
    server.begin(100);
    server.run(10);
    server.end();
    first = server.text("source/vod-a-100.m3u8");
    first_sound = server.text("audio/vod-a-100.m3u8");
    CHECK(count(first_sound, "#EXT-X-GAP") == 1);
    server.begin(200);
    server.run(40);
    // No end: the process was killed.
  }
  Server server(folder.path, clock, "b");
  REQUIRE(server.show() == "source/vod-a-200.m3u8");
  const std::string killed = server.text("source/vod-a-200.m3u8");
  CHECK(media_of(killed).size() == 40);
  CHECK(count(killed, "#EXT-X-ENDLIST") == 1);
  CHECK(line_with(killed, "#EXT-X-MAP") == "#EXT-X-MAP:URI=\"init-a-200.mp4\"");
  CHECK(server.text("source/vod-a-100.m3u8") == first);
  CHECK(server.text("audio/vod-a-100.m3u8") == first_sound);
  const std::string multivariant = server.text("vod.m3u8");
  CHECK(count(multivariant, "RESOLUTION=1280x720,FRAME-RATE=30.000") == 1);
  CHECK(count(multivariant, "CODECS=\"avc1.64001f,mp4a.40.2\"") == 1);
  CHECK(count(multivariant, "CHANNELS=\"2\"") == 1);
  server.begin(500, 9);
  server.run(3);
  CHECK(server.show() == "source/vod-a-200.m3u8");
  CHECK(server.text("source/vod-a-200.m3u8") == killed);
  server.end();
  CHECK(server.show() == "source/vod-b-500.m3u8");
}

TEST_CASE("a show that is longer than the window is there from where the window begins", "[vod]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a", 2min);
  server.begin(100);
  server.run(200);
  server.end();
  const std::string first = server.show();
  const std::string whole = server.text(first);
  CHECK(media_of(whole).size() >= 60);
  CHECK(media_of(whole).size() <= 60 + 32 + 7);
  // "sa-228.m4s": what it lists is in its name.
  CHECK(first == "source/vod-" + media_of(whole).front().substr(1, 5) + ".m3u8");
  CHECK(count(whole, "#EXT-X-MAP:URI=\"init-a-100.mp4\"") == 1);
  // Time goes on though nothing is on air. Who has begun with the old one goes on with it.
  clock.advance(90s);
  server.output->tick();
  const std::string rest = server.show();
  REQUIRE(rest != first);
  CHECK(server.text(first) == whole);
  const std::string text = server.text(rest);
  CHECK(whole.ends_with(text.substr(text.find("#EXT-X-PROGRAM-DATE-TIME:"))));
  CHECK(count(text, "#EXT-X-MAP:URI=\"init-a-100.mp4\"") == 1);
  clock.advance(90s);
  server.output->tick();
  CHECK(server.ask("vod.m3u8")->answer->status == 404);
}

TEST_CASE("what the disk did not take of a show is gaps in its playlist", "[vod]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  std::ofstream(folder.path / "shop") << "in the way";
  server.begin(100);
  server.run(2);
  std::filesystem::remove(folder.path / "shop");
  server.run(4);
  server.end();
  const std::string text = server.text(server.show());
  CHECK(media_of(text).size() == 8);
  CHECK(count(text, "#EXT-X-GAP") == 2);
}

TEST_CASE("who watches what is over does not keep a channel's rungs awake", "[vod]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(2);
  server.end();
  CHECK(server.text("vod.m3u8").size() > 100);
  CHECK(server.text("source/vod-a-100.m3u8").size() > 100);
  CHECK(server.output->last_request() == hls::ChannelOutput::TimePoint());
}

TEST_CASE("a channel of which nothing is kept says so", "[vod]") {
  test::FakeClock clock;
  Metrics metrics;
  net::EventLoop loop;
  hls::OriginContext context({.start_id = "s"}, metrics, clock);
  const auto output = std::make_shared<hls::ChannelOutput>("shop", context);
  for (const char* const path : {"/live/shop/vod.m3u8", "/live/shop/source/vod-s-1.m3u8"}) {
    const auto exchange = test::exchange_for(loop, path);
    output->answer(exchange, *hls::parse_media_path(path));
    REQUIRE(exchange->answer.has_value());
    CHECK(exchange->answer->status == 404);
  }
}
