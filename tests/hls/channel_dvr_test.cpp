// Rewinding: a channel's playlists with ?dvr, and its media on disk.
#include "hls/channel_output.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/hls/dvr/dvr_server.h"
#include "tests/support/temporary_folder.h"

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;
using millrace::test::body_of;
using millrace::test::count;
using millrace::test::header_of;
using millrace::test::line_with;
using millrace::test::media_of;
using Server = millrace::test::DvrServer;

TEST_CASE("a playlist with ?dvr lists what has left the live one, and ends as that does", "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(20);
  const std::string live = server.text("source/index.m3u8");
  const std::string dvr = server.text("source/index.m3u8?dvr");
  CHECK(line_with(live, "#EXT-X-MEDIA-SEQUENCE:") == "#EXT-X-MEDIA-SEQUENCE:113");
  CHECK(line_with(dvr, "#EXT-X-MEDIA-SEQUENCE:") == "#EXT-X-MEDIA-SEQUENCE:100");
  CHECK(line_with(dvr, "#EXT-X-MAP:") == "#EXT-X-MAP:URI=\"init-a-100.mp4\"");
  CHECK(count(dvr, "#EXTINF:2.00000,\n") == 20);
  CHECK(count(dvr, "#EXT-X-GAP") == 0);
  CHECK(count(dvr, "#EXT-X-PROGRAM-DATE-TIME:") == 21);
  CHECK(media_of(dvr).front() == "sa-100.m4s");
  CHECK(line_with(dvr, "#EXT-X-RENDITION-REPORT:")
            .starts_with("#EXT-X-RENDITION-REPORT:URI=\"../audio/index.m3u8?dvr\","));
  const auto tail = live.find("#EXT-X-PROGRAM-DATE-TIME:");
  const auto end = live.find("#EXT-X-RENDITION-REPORT:");
  CHECK(dvr.find(live.substr(tail, end - tail)) != std::string::npos);
}

TEST_CASE("the multivariant playlist with ?dvr leads to playlists with ?dvr", "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(1);
  const std::string live = server.text("index.m3u8");
  const std::string dvr = server.text("index.m3u8?token=x&dvr=1");
  CHECK(count(live, "dvr") == 0);
  CHECK(count(dvr, "\nsource/index.m3u8?dvr\n") == 1);
  CHECK(count(dvr, "URI=\"audio/index.m3u8?dvr\"") == 1);
  CHECK(server.text("index.m3u8?dvr") == dvr);
}

TEST_CASE("media is served from the disk as it was from memory", "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(1);
  const auto live = server.ask("source/sa-100.m4s");
  server.run(40);
  const auto kept = server.ask("source/sa-100.m4s");
  REQUIRE(kept->answer.has_value());
  CHECK(kept->answers == 1);
  CHECK(kept->answer->status == 200);
  CHECK(body_of(*kept->answer) == body_of(*live->answer));
  CHECK(kept->answer->headers == live->answer->headers);
  CHECK(body_of(*server.ask("source/init-a-100.mp4")->answer) == "video init");
  CHECK(body_of(*server.ask("audio/init-a-100.mp4")->answer) == "audio init");
  const auto sound = server.ask("audio/sa-102.m4s");
  CHECK(header_of(*sound->answer, "Content-Type") == "audio/mp4");
  const auto part = server.ask("source/sa-100.m4s", {{"range", "bytes=10-19"}});
  CHECK(part->answer->status == 206);
  CHECK(body_of(*part->answer) == body_of(*live->answer).substr(10, 10));
  const auto known = server.ask("source/sa-100.m4s", {{"if-none-match", "\"sa-100\""}});
  CHECK(known->answer->status == 304);
  for (const char* const none :
       {"source/sa-99.m4s", "source/sb-100.m4s", "720p/sa-100.m4s", "source/pa-1.m4s"}) {
    CAPTURE(none);
    CHECK(server.ask(none)->answer->status == 404);
  }
}

TEST_CASE("a client that goes while its segment is read gets nothing", "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(40);
  auto exchange = test::exchange_for(server.loop, "/live/shop/source/sa-100.m4s");
  server.output->answer(exchange, *parse_media_path(exchange->asked.path));
  exchange->abort();
  server.output.reset();  // And the channel with it.
  server.store->drain();
  server.loop.poll();
  CHECK(exchange->answers == 0);
}

TEST_CASE("a long playlist is one gzip text, made of pieces that stay the same", "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(200);
  const auto first = server.ask("source/index.m3u8?dvr", {{"accept-encoding", "gzip"}});
  const auto plain = server.ask("source/index.m3u8?dvr");
  CHECK(header_of(*first->answer, "Content-Encoding") == "gzip");
  CHECK(first->answer->body.size() > 4);
  CHECK(media_of(body_of(*plain->answer)).size() == 200);
  CHECK(media_of(body_of(*plain->answer)).front() == "sa-100.m4s");
  // Every number once, in order.
  const auto names = media_of(body_of(*plain->answer));
  for (std::size_t i = 0; i < names.size(); ++i)
    CHECK(names[i] == "sa-" + std::to_string(100 + i) + ".m4s");
  CHECK(count(body_of(*plain->answer), "#EXT-X-MAP") == 1);
  server.run(1);
  const auto second = server.ask("source/index.m3u8?dvr", {{"accept-encoding", "gzip"}});
  CHECK(second->answer->body[2].data() == first->answer->body[2].data());
  CHECK(header_of(*second->answer, "ETag") != header_of(*first->answer, "ETag"));
}

TEST_CASE("a delta update of a long playlist has its end alone", "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(200);
  const std::string delta = server.text("source/index.m3u8?dvr&_HLS_skip=YES");
  CHECK(line_with(delta, "#EXT-X-MEDIA-SEQUENCE:") == "#EXT-X-MEDIA-SEQUENCE:100");
  // 200 segments, of which seven are behind the Skip Boundary of 12 s.
  CHECK(line_with(delta, "#EXT-X-SKIP:") == "#EXT-X-SKIP:SKIPPED-SEGMENTS=193");
  CHECK(media_of(delta).size() == 7);
  CHECK(count(server.text("source/index.m3u8?dvr"), "CAN-SKIP-UNTIL=12.00000") == 1);
}

TEST_CASE("a blocking reload with ?dvr is held and answered as a live one", "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(20);
  const auto held = server.ask("source/index.m3u8?dvr&_HLS_msn=120&_HLS_part=1");
  CHECK_FALSE(held->answer.has_value());
  REQUIRE(server.source->push(server.chunks.next()).has_value());
  server.loop.poll();
  REQUIRE(held->answer.has_value());
  CHECK(media_of(body_of(*held->answer)).front() == "sa-100.m4s");
  CHECK(server.ask("source/index.m3u8?dvr&_HLS_msn=200")->answer->status == 400);
}

TEST_CASE("what is older than the window leaves the playlist, and can be fetched for as long again",
          "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a", 2min);
  server.begin(100);
  server.run(200);
  const std::string dvr = server.text("source/index.m3u8?dvr");
  const auto names = media_of(dvr);
  CHECK(names.size() >= 60);
  CHECK(names.size() <= 60 + 32 + 7);
  const std::string first = names.front();
  CHECK(line_with(dvr, "#EXT-X-MEDIA-SEQUENCE:") ==
        "#EXT-X-MEDIA-SEQUENCE:" + first.substr(3, first.find('.') - 3));
  CHECK(count(dvr, "#EXT-X-MAP:URI=\"init-a-100.mp4\"") == 1);
  CHECK(server.ask("source/sa-190.m4s")->answer->status == 200);
}

TEST_CASE("a rendition without media is listed with gaps, and numbers agree", "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(10);
  REQUIRE(server.audio->finish().has_value());
  server.run(60, false);
  const std::string source = server.text("source/index.m3u8?dvr");
  const std::string audio = server.text("audio/index.m3u8?dvr");
  CHECK(media_of(source).size() == media_of(audio).size());
  CHECK(line_with(source, "#EXT-X-MEDIA-SEQUENCE:") == line_with(audio, "#EXT-X-MEDIA-SEQUENCE:"));
  CHECK(count(audio, "#EXT-X-GAP") >= 60);
}

TEST_CASE("a rung that is first watched late has its init segment with ?dvr and as a show",
          "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.has_rung = true;
  server.begin(100);
  server.run(40);
  server.is_rung_watched = true;
  server.run(40);
  const std::string dvr = server.text("480p/index.m3u8?dvr");
  CHECK(count(dvr, "#EXT-X-GAP") == 41);
  CHECK(count(dvr, "#EXT-X-MAP:URI=\"init-a-100.mp4\"") == 1);
  server.end();
  const std::string show = server.text("480p/vod-a-100.m3u8");
  CHECK(count(show, "#EXT-X-MAP:URI=\"init-a-100.mp4\"") == 1);
}

TEST_CASE("after a restart what was kept is listed before what comes, under its own URLs",
          "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  std::string before;
  std::string media;
  {
    Server server(folder.path, clock, "a");
    server.begin(100);
    server.run(50);
    before = server.text("source/index.m3u8?dvr");
    media = body_of(*server.ask("source/sa-120.m4s")->answer);
    // No end: the process was killed.
  }
  clock.advance(1min);
  Server server(folder.path, clock, "b");
  // Before there is a publisher.
  CHECK(body_of(*server.ask("source/sa-120.m4s")->answer) == media);
  CHECK(body_of(*server.ask("source/init-a-100.mp4")->answer) == "video init");
  CHECK(server.ask("source/index.m3u8?dvr")->answer->status == 404);
  server.begin(500, 9);
  server.run(3);
  const std::string dvr = server.text("source/index.m3u8?dvr");
  const auto names = media_of(dvr);
  REQUIRE(names.size() == 53);
  CHECK(names[0] == "sa-100.m4s");
  CHECK(names[49] == "sa-149.m4s");
  CHECK(names[50] == "sb-500.m4s");
  // 500 stays 500, so that a viewer of the live playlist who rewinds finds his place.
  CHECK(line_with(dvr, "#EXT-X-MEDIA-SEQUENCE:") == "#EXT-X-MEDIA-SEQUENCE:450");
  CHECK(count(dvr, "#EXT-X-DISCONTINUITY\n") == 1);
  const std::string live = server.text("source/index.m3u8");
  CHECK(line_with(live, "#EXT-X-DISCONTINUITY-SEQUENCE:") == "#EXT-X-DISCONTINUITY-SEQUENCE:9");
  CHECK(line_with(dvr, "#EXT-X-DISCONTINUITY-SEQUENCE:") == "#EXT-X-DISCONTINUITY-SEQUENCE:9");
  CHECK(count(dvr, "#EXT-X-MAP:URI=\"init-a-100.mp4\"") == 1);
  CHECK(count(dvr, "#EXT-X-MAP:URI=\"init-b-500.mp4\"") == 1);
}

TEST_CASE("a new show follows the one before it, behind a discontinuity", "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(10);
  server.output->end();
  server.store->drain();
  CHECK(count(server.text("source/index.m3u8?dvr"), "#EXT-X-ENDLIST") == 1);
  clock.advance(10min);
  server.output->tick();
  CHECK(server.ask("source/index.m3u8?dvr")->answer->status == 404);
  CHECK(server.ask("source/sa-100.m4s")->answer->status == 200);
  server.begin(server.number);
  server.run(3);
  const std::string dvr = server.text("source/index.m3u8?dvr");
  CHECK(media_of(dvr).front() == "sa-100.m4s");
  CHECK(media_of(dvr).size() == 14);
  CHECK(count(dvr, "#EXT-X-DISCONTINUITY\n") == 1);
  CHECK(count(server.text("source/index.m3u8"), "#EXTINF") == 3);
}

TEST_CASE("a segment that the disk does not have is a gap", "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  std::ofstream(folder.path / "shop") << "in the way";
  server.begin(100);
  server.run(5);
  std::filesystem::remove(folder.path / "shop");
  server.run(15);
  const std::string dvr = server.text("source/index.m3u8?dvr");
  CHECK(media_of(dvr).size() == 21);
  CHECK(count(dvr, "#EXT-X-GAP") == 5);
  CHECK(line_with(dvr, "#EXT-X-MEDIA-SEQUENCE:") == "#EXT-X-MEDIA-SEQUENCE:100");
}

TEST_CASE("a long playlist is made on another thread, once", "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(static_cast<int>(20 * DvrPast::kBlock));
  const auto answered_at_once = [&](const std::string& query) {
    const auto exchange = test::exchange_for(server.loop, "/live/shop/source/index.m3u8" + query,
                                             {{"accept-encoding", "gzip"}});
    server.output->answer(exchange, *parse_media_path(exchange->asked.path));
    const bool is_answered = exchange->answer.has_value();
    server.store->drain();
    server.loop.poll();
    REQUIRE(exchange->answer.has_value());
    CHECK(exchange->answers == 1);
    CHECK(exchange->answer->status == 200);
    return is_answered;
  };
  CHECK(answered_at_once("?dvr&_HLS_skip=YES"));  // Its end alone.
  CHECK_FALSE(answered_at_once("?dvr"));
  CHECK(answered_at_once("?dvr"));
  server.run(1);
  CHECK(answered_at_once("?dvr"));
}

TEST_CASE("of a client that goes while its playlist is made nothing stays", "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(static_cast<int>(20 * DvrPast::kBlock));
  const auto exchange = test::exchange_for(server.loop, "/live/shop/source/index.m3u8?dvr");
  server.output->answer(exchange, *parse_media_path(exchange->asked.path));
  CHECK_FALSE(exchange->answer.has_value());
  exchange->abort();
  server.output.reset();  // And the channel with it.
  server.store->drain();
  server.loop.poll();
  CHECK(exchange.use_count() == 1);
}

TEST_CASE("?dvr=0 asks for the live playlist", "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(20);
  for (const std::string path : {"index.m3u8", "source/index.m3u8"}) {
    const std::string live = server.text(path);
    CHECK(server.text(path + "?dvr=0") == live);
    CHECK(server.text(path + "?dvr=yes") != live);
  }
}

TEST_CASE("a channel's first segment is waited for with ?dvr too", "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Server server(folder.path, clock, "a");
  server.begin(100);
  server.run(0);
  server.sound.begin(100);
  REQUIRE(server.audio->push(server.sound.next()).has_value());
  const auto waits = server.ask("source/index.m3u8?dvr");
  CHECK(waits->answers == 0);
  for (int part = 1; part < 10; ++part)
    REQUIRE(server.source->push(server.chunks.next()).has_value());
  server.output->open_segment(101, server.chunks.at, false);
  server.loop.poll();
  REQUIRE(waits->answers == 1);
  CHECK(media_of(body_of(*waits->answer)) == std::vector<std::string>{"sa-100.m4s"});
}

TEST_CASE("with ?dvr an earlier show is there before a new one's first segment", "[dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  {
    Server server(folder.path, clock, "a");
    server.begin(100);
    server.run(3);
  }
  Server server(folder.path, clock, "b");
  server.begin(500);
  server.run(0);
  server.sound.begin(500);
  REQUIRE(server.audio->push(server.sound.next()).has_value());
  CHECK(media_of(server.text("source/index.m3u8?dvr")).size() == 3);
}

TEST_CASE("without a store ?dvr changes nothing", "[dvr]") {
  test::FakeClock clock;
  Metrics metrics;
  net::EventLoop loop;
  OriginContext context({.start_id = "s"}, metrics, clock);
  const auto output = std::make_shared<ChannelOutput>("shop", context);
  auto& source = output->add_rendition({.name = "source"});
  output->renditions_complete();
  output->promise_target_duration(2s);
  test::ChunkSource chunks;
  output->open_segment(100, chunks.at, false);
  REQUIRE(source.push(chunks.next()).has_value());
  for (const char* const path : {"/live/shop/index.m3u8", "/live/shop/source/index.m3u8"}) {
    const auto live = test::exchange_for(loop, path);
    const auto dvr = test::exchange_for(loop, std::string(path) + "?dvr");
    output->answer(live, *parse_media_path(path));
    output->answer(dvr, *parse_media_path(path));
    CHECK(body_of(*dvr->answer) == body_of(*live->answer));
    CHECK(header_of(*dvr->answer, "ETag") == header_of(*live->answer, "ETag"));
  }
}
