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
  void interrupt() override {}
};

struct Fixture {
  test::FakeClock clock;
  Metrics metrics;
  Config config;
  NoOrigin origin;
  std::unique_ptr<StateStore> state = std::move(StateStore::open("", metrics)).value();
  net::EventLoopGroup loops{1};
  std::unique_ptr<transcode::Capacity> capacity = transcode::create_capacity({}, metrics);
  std::unique_ptr<transcode::Devices> devices =
      transcode::create_devices(transcode::DevicePolicy::kCpu, metrics, clock);
  ChannelContext channel_context{config,    clock,    metrics, *state, origin,
                                 *capacity, *devices, {},      "",     ""};
  test::ClosedAuthority authority;
  Channels channels{channel_context, loops, authority};
  std::atomic<bool> is_ready = true;
  RouteContext context{config, clock, metrics, origin, *capacity, *devices, channels, is_ready};

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

TEST_CASE("what viewers play is the origin's, with a token in front or without", "[routes]") {
  Fixture f;
  const auto viewers = public_routes(f.context);
  f.ask(viewers, "/live/shop/index.m3u8");
  f.ask(viewers, "/s/TOKEN/live/shop/index.m3u8");
  CHECK(f.origin.handled == 2);
  CHECK(f.ask(viewers, "/s")->status == 404);
  CHECK(f.ask(operator_routes(f.context), "/s/TOKEN/live/shop/index.m3u8")->status == 404);
  CHECK(f.origin.handled == 2);
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
  const auto refused = f.ask(public_routes(f.context), "/", net::HttpMethod::kGet, "gzip;q=0");
  CHECK(test::header_of(*refused, "Content-Encoding").empty());
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

TEST_CASE("the list of channels is made once a second for all viewers who ask", "[routes]") {
  Fixture f;
  const auto viewers = public_routes(f.context);
  const auto first = f.ask(viewers, "/api/v1/channels");
  const auto again = f.ask(viewers, "/api/v1/channels");
  CHECK(again->body.at(0).data() == first->body.at(0).data());
  const auto operators = operator_routes(f.context);
  const auto his = f.ask(operators, "/api/v1/channels");
  const auto his_next = f.ask(operators, "/api/v1/channels");
  CHECK(his->body.at(0).data() != his_next->body.at(0).data());
  f.clock.advance(std::chrono::seconds(1));
  const auto later = f.ask(viewers, "/api/v1/channels");
  CHECK(later->body.at(0).text() != first->body.at(0).text());  // It has the time.
}

TEST_CASE("other methods and other paths are refused", "[routes]") {
  Fixture f;
  const auto refused = f.ask(public_routes(f.context), "/", net::HttpMethod::kPost);
  CHECK(refused->status == 405);
  CHECK(test::header_of(*refused, "Allow") == "GET, HEAD");
  CHECK(f.ask(public_routes(f.context), "/nowhere")->status == 404);
}

namespace {

/// Asks the operator's port for a rung's word; the answer comes over the channel's loop.
struct RungFixture : Fixture {
  RungFixture() {
    config.api_token = "let-me";
    config.ladder["default"] = {{.name = "source", .passthrough = true},
                                {.name = "360p", .height = 360, .bits_per_second = 500'000}};
    REQUIRE(channels.find_or_create("shop").has_value());
  }
  std::pair<int, nlohmann::json> ask_rung(net::HttpMethod method, const std::string& target,
                                          const std::string& token = "let-me") {
    const auto exchange = test::exchange_for(loops.loop(0), "/api/v1/channels/" + target);
    exchange->asked.method = method;
    if (!token.empty()) exchange->asked.headers.emplace_back("authorization", "Bearer " + token);
    operator_routes(context)(exchange);
    loops.loop(0).poll();
    REQUIRE(exchange->answers == 1);
    return {exchange->answer->status, nlohmann::json::parse(exchange->answer->body.at(0).text())};
  }
};

}  // namespace

TEST_CASE("the operator says when a rung is encoded, and takes it back", "[routes]") {
  RungFixture f;
  const auto is = [&](const std::string& encode, const std::string& by) {
    const auto [status, json] = f.ask_rung(net::HttpMethod::kGet, "shop/rungs/360p", "");
    return status == 200 && json.at("encode") == encode && json.at("by") == by;
  };
  CHECK(is("on-demand", "configuration"));
  const auto [status, json] = f.ask_rung(net::HttpMethod::kPut, "shop/rungs/360p?encode=always");
  CHECK(status == 200);
  CHECK(json ==
        nlohmann::json{{"channel", "shop"}, {"rung", "360p"}, {"encode", "always"}, {"by", "api"}});
  CHECK(is("always", "api"));
  CHECK(f.ask_rung(net::HttpMethod::kDelete, "shop/rungs/360p").first == 200);
  CHECK(is("on-demand", "configuration"));
}

TEST_CASE("what cannot be said of a rung is answered with the reason", "[routes]") {
  RungFixture f;
  using net::HttpMethod;
  CHECK(f.ask_rung(HttpMethod::kPut, "shop/rungs/360p?encode=always", "").first == 401);
  CHECK(f.ask_rung(HttpMethod::kPut, "shop/rungs/360p?encode=always", "wrong").first == 401);
  CHECK(f.ask_rung(HttpMethod::kPut, "shop/rungs/360p?encode=often").first == 400);
  CHECK(f.ask_rung(HttpMethod::kPut, "shop/rungs/360p").first == 400);
  CHECK(f.ask_rung(HttpMethod::kPut, "shop/rungs/720p?encode=off").first == 404);
  CHECK(f.ask_rung(HttpMethod::kPut, "shop/rungs/source?encode=off").first == 404);
  CHECK(f.ask_rung(HttpMethod::kGet, "nowhere/rungs/360p").first == 404);
  CHECK(f.ask_rung(HttpMethod::kPost, "shop/rungs/360p").first == 405);
  f.config.api_token.clear();
  const auto [status, json] = f.ask_rung(HttpMethod::kDelete, "shop/rungs/360p", "");
  CHECK(status == 403);
  CHECK(json.at("error").get<std::string>().starts_with("api.token is not set"));
}

TEST_CASE("a name that is no UTF-8 is answered like any other", "[routes]") {
  RungFixture f;
  const auto [status, json] = f.ask_rung(net::HttpMethod::kGet, "shop/rungs/\xff", "");
  CHECK(status == 404);
  CHECK(json.at("error") == "shop has no rung \uFFFD");
}

TEST_CASE("the viewers' port says nothing of when rungs are encoded", "[routes]") {
  RungFixture f;
  CHECK(f.ask(public_routes(f.context), "/api/v1/channels/shop/rungs/360p")->status == 404);
}
