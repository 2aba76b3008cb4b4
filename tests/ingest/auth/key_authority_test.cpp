// create_key_authority() of ingest/ingest.h.
#include "base/log.h"
#include "ingest/auth/attempts.h"
#include "ingest/ingest.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/support/fake_clock.h"

using namespace millrace;
using namespace millrace::ingest;
using namespace std::chrono_literals;

namespace {

/// The webhook's place: answers when the test does.
struct HeldAuthority final : Authority {
  void authorize(const PublishRequest& request,
                 std::function<void(Result<Grant>)> answer) override {
    asked.push_back(request.key);
    reply = std::move(answer);
  }
  std::vector<std::string> asked;
  std::function<void(Result<Grant>)> reply;
};

struct Fixture {
  explicit Fixture(KeyOptions options = configured(), Authority* next = nullptr) {
    log::set_level(log::Level::kOff);
    auto made = create_key_authority(std::move(options), next, metrics, clock);
    REQUIRE(made.has_value());
    keys = std::move(made).value();
  }

  static KeyOptions configured() {
    KeyOptions options;
    options.channels["shop"].keys = {"s3cret"};
    return options;
  }

  using Answer = std::shared_ptr<std::optional<Result<Grant>>>;
  Answer ask(const std::string& key, bool cannot_wait = false,
             const std::string& address = "192.0.2.7:1") {
    auto answer = std::make_shared<std::optional<Result<Grant>>>();
    keys->authorize({.protocol = "rtmp",
                     .key = key,
                     .application = "live",
                     .remote_address = address,
                     .cannot_wait = cannot_wait},
                    [answer](Result<Grant> reply) {
                      REQUIRE_FALSE(answer->has_value());
                      answer->emplace(std::move(reply));
                    });
    return answer;
  }
  std::string channel_of(const std::string& key) {
    const auto answer = ask(key);
    REQUIRE(answer->has_value());
    return (*answer)->has_value() ? (*answer)->value().channel : "refused";
  }
  /// Past what is free, with different keys.
  void guess(int count) {
    for (int i = 0; i < count; ++i) ask("guess " + std::to_string(i), true);
  }
  double denied(const std::string& why) {
    return metrics
        .counter("millrace_auth_denied_total", "Publishers that were not let in, by the reason.",
                 {{"why", why}})
        .value();
  }

  test::FakeClock clock;
  Metrics metrics;
  std::unique_ptr<KeyAuthority> keys;
};

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-auth-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file() const { return (path / "keys").string(); }
  std::filesystem::path path;
};

}  // namespace

TEST_CASE("a static key opens its channel, and what is denied is counted without the key",
          "[auth]") {
  Fixture f;
  CHECK(f.channel_of("s3cret") == "shop");
  CHECK(f.channel_of("shop?key=s3cret") == "shop");
  const auto answer = f.ask("not-it");
  REQUIRE_FALSE((*answer)->has_value());
  CHECK((*answer)->error().code == ErrorCode::kDenied);
  CHECK((*answer)->error().message == "no channel has this key");
  CHECK(f.denied("unknown_key") == 1);
  CHECK(f.channel_of("shop") == "refused");
  CHECK(f.channel_of("") == "refused");
  CHECK(f.denied("malformed") == 1);
}

TEST_CASE("a signed key is judged by its signature alone", "[auth]") {
  auto options = Fixture::configured();
  options.open = true;
  options.signing_keys = {"0123456789abcdef"};
  HeldAuthority next;
  Fixture f(options, &next);
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(f.clock.wall_now());
  const std::string key = sign_key("shop", now + 60s, {.width = 640}, "0123456789abcdef");
  CHECK((*f.ask(key))->value().limits.width == 640);
  CHECK(f.channel_of(key + "0") == "refused");
  CHECK(f.denied("bad_signature") == 1);
  CHECK(f.channel_of("mychannel?expires=1&sig=00") == "refused");  // Though any name is open.
  f.clock.advance(61s);
  const auto late = f.ask(key);
  CHECK((*late)->error().message == "it expired 1 s ago");
  CHECK(f.denied("expired") == 1);
  CHECK(next.asked.empty());
}

TEST_CASE("without a secret of ours a signature is for the next to judge", "[auth]") {
  HeldAuthority next;
  Fixture f(Fixture::configured(), &next);
  const auto answer = f.ask("shop?expires=1&sig=00");
  CHECK(next.asked == std::vector<std::string>{"shop?expires=1&sig=00"});
  CHECK_FALSE(answer->has_value());
  next.reply(Grant{.channel = "farm", .ladder = "hd", .limits = {}});
  CHECK((*answer)->value() == Grant{.channel = "farm", .ladder = "hd", .limits = {}});
}

TEST_CASE("in the open mode a name is a key, but not of a channel that has its own", "[auth]") {
  const Folder folder;
  std::ofstream(folder.file()) << "0ther farm\n";
  auto options = Fixture::configured();
  options.open = true;
  options.channels["bare"] = {};
  options.key_file = folder.file();
  Fixture f(options);
  CHECK(f.channel_of("mychannel") == "mychannel");
  CHECK(f.channel_of("s3cret") == "shop");
  for (const auto* key : {"shop", "farm", "bare", "shop?key=x", "../etc", "My"})
    CHECK(f.channel_of(key) == "refused");
}

TEST_CASE("the next is asked last, and its refusals are counted", "[auth]") {
  HeldAuthority next;
  Fixture f(Fixture::configured(), &next);
  CHECK(f.channel_of("s3cret") == "shop");
  CHECK(next.asked.empty());
  const auto refused = f.ask("else");
  next.reply(Error{ErrorCode::kDenied, "the shop is closed"});
  CHECK((*refused)->error().message == "the shop is closed");
  CHECK(f.denied("webhook") == 1);
  const auto failed = f.ask("else");
  next.reply(Error{ErrorCode::kTimedOut, "it does not answer"});
  CHECK((*failed)->error().code == ErrorCode::kTimedOut);
  CHECK(f.denied("webhook") == 1);
}

TEST_CASE("an answer of the next may come when the keys have gone", "[auth]") {
  HeldAuthority next;
  Fixture f(Fixture::configured(), &next);
  const auto answer = f.ask("else");
  f.keys.reset();
  next.reply(Grant{.channel = "farm", .ladder = {}, .limits = {}});
  CHECK((*answer)->value().channel == "farm");
}

TEST_CASE("a grant has the stricter of the key's limits and the channel's", "[auth]") {
  HeldAuthority next;
  auto options = Fixture::configured();
  options.signing_keys = {"0123456789abcdef"};
  options.limits = {.bits_per_second = 8'000'000, .height = 1080};
  options.channels["shop"].limits = {.bits_per_second = 20'000'000, .session = 1h};
  Fixture f(options, &next);
  CHECK((*f.ask("s3cret"))->value().limits ==
        PublishLimits{.bits_per_second = 20'000'000, .height = 1080, .session = 1h});
  const auto later = f.clock.wall_now() + 1min;
  const std::string key =
      sign_key("farm", std::chrono::duration_cast<std::chrono::seconds>(later),
               {.bits_per_second = 5'000'000, .height = 2160}, "0123456789abcdef");
  CHECK((*f.ask(key))->value().limits ==
        PublishLimits{.bits_per_second = 5'000'000, .height = 1080});
  const auto hooked = f.ask("else");
  next.reply(Grant{.channel = "farm", .ladder = {}, .limits = {.session = 5s}});
  CHECK((*hooked)->value().limits ==
        PublishLimits{.bits_per_second = 8'000'000, .height = 1080, .session = 5s});
}

TEST_CASE("a key file that changes is taken without a restart", "[auth]") {
  const Folder folder;
  std::ofstream(folder.file()) << "first farm\n";
  auto options = Fixture::configured();
  options.key_file = folder.file();
  Fixture f(options);
  CHECK(f.channel_of("first") == "farm");
  std::ofstream(folder.file()) << "second farm shop\n";
  f.keys->maintain();
  CHECK(f.channel_of("first") == "refused");
  CHECK(f.channel_of("farm?key=second") == "farm");
  CHECK(f.channel_of("shop?key=second") == "shop");
  CHECK(f.channel_of("s3cret") == "shop");
  SECTION("a wrong one is not: the keys before it stay") {
    std::ofstream(folder.file()) << "third farm\nwithout-a-channel\n";
    f.keys->maintain();
    CHECK(f.channel_of("third") == "refused");
    CHECK(f.channel_of("shop?key=second") == "shop");
    CHECK(f.metrics
              .counter("millrace_auth_key_file_errors_total",
                       "Times that a changed key file could not be taken.")
              .value() == 1);
  }
}

TEST_CASE("a key file that cannot be read at the start is an error", "[auth]") {
  const test::FakeClock clock;
  Metrics metrics;
  KeyOptions options;
  options.key_file = "/nonexistent/keys";
  const auto made = create_key_authority(options, nullptr, metrics, clock);
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().message.starts_with("auth.key_file: /nonexistent/keys cannot be read"));
}

TEST_CASE("an address that guesses gets each answer later, right keys too", "[auth]") {
  Fixture f;
  f.guess(Attempts::kFree + 1);
  const auto right = f.ask("s3cret");
  const auto wrong = f.ask("wrong");
  CHECK_FALSE(right->has_value());
  f.keys->maintain();
  CHECK_FALSE(right->has_value());
  f.clock.advance(Attempts::kFirstDelay);
  f.keys->maintain();
  REQUIRE(right->has_value());
  CHECK((*right)->value().channel == "shop");
  CHECK((*wrong)->error().code == ErrorCode::kDenied);
  CHECK((*f.ask("s3cret"))->has_value());  // It got in lately.
  CHECK((*f.ask("s3cret", false, "192.0.2.8:1"))->has_value());
}

TEST_CASE("signed keys are never slowed, and a wrong signature is no guess", "[auth]") {
  auto options = Fixture::configured();
  options.signing_keys = {"0123456789abcdef"};
  Fixture f(options);
  const auto later = std::chrono::duration_cast<std::chrono::seconds>(f.clock.wall_now()) + 60s;
  const std::string key = sign_key("farm", later, {}, "0123456789abcdef");
  for (int i = 0; i < 20; ++i) f.ask(key + std::to_string(i));
  CHECK(f.channel_of("s3cret") == "shop");
  f.guess(Attempts::kFree + 1);
  CHECK_FALSE(f.ask("new here")->has_value());
  CHECK(f.channel_of(key) == "farm");
  CHECK((*f.ask(key, true))->has_value());
  CHECK(f.channel_of("shop?key=s3cret&sig=00") == "refused");  // A static key is not smuggled in.
  f.keys->stop();
}

TEST_CASE("where an answer cannot wait it is refused at once, unseen", "[auth]") {
  Fixture f;
  f.guess(Attempts::kFree + 1);
  CHECK((*f.ask("s3cret", true))->has_value());  // The one that is looked at in this while.
  const auto unseen = f.ask("wrong", true);
  (*f.ask("wrong too", true));
  const auto refused = f.ask("other", true);
  REQUIRE(refused->has_value());
  CHECK((*refused)->error().code == ErrorCode::kLimitExceeded);
  CHECK(f.denied("slowed") >= 1);
  CHECK((*f.ask("s3cret", true))->has_value());
}

TEST_CASE("delayed answers are bounded for each address", "[auth]") {
  Fixture f;
  f.guess(Attempts::kFree + 1);
  std::vector<Fixture::Answer> answers;
  for (int i = 0; i < 21; ++i) answers.push_back(f.ask("s3cret"));
  for (int i = 0; i < 20; ++i) CHECK_FALSE(answers[static_cast<std::size_t>(i)]->has_value());
  REQUIRE(answers[20]->has_value());
  CHECK((*answers[20])->error().code == ErrorCode::kLimitExceeded);
}

TEST_CASE("a stop refuses what is delayed", "[auth]") {
  Fixture f;
  f.guess(Attempts::kFree + 1);
  const auto delayed = f.ask("s3cret");
  CHECK_FALSE(delayed->has_value());
  f.keys->stop();
  REQUIRE(delayed->has_value());
  CHECK((*delayed)->error().code == ErrorCode::kClosed);
  CHECK((*f.ask("wrong"))->error().code == ErrorCode::kLimitExceeded);
}
