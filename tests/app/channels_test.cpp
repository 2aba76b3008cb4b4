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
  void interrupt() override {}
};

struct Fixture {
  static Config configured() {
    Config config;
    config.channels["shop"].keys = {"s3cret"};
    config.channels["shop"].srt.passphrase = "correct-horse";
    return config;
  }

  explicit Fixture(Config its_config = configured()) : config(std::move(its_config)) {}

  test::FakeClock clock;
  Metrics metrics;
  const Config config;
  NoOrigin origin;
  std::unique_ptr<StateStore> state = std::move(StateStore::open("", metrics)).value();
  net::EventLoopGroup loops{2};
  std::unique_ptr<transcode::Capacity> capacity = transcode::create_capacity({}, metrics);
  std::unique_ptr<transcode::Devices> devices =
      transcode::create_devices(transcode::DevicePolicy::kCpu, metrics, clock);
  ChannelContext context{config, clock, metrics, *state, origin, *capacity, *devices, {}, "", ""};
  std::unique_ptr<ingest::KeyAuthority> keys =
      ingest::create_key_authority(config.key_options(), nullptr, metrics, clock).value();
  Channels channels{context, loops, *keys};

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

TEST_CASE("a key's passphrase comes before the channel's", "[gate]") {
  struct Granting final : ingest::Authority {
    void authorize(const ingest::PublishRequest&,
                   std::function<void(Result<ingest::Grant>)> reply) override {
      reply(ingest::Grant{
          .channel = "shop", .ladder = {}, .limits = {}, .srt = {.passphrase = "of-the-key"}});
    }
  };
  Fixture f;
  Granting authority;
  Channels channels(f.context, f.loops, authority);
  std::string passphrase;
  channels.admit({.protocol = "srt", .key = "s3cret", .application = "live", .remote_address = ""},
                 [&passphrase](Result<ingest::Admission> reply) {
                   passphrase = reply.value().srt.passphrase;
                 });
  CHECK(passphrase == "of-the-key");
}

TEST_CASE("whom the authority lets in gets its channel", "[gate]") {
  Fixture f;
  const auto admitted = f.admit("s3cret");
  REQUIRE(admitted.has_value());
  CHECK(admitted.value().channel == "shop");
  CHECK(admitted.value().srt.passphrase == "correct-horse");
  const auto refused = f.admit("anything");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kDenied);
  CHECK(f.channels.all().size() == 1);
}

TEST_CASE("past the limit no channel is made", "[gate]") {
  Config config = Fixture::configured();
  config.auth.open = true;
  config.limits.channels = 2;
  Fixture f{config};
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
