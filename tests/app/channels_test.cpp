#include "app/channels.h"

#include <catch2/catch.hpp>
#include <optional>

#include "tests/support/fake_clock.h"

using namespace millrace;
using namespace millrace::app;

namespace {

struct NoOrigin final : hls::Origin {
  std::shared_ptr<hls::Channel> add_channel(const std::string&, std::uint64_t) override {
    return nullptr;
  }
  void handle(std::shared_ptr<net::HttpExchange>) override {}
};

struct Fixture {
  static Config configured() {
    Config config;
    config.channels["shop"].keys = {"s3cret"};
    config.channels["shop"].srt_passphrase = "correct-horse";
    return config;
  }

  test::FakeClock clock;
  Metrics metrics;
  Config config = configured();
  NoOrigin origin;
  std::unique_ptr<StateStore> state = std::move(StateStore::open("", metrics)).value();
  net::EventLoopGroup loops{2};
  ChannelContext context{config, clock, metrics, *state, origin, ""};
  Channels channels{context, loops};

  Result<ingest::Admission> admit(const std::string& key) {
    std::optional<Result<ingest::Admission>> answer;
    channels.admit(
        {.protocol = "rtmp", .key = key, .application = "live", .remote_address = ""},
        [&answer](Result<ingest::Admission> reply) { answer.emplace(std::move(reply)); });
    REQUIRE(answer.has_value());
    return std::move(*answer);
  }
};

}  // namespace

TEST_CASE("a key opens its own channel and no other key does", "[gate]") {
  Fixture f;
  const auto admitted = f.admit("s3cret");
  REQUIRE(admitted.has_value());
  CHECK(admitted.value().channel == "shop");
  CHECK(admitted.value().srt_passphrase == "correct-horse");
  for (const char* const key : {"", "shop", "S3cret", "s3cret ", "anything"}) {
    const auto refused = f.admit(key);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == ErrorCode::kDenied);
    CHECK(refused.error().message.find("s3cret") == std::string::npos);
  }
}

TEST_CASE("in the open mode a name is a key, but not of a configured channel", "[gate]") {
  Fixture f;
  f.config.auth.open = true;
  CHECK(f.admit("mychannel").value().channel == "mychannel");
  CHECK_FALSE(f.admit("shop").has_value());
  CHECK_FALSE(f.admit("../etc").has_value());
}

TEST_CASE("past the limit no channel is made", "[gate]") {
  Fixture f;
  f.config.auth.open = true;
  f.config.limits.channels = 2;
  CHECK(f.admit("a").has_value());
  CHECK(f.admit("b").has_value());
  const auto refused = f.admit("c");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kLimitExceeded);
  CHECK(f.admit("a").has_value());
}

TEST_CASE("channels are spread over the loops, and each stays on its own", "[channels]") {
  Fixture f;
  Channel* const first = f.channels.find_or_create("a").value();
  Channel* const second = f.channels.find_or_create("b").value();
  CHECK(&first->loop() != &second->loop());
  CHECK(f.channels.find_or_create("a").value() == first);
  CHECK(f.channels.all().size() == 2);
}
