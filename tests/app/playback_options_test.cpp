#include "app/playback_options.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/support/jwt.h"

using namespace millrace;
using namespace millrace::app;

namespace {

/// A file of its own, gone with it.
struct KeyFile {
  std::string folder = (std::filesystem::temp_directory_path() / "keyXXXXXX").string();
  std::string path;

  explicit KeyFile(std::string_view content) {
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    path = folder + "/key.pem";
    std::ofstream(path) << content;
  }
  ~KeyFile() { std::filesystem::remove_all(folder); }
};

}  // namespace

TEST_CASE("a configuration that says nothing lets everybody play", "[playback]") {
  const auto options = load_playback_options(Config());
  REQUIRE(options.has_value());
  CHECK(options.value().rule.access == hls::PlaybackAccess::kOpen);
  CHECK(options.value().channels.empty());
}

TEST_CASE("a channel has its own access and keys, or those of all", "[playback]") {
  const KeyFile file(test::kEcKey);
  Config config;
  config.playback.access = hls::PlaybackAccess::kSigned;
  config.playback.keys.signing_keys = {"0123456789abcdef"};
  config.playback.audience = "play";
  config.channels["plain"] = {};
  config.channels["free"].playback.access = hls::PlaybackAccess::kOpen;
  config.channels["own"].playback.keys.public_keys = {file.path};
  const auto loaded = load_playback_options(config);
  REQUIRE(loaded.has_value());
  const auto& options = loaded.value();
  CHECK(options.audience == "play");
  CHECK(options.rule.signing_keys == config.playback.keys.signing_keys);
  CHECK_FALSE(options.channels.contains("plain"));
  CHECK(options.channels.at("free").access == hls::PlaybackAccess::kOpen);
  CHECK(options.channels.at("free").signing_keys == config.playback.keys.signing_keys);
  CHECK(options.channels.at("own").access == hls::PlaybackAccess::kSigned);
  CHECK(options.channels.at("own").signing_keys.empty());
  CHECK(options.channels.at("own").public_keys.size() == 1);
}

TEST_CASE("a key that cannot be had is said with its file", "[playback]") {
  const KeyFile file("no key");
  Config config;
  for (const auto& path : {file.path, file.folder, file.path + "x"}) {
    config.playback.keys.public_keys = {path};
    const auto options = load_playback_options(config);
    REQUIRE_FALSE(options.has_value());
    CHECK(options.error().message.find(path) != std::string::npos);
  }
}
