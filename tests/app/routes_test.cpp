#include "app/routes.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "tests/support/closed_authority.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_exchange.h"

using namespace millrace;
using namespace millrace::app;

namespace {

struct NoOrigin final : hls::Origin {
  int handled = 0;
  std::shared_ptr<hls::Channel> add_channel(const std::string&, std::uint64_t) override {
    return nullptr;
  }
  void handle(std::shared_ptr<net::HttpExchange>) override { ++handled; }
};

struct Fixture {
  test::FakeClock clock;
  Metrics metrics;
  Config config;
  NoOrigin origin;
  std::unique_ptr<StateStore> state = std::move(StateStore::open("", metrics)).value();
  net::EventLoopGroup loops{1};
  std::unique_ptr<transcode::Capacity> capacity = transcode::create_capacity({}, metrics);
  ChannelContext channel_context{config, clock, metrics, *state, origin, *capacity, {}, ""};
  test::ClosedAuthority authority;
  Channels channels{channel_context, loops, authority};
  std::atomic<bool> is_ready = true;
  RouteContext context{config, clock, metrics, origin, *capacity, channels, is_ready};

  std::optional<net::HttpResponse> ask(const net::HttpHandler& handler, const std::string& path,
                                       net::HttpMethod method = net::HttpMethod::kGet,
                                       const std::string& accept_encoding = "") {
    const auto exchange = test::exchange_for(loops.loop(0), path);
    exchange->asked.method = method;
    if (!accept_encoding.empty())
      exchange->asked.headers.emplace_back("accept-encoding", accept_encoding);
    handler(exchange);
    return exchange->answer;
  }
};

}  // namespace

TEST_CASE("readiness follows the server's, health does not", "[routes]") {
  Fixture f;
  for (const auto& handler : {public_routes(f.context), operator_routes(f.context)}) {
    f.is_ready = true;
    CHECK(f.ask(handler, "/readyz")->status == 200);
    f.is_ready = false;
    CHECK(f.ask(handler, "/readyz")->status == 503);
    CHECK(f.ask(handler, "/healthz")->status == 200);
  }
}

TEST_CASE("metrics are the operator's unless the configuration shows them to all", "[routes]") {
  Fixture f;
  f.metrics.counter("millrace_example_total", "An example.").increment();
  CHECK(f.ask(public_routes(f.context), "/metrics")->status == 404);
  const auto shown = f.ask(operator_routes(f.context), "/metrics");
  CHECK(shown->status == 200);
  CHECK(shown->body.at(0).text().find("millrace_example_total 1") != std::string_view::npos);
  f.config.http.metrics = true;
  CHECK(f.ask(public_routes(f.context), "/metrics")->status == 200);
}

TEST_CASE("the page is on the viewers' port, compressed for who can read it", "[routes]") {
  Fixture f;
  const auto plain = f.ask(public_routes(f.context), "/");
  REQUIRE(plain->status == 200);
  CHECK(plain->body.at(0).text().find("<html") != std::string_view::npos);
  CHECK(test::header_of(*plain, "Content-Encoding").empty());
  const auto compressed =
      f.ask(public_routes(f.context), "/", net::HttpMethod::kGet, "gzip, deflate");
  CHECK(test::header_of(*compressed, "Content-Encoding") == "gzip");
  CHECK(compressed->body.at(0).size() < plain->body.at(0).size());
  CHECK(f.ask(operator_routes(f.context), "/")->status == 404);
}

TEST_CASE("media paths are the origin's", "[routes]") {
  Fixture f;
  CHECK_FALSE(f.ask(public_routes(f.context), "/live/demo/index.m3u8").has_value());
  CHECK(f.origin.handled == 1);
}

TEST_CASE("channels are listed as JSON, those that were never on air left out", "[routes]") {
  Fixture f;
  REQUIRE(f.channels.find_or_create("quiet").has_value());
  const auto answer = f.ask(public_routes(f.context), "/api/v1/channels");
  REQUIRE(answer->status == 200);
  const auto json = nlohmann::json::parse(answer->body.at(0).text());
  CHECK(json.at("channels").empty());
  CHECK_FALSE(json.at("version").get<std::string>().empty());
}

TEST_CASE("other methods and other paths are refused", "[routes]") {
  Fixture f;
  const auto refused = f.ask(public_routes(f.context), "/", net::HttpMethod::kPost);
  CHECK(refused->status == 405);
  CHECK(test::header_of(*refused, "Allow") == "GET, HEAD");
  CHECK(f.ask(public_routes(f.context), "/nowhere")->status == 404);
}
