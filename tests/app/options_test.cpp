#include "app/options.h"

#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>

#include "app/config_reference.h"
#include "app/version.h"

using namespace millrace::app;

namespace {

Command parsed(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "millrace");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

ConfigSources served(std::vector<const char*> arguments) {
  const Command command = parsed(std::move(arguments));
  const auto* serve = std::get_if<Serve>(&command);
  if (serve == nullptr) FAIL(std::get<Exit>(command).text);
  return serve->sources;
}

Exit refused(std::vector<const char*> arguments) {
  const Command command = parsed(std::move(arguments));
  REQUIRE(std::holds_alternative<Exit>(command));
  return std::get<Exit>(command);
}

}  // namespace

TEST_CASE("without arguments it serves by the defaults", "[options]") {
  const auto sources = served({});
  CHECK_FALSE(sources.file.has_value());
  CHECK(sources.overrides.empty());
  CHECK_FALSE(sources.is_open);
  CHECK_FALSE(sources.is_demo);
}

TEST_CASE("options stand before or behind the command", "[options]") {
  for (const auto& sources :
       {served({"serve", "--config", "c.yaml", "--open", "--demo", "--set", "a.b=1"}),
        served({"--config=c.yaml", "--open", "--demo", "--set=a.b=1", "serve"}),
        served({"--config", "c.yaml", "--open", "--demo", "--set", "a.b=1"})}) {
    CHECK(sources.file == "c.yaml");
    CHECK(sources.is_open);
    CHECK(sources.is_demo);
    CHECK(sources.overrides == std::vector<std::string>{"a.b=1"});
  }
}

TEST_CASE("--set is repeatable and hands its text on untouched", "[options]") {
  CHECK(served({"--set", "http.listen=[\"127.0.0.1:0\"]", "--set", "channels.a={keys: [x,y]}"})
            .overrides ==
        std::vector<std::string>{"http.listen=[\"127.0.0.1:0\"]", "channels.a={keys: [x,y]}"});
}

TEST_CASE("check-config is a command with the same options", "[options]") {
  const Command command = parsed({"check-config", "--config", "c.yaml", "--set", "a.b=1"});
  REQUIRE(std::holds_alternative<CheckConfig>(command));
  CHECK(std::get<CheckConfig>(command).sources.file == "c.yaml");
  CHECK(std::get<CheckConfig>(command).sources.overrides.size() == 1);
  CHECK_FALSE(std::get<CheckConfig>(command).print_reference);
}

TEST_CASE("mistakes on the command line exit with 2", "[options]") {
  for (const auto& exit : {refused({"--nonsense"}), refused({"nonsense"}), refused({"--config"}),
                           refused({"--config", "a", "--config", "b"}), refused({"--set"}),
                           refused({"serve", "check-config"}), refused({"serve", "--print-docs"}),
                           refused({"--set", "a=1", "b=2"})}) {
    CHECK(exit.exit_code == kExitMistake);
    CHECK(exit.text.find("millrace --help") != std::string::npos);
  }
}

TEST_CASE("a misplaced assignment's value is not printed", "[options]") {
  const auto exit = refused({"channels.shop.keys=[s3cret]"});
  CHECK(exit.text.find("channels.shop.keys=") != std::string::npos);
  CHECK(exit.text.find("s3cret") == std::string::npos);
}

TEST_CASE("help and version exit with 0", "[options]") {
  CHECK(refused({"--version"}).exit_code == kExitOk);
  CHECK(refused({"--version"}).text == "millrace " + std::string(kVersion) + "\n");
  for (const auto& help : {refused({"--help"}), refused({"serve", "--help"})}) {
    CHECK(help.exit_code == kExitOk);
    for (const auto* word : {"serve", "check-config", "--config", "--set", "--open", "--demo"})
      CHECK(help.text.find(word) != std::string::npos);
  }
}

TEST_CASE("the version is the project's", "[options]") {
  std::ifstream file(MILLRACE_ROOT "/CMakeLists.txt");
  const std::string project{std::istreambuf_iterator<char>(file), {}};
  CHECK(project.find("project(millrace VERSION " + std::string(kVersion) + " ") !=
        std::string::npos);
}

TEST_CASE("check-config lists every mistake and exits with 2", "[options]") {
  CheckConfig command;
  CHECK(check_config(command).exit_code == kExitOk);
  CHECK(check_config(command).text == "built-in configuration: no mistakes, 0 channels\n");
  command.sources.overrides = {"packager.part=1ms", "foo=1"};
  const Exit wrong = check_config(command);
  CHECK(wrong.exit_code == kExitMistake);
  CHECK(wrong.text.starts_with("--set: packager.part: 1ms is below the least, 100ms\n"));
  CHECK(wrong.text.ends_with("\n"));
  command.print_reference = true;
  CHECK(check_config(command).text == configuration_reference());
}

TEST_CASE("sign wants a channel and takes limits in the configuration's units", "[options]") {
  const Command command =
      parsed({"sign", "--channel", "shop", "--expires-in", "90m", "--bitrate", "6M", "--height",
              "1080", "--frame-rate", "30", "--session", "2h", "--set", "a.b=1"});
  REQUIRE(std::holds_alternative<SignKey>(command));
  const auto& sign = std::get<SignKey>(command);
  CHECK(sign.channel == "shop");
  CHECK(sign.expires_in == std::chrono::minutes(90));
  CHECK(sign.limits == millrace::ingest::PublishLimits{.bits_per_second = 6'000'000,
                                                       .width = 0,
                                                       .height = 1080,
                                                       .frame_rate = 30,
                                                       .session = std::chrono::hours(2)});
  CHECK(sign.sources.overrides.size() == 1);
  CHECK(std::get<SignKey>(parsed({"sign", "--channel", "a"})).expires_in == std::chrono::hours(24));
  for (const auto& exit : {refused({"sign"}), refused({"sign", "--channel", "Shop"}),
                           refused({"sign", "--channel", "a", "--expires-in", "24"}),
                           refused({"sign", "--channel", "a", "--expires-in", "0s"}),
                           refused({"sign", "--channel", "a", "--bitrate", "6"}),
                           refused({"sign", "--channel", "a", "--width", "wide"})})
    CHECK(exit.exit_code == kExitMistake);
}

TEST_CASE("sign prints a key by the first secret", "[options]") {
  SignKey command{.sources = {}, .channel = "shop", .expires_in = std::chrono::hours(1)};
  const auto now = std::chrono::seconds(1'800'000'000);
  CHECK(sign_key(command, now).exit_code == kExitMistake);
  command.sources.overrides = {"auth.signing_keys=[0123456789abcdef, fedcba9876543210]"};
  const Exit exit = sign_key(command, now);
  CHECK(exit.exit_code == kExitOk);
  CHECK(exit.text ==
        millrace::ingest::sign_key("shop", now + std::chrono::hours(1), {}, "0123456789abcdef") +
            "\n");
}

TEST_CASE("hash-key prints what the configuration takes", "[options]") {
  CHECK(std::get<HashKey>(parsed({"hash-key", "--salt"})).is_salted);
  CHECK_FALSE(std::get<HashKey>(parsed({"hash-key"})).is_salted);
  const Exit plain = hash_key({}, "s3cret\r\n");
  CHECK(plain.text == millrace::ingest::hash_key("s3cret", "") + "\n");
  const Exit salted = hash_key({.is_salted = true}, "s3cret");
  CHECK(salted.text.starts_with("sha256:"));
  CHECK(salted.text != hash_key({.is_salted = true}, "s3cret").text);
  CHECK(hash_key({}, "").exit_code == kExitMistake);
  CHECK(hash_key({}, "two words").exit_code == kExitMistake);
  CHECK(hash_key({}, "two words").text.find("two") == std::string::npos);
}

TEST_CASE("check-cdn wants a playlist's URL", "[options]") {
  const Command command = parsed({"check-cdn", "https://edge/live/a/index.m3u8", "--origin",
                                  "http://origin/live/a/index.m3u8", "--ca", "ca.pem", "--json"});
  REQUIRE(std::holds_alternative<CheckCdn>(command));
  const auto& check = std::get<CheckCdn>(command);
  CHECK(check.target.url == "https://edge/live/a/index.m3u8");
  CHECK(check.target.origin == "http://origin/live/a/index.m3u8");
  CHECK(check.target.ca_file == "ca.pem");
  CHECK(check.is_json);
  for (const auto& exit :
       {refused({"check-cdn"}), refused({"check-cdn", "edge/a"}), refused({"check-cdn", ""}),
        refused({"check-cdn", "https://edge/a", "--origin", "origin"})})
    CHECK(exit.exit_code == kExitMistake);
}

TEST_CASE("check-cdn fails where nobody answers", "[options]") {
  const Exit text =
      check_cdn({.target = {.url = "http://127.0.0.1:1/a", .origin = {}, .ca_file = {}}});
  CHECK(text.exit_code == kExitFailure);
  CHECK(text.text.starts_with("FAIL  playlist"));
  CHECK(text.text.ends_with("0 ok, 0 notes, 1 failed\n"));
}

TEST_CASE("sign-playback prints a URL by the channel's first secret", "[options]") {
  const auto now = std::chrono::seconds(1'800'000'000);
  const auto command = parsed({"sign-playback", "--channel", "shop", "--expires-in", "1h",
                               "--server", "https://play.example.com/"});
  auto sign = std::get<SignPlayback>(command);
  CHECK(sign_playback(sign, now).exit_code == kExitMistake);
  sign.sources.overrides = {"playback.signing_keys=[0123456789abcdef, fedcba9876543210]"};
  const auto token_by = [&](std::string_view key) {
    return millrace::hls::sign_playback("shop", now + std::chrono::hours(1), key);
  };
  CHECK(sign_playback(sign, now).text ==
        "https://play.example.com/s/" + token_by("0123456789abcdef") + "/live/shop/index.m3u8\n");
  sign.server.clear();
  sign.is_in_query = true;
  CHECK(sign_playback(sign, now).text ==
        "/live/shop/index.m3u8?token=" + token_by("0123456789abcdef") + "\n");
  sign.sources.overrides.emplace_back(
      "channels.shop.playback.signing_keys=[the-shop-s-own-secret]");
  sign.sources.overrides.emplace_back("channels.shop.keys=[k]");
  CHECK(sign_playback(sign, now).text ==
        "/live/shop/index.m3u8?token=" + token_by("the-shop-s-own-secret") + "\n");
}

TEST_CASE("sign-playback wants a channel and a time", "[options]") {
  CHECK(std::get<SignPlayback>(parsed({"sign-playback", "--channel", "a"})).expires_in ==
        std::chrono::hours(24));
  CHECK(std::get<SignPlayback>(parsed({"sign-playback", "--channel", "a", "--query"})).is_in_query);
  for (const auto& exit : {refused({"sign-playback"}), refused({"sign-playback", "--channel", "A"}),
                           refused({"sign-playback", "--channel", "a", "--expires-in", "0s"})})
    CHECK(exit.exit_code == kExitMistake);
}
