#include "hls/origin.h"

#include <catch2/catch.hpp>

#include "tests/support/chunk_source.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_exchange.h"

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  test::FakeClock clock;
  Metrics metrics;
  net::EventLoopGroup loops{1};
  std::unique_ptr<Origin> origin = create_origin({.start_id = "s"}, loops, metrics, clock);

  int status(const std::string& path, net::HttpMethod method = net::HttpMethod::kGet) {
    const auto exchange = test::exchange_for(loops.loop(0), path);
    exchange->asked.method = method;
    origin->handle(exchange);
    REQUIRE(exchange->answers == 1);
    return exchange->answer->status;
  }
};

}  // namespace

TEST_CASE("a request reaches its channel, and no other path has anything", "[origin]") {
  Fixture f;
  CHECK(f.status("/live/shop/index.m3u8") == 404);
  const auto channel = f.origin->add_channel("shop", 0);
  auto& source = channel->add_rendition({.name = "source"});
  channel->renditions_complete();
  channel->promise_target_duration(2s);
  test::ChunkSource chunks;
  channel->open_segment(100, chunks.at, false);
  REQUIRE(source.push(chunks.next()).has_value());
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
  const auto channel = f.origin->add_channel("shop", 0);
  auto& source = channel->add_rendition({.name = "source"});
  channel->renditions_complete();
  channel->promise_target_duration(2s);
  test::ChunkSource chunks;
  channel->open_segment(100, chunks.at, false);
  REQUIRE(source.push(chunks.next()).has_value());
  const auto held = test::exchange_for(f.loops.loop(0), "/live/shop/source/ps-1.m4s");
  f.origin->handle(held);
  CHECK(held->answers == 0);
  f.clock.advance(7s);
  f.loops.loop(0).poll();  // The first tick was posted with the origin's making.
  CHECK(held->answers == 1);
  CHECK(held->answer->status == 503);
}
