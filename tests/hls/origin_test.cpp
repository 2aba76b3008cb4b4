#include "hls/origin.h"

#include <catch2/catch.hpp>

#include "hls/dvr/dvr_store.h"
#include "tests/hls/dvr/dvr_jobs.h"
#include "tests/support/chunk_source.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_exchange.h"
#include "tests/support/temporary_folder.h"

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;

namespace {

constexpr const char* kKey = "0123456789abcdef";

struct Fixture {
  test::FakeClock clock;
  Metrics metrics;
  net::EventLoopGroup loops{1};
  std::unique_ptr<Origin> origin;
  test::ChunkSource chunks;

  explicit Fixture(PlaybackOptions playback = {}, std::shared_ptr<DvrStore> dvr = nullptr)
      : Fixture(Options{.playback = std::move(playback), .dvr = std::move(dvr), .start_id = "s"}) {}
  explicit Fixture(Options options)
      : origin(create_origin(std::move(options), loops, metrics, clock)) {}

  std::shared_ptr<test::FakeExchange> ask(const std::string& path,
                                          net::HttpMethod method = net::HttpMethod::kGet) {
    const auto exchange = test::exchange_for(loops.loop(0), path);
    exchange->asked.method = method;
    origin->handle(exchange);
    return exchange;
  }
  int status(const std::string& path, net::HttpMethod method = net::HttpMethod::kGet) {
    const auto exchange = ask(path, method);
    REQUIRE(exchange->answers == 1);
    return exchange->answer->status;
  }
  /// A channel with a segment of ten parts, and the next one open.
  std::shared_ptr<Channel> begin(const std::string& name) {
    auto channel = origin->add_channel(name, 0);
    auto& source = channel->add_rendition({.name = "source"});
    channel->renditions_complete();
    channel->promise_target_duration(2s);
    channel->open_segment(100, chunks.at, false);
    for (int part = 0; part < 10; ++part) REQUIRE(source.push(chunks.next()).has_value());
    channel->open_segment(101, chunks.at, false);
    return channel;
  }
  std::string token(const std::string& channel, std::chrono::seconds expires_in = 10s) {
    return sign_playback(
        channel, std::chrono::floor<std::chrono::seconds>(clock.wall_now()) + expires_in, kKey);
  }
};

PlaybackOptions signed_playback() {
  PlaybackOptions options;
  options.rule = {.access = PlaybackAccess::kSigned, .signing_keys = {kKey}};
  options.channels["free"] = {.access = PlaybackAccess::kOpen};
  return options;
}

}  // namespace

TEST_CASE("a request reaches its channel, and no other path has anything", "[origin]") {
  Fixture f;
  CHECK(f.status("/live/shop/index.m3u8") == 404);
  const auto channel = f.begin("shop");
  CHECK(f.status("/live/shop/index.m3u8") == 200);
  CHECK(f.status("/live/shop/source/index.m3u8") == 200);
  CHECK(f.status("/live/other/index.m3u8") == 404);
  CHECK(f.status("/live/shop/../shop/index.m3u8") == 404);
  CHECK(f.status("/live/") == 404);
}

TEST_CASE("methods are judged before anything else", "[origin]") {
  Fixture f;
  CHECK(f.status("/live/shop/index.m3u8", net::HttpMethod::kOptions) == 204);
  CHECK(f.status("/live/shop/index.m3u8", net::HttpMethod::kDelete) == 405);
  CHECK(f.status("/live/shop/index.m3u8", net::HttpMethod::kHead) == 404);
}

TEST_CASE("the origin's own clock gives up who waits too long", "[origin]") {
  Fixture f;
  const auto channel = f.begin("shop");
  const auto held = test::exchange_for(f.loops.loop(0), "/live/shop/source/ps-10.m4s");
  f.origin->handle(held);
  CHECK(held->answers == 0);
  f.clock.advance(7s);
  f.loops.loop(0).poll();  // The first tick was posted with the origin's making.
  CHECK(held->answers == 1);
  CHECK(held->answer->status == 503);
}

TEST_CASE("who asks for a channel that was on air before the start waits for its publisher",
          "[origin][beginning]") {
  Fixture f(Options{.expected = {"shop"}, .expected_for = 15s, .start_id = "s"});
  const auto multivariant = f.ask("/live/shop/index.m3u8");
  const auto media = f.ask("/live/shop/source/index.m3u8");
  const auto gone = f.ask("/live/shop/source/index.m3u8");
  gone->abort();
  CHECK(multivariant->answers + media->answers + gone->answers == 0);
  CHECK(f.status("/live/other/index.m3u8") == 404);
  CHECK(f.status("/live/shop/source/ps-0.m4s") == 404);
  const auto channel = f.begin("shop");
  f.loops.loop(0).poll();  // From waiting for the channel to waiting for its part …
  f.loops.loop(0).poll();  // … and to the answer.
  for (const auto& exchange : {multivariant, media}) {
    REQUIRE(exchange->answers == 1);
    CHECK(exchange->answer->status == 200);
  }
  CHECK(gone->answers == 0);
}

TEST_CASE("an expected channel that does not come is waited for no longer than others",
          "[origin][beginning]") {
  Fixture f(Options{
      .max_parked_requests = 1, .expected = {"shop"}, .expected_for = 15s, .start_id = "s"});
  f.loops.loop(0).poll();
  const auto waits = f.ask("/live/shop/index.m3u8");
  CHECK(waits->answers == 0);
  CHECK(f.status("/live/shop/index.m3u8") == 503);
  f.clock.advance(14s);
  f.origin->interrupt();
  f.loops.loop(0).poll();
  REQUIRE(waits->answers == 1);
  CHECK(waits->answer->status == 503);
  f.clock.advance(2s);
  CHECK(f.status("/live/shop/index.m3u8") == 404);
}

TEST_CASE("with signed playback nothing of a channel is there without its token", "[origin]") {
  Fixture f(signed_playback());
  const auto channel = f.begin("shop");
  const auto prefix = "/s/" + f.token("shop");
  const auto query = "?token=" + f.token("shop");
  for (const std::string object :
       {"/live/shop/index.m3u8", "/live/shop/source/index.m3u8", "/live/shop/source/init-s-100.mp4",
        "/live/shop/source/ps-0.m4s"}) {
    CAPTURE(object);
    CHECK(f.status(object) == 403);
    CHECK(f.status("/s/x" + object) == 403);
    CHECK(f.status("/s/" + f.token("other") + object) == 403);
    CHECK(f.status(prefix + object) == 200);
    // Playlists lead from the query to the path, whose URIs inherit it.
    CHECK(f.status(object + query) == (object.ends_with(".m3u8") ? 302 : 200));
    CHECK(f.status(object, net::HttpMethod::kOptions) == 204);
  }
  CHECK(f.status("/live/other/index.m3u8") == 403);  // Nor whether there is such a channel.
  CHECK(f.status("/s/" + f.token("other") + "/live/other/index.m3u8") == 404);
  CHECK(f.status(prefix + "/live/shop/../shop/index.m3u8") == 404);
}

TEST_CASE("with signed playback MPEG-TS needs its token too", "[origin]") {
  Fixture f(signed_playback());
  const auto channel = f.begin("shop");
  const auto query = "?token=" + f.token("shop");
  for (const std::string object :
       {"/live/shop/ts.m3u8", "/live/shop/source/ts.m3u8", "/live/shop/source/ss-100.ts"}) {
    CAPTURE(object);
    CHECK(f.status(object) == 403);
    CHECK(f.status("/s/" + f.token("other") + object) == 403);
    CHECK(f.status("/s/" + f.token("shop") + object) == 404);  // It is not on.
    CHECK(f.status(object + query) == (object.ends_with(".m3u8") ? 302 : 404));
  }
}

TEST_CASE("a refusal says why, in a way that players and caches take for what it is", "[origin]") {
  Fixture f(signed_playback());
  const auto channel = f.begin("shop");
  const auto prefix = "/s/" + f.token("shop", 10s);
  f.clock.advance(13s);
  const auto late = f.ask(prefix + "/live/shop/source/index.m3u8");
  CHECK(late->answer->status == 403);
  CHECK(test::body_of(*late->answer) == "the token expired 3 s ago: ask for a new one\n");
  CHECK(test::header_of(*late->answer, "Access-Control-Allow-Origin") == "*");
  CHECK(test::header_of(*late->answer, "Cache-Control") == "no-store");
}

TEST_CASE("a playlist is the same text for all tokens, and rendered once", "[origin]") {
  Fixture f(signed_playback());
  const auto channel = f.begin("shop");
  const auto of = [&](const std::string& path) { return test::body_of(*f.ask(path)->answer); };
  for (const std::string playlist : {"/live/shop/index.m3u8", "/live/shop/source/index.m3u8"}) {
    const auto first = of("/s/" + f.token("shop", 10s) + playlist);
    CHECK(first == of("/s/" + f.token("shop", 20s) + playlist));
    CHECK(first.find("URI=\"/") == std::string::npos);
    CHECK(first.find("\n/") == std::string::npos);
  }
  CHECK(f.metrics
            .counter("millrace_hls_playlists_rendered_total",
                     "Playlists rendered as text, by form.", {{"form", "full"}})
            .value() == 1);
  const auto moved = f.ask("/live/shop/source/index.m3u8?_HLS_msn=100&token=" + f.token("shop"));
  CHECK(test::header_of(*moved->answer, "Location") ==
        "../../../s/" + f.token("shop") + "/live/shop/source/index.m3u8?_HLS_msn=100");
}

TEST_CASE("an open channel takes a token as none", "[origin]") {
  Fixture f(signed_playback());
  const auto channel = f.begin("free");
  for (const std::string path :
       {"/live/free/index.m3u8", "/live/free/index.m3u8?token=x", "/s/x/live/free/index.m3u8"})
    CHECK(f.status(path) == 200);
}

TEST_CASE("an ended show's playlists are kept as such, however they are asked for", "[origin]") {
  Fixture f;
  const auto channel = f.begin("shop");
  const auto kept = [&](const std::string& path) {
    return test::header_of(*f.ask(path)->answer, "Cache-Control");
  };
  CHECK(kept("/live/shop/source/index.m3u8?_HLS_msn=100&_HLS_part=0") == "public, max-age=12");
  channel->end();
  // The next show's numbers go on: what is asked for by a number of its must not be this end.
  for (const std::string path : {"/live/shop/index.m3u8", "/live/shop/source/index.m3u8",
                                 "/live/shop/source/index.m3u8?_HLS_msn=101"})
    CHECK(kept(path) == "public, max-age=1");
}

TEST_CASE("what earlier starts kept is served before anybody publishes", "[origin][dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Metrics metrics;
  const DvrOptions options{.folder = folder.path.string(), .window = 1h};
  test::DvrJobs jobs;
  jobs.start = clock.wall_now();
  {
    auto store = open_dvr(options, metrics, clock);
    REQUIRE(store.has_value());
    store.value()->append(jobs.job(7));
  }
  auto store = open_dvr(options, metrics, clock);
  REQUIRE(store.has_value());
  Fixture f({}, store.value());
  const auto kept = f.ask("/live/shop/source/s19a-7.m4s");
  store.value()->drain();
  f.loops.loop(0).poll();
  REQUIRE(kept->answer.has_value());
  CHECK(test::body_of(*kept->answer).starts_with("segment 7 "));
  CHECK(f.status("/live/shop/source/index.m3u8?dvr") == 404);
  const auto channel = f.begin("shop");
  const auto listed = f.ask("/live/shop/source/index.m3u8?dvr");
  CHECK(test::body_of(*listed->answer).find("s19a-7.m4s") != std::string::npos);
}

TEST_CASE("a channel of which nothing is left on disk is as one that never was", "[origin][dvr]") {
  test::TemporaryFolder folder;
  test::FakeClock clock;
  Metrics metrics;
  DvrOptions options{.folder = folder.path.string(), .window = 1h};
  test::DvrJobs jobs;
  jobs.start = clock.wall_now();
  {
    auto store = open_dvr(options, metrics, clock);
    REQUIRE(store.has_value());
    store.value()->append(jobs.job(7));
  }
  SECTION("since it is too old") {
    clock.advance(10h);
  }
  SECTION("since it is kept no longer") {
    options.channels["shop"] = 0s;
  }
  auto store = open_dvr(options, metrics, clock);
  REQUIRE(store.has_value());
  Fixture f({}, store.value());
  const auto asked = f.ask("/live/shop/index.m3u8");
  REQUIRE(asked->answers == 1);
  CHECK(asked->answer->status == 404);
  CHECK(test::body_of(*asked->answer).find("no such channel") != std::string::npos);
}

TEST_CASE("a token in the query and ?dvr both come along", "[origin][dvr]") {
  Fixture f(signed_playback());
  const auto channel = f.begin("shop");
  const auto answer = f.ask("/live/shop/index.m3u8?token=" + f.token("shop") + "&dvr");
  REQUIRE(answer->answer.has_value());
  CHECK(answer->answer->status == 302);
  CHECK(test::header_of(*answer->answer, "Location") ==
        "../../s/" + f.token("shop") + "/live/shop/index.m3u8?dvr");
}
