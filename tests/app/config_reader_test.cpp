#include "app/config_reader.h"

#include <catch2/catch.hpp>

using namespace millrace::app;

namespace {

std::string mistakes_in(std::string_view yaml) {
  Config config;
  Mistakes mistakes;
  mistakes.set_source("c", true);
  read_yaml(yaml, config, mistakes);
  return mistakes.error().message;
}

std::string mistakes_in_override(std::string_view assignment) {
  Config config;
  Mistakes mistakes;
  mistakes.set_source("--set", false);
  read_override(assignment, config, mistakes);
  return mistakes.error().message;
}

}  // namespace

TEST_CASE("an unknown key is named with its line and its neighbours", "[config]") {
  CHECK(mistakes_in("packager:\n  part: 200ms\n  parts: 300ms\n") ==
        "c:3: packager.parts: unknown key; known here: part, segment");
  CHECK(mistakes_in("htpp: {}\n") ==
        "c:1: htpp: unknown key; known here: api, auth, channels, events, hls, http, ladder, "
        "limits, log, "
        "packager, playback, pull, rtmp, srt, tls, transcode");
  CHECK(mistakes_in("channels:\n  shop: {key: [k]}\n") ==
        "c:2: channels.shop.key: unknown key; known here: dvr, encode, end_on_unpublish, grace, "
        "hold, "
        "keys, ladder, limits, playback, priority, slate, sources, srt_key_length, srt_passphrase, "
        "takeover, ts");
  CHECK(mistakes_in("ladder:\n  x:\n  - {name: a, with: 3}\n") ==
        "c:3: ladder.x[0].with: unknown key; known here: b_frames, bitrate, codec, codecs, "
        "encode, hdr, height, max_bitrate, max_frame_rate, max_gop, max_height, name, otherwise, "
        "passthrough");
}

TEST_CASE("limits are a mapping of their own, of all and of a channel", "[config]") {
  Config config;
  Mistakes mistakes;
  read_yaml(
      "limits: {publish: {bitrate: 8M, session: 12h}}\n"
      "channels: {shop: {limits: {bitrate: 20M, frame_rate: 60}}}\n",
      config, mistakes);
  read_override("limits.publish.height=1080", config, mistakes);
  CHECK(mistakes.empty());
  CHECK(config.limits.publish.bits_per_second == 8'000'000);
  CHECK(config.limits.publish.session == std::chrono::hours(12));
  CHECK(config.limits.publish.height == 1080);
  CHECK(config.channels["shop"].limits.bits_per_second == 20'000'000);
  CHECK(config.channels["shop"].limits.frame_rate == 60);
  CHECK(mistakes_in("limits:\n  publish:\n    bitrates: 8M") ==
        "c:3: limits.publish.bitrates: unknown key; known here: bitrate, frame_rate, height, "
        "session, width");
  CHECK(mistakes_in("channels: {shop: {limits: 8M}}") ==
        "c:1: channels.shop.limits: must be a mapping of keys to values");
}

TEST_CASE("sections of other versions are refused by name", "[config]") {
  CHECK(mistakes_in("\npush: {listen: []}") ==
        "c:2: push: this version has no such section: remove it");
}

TEST_CASE("a key that is there twice is refused at its second place", "[config]") {
  CHECK(mistakes_in("log: {level: info}\nlog: {level: debug}") ==
        "c:2: log: is there twice: remove one");
  CHECK(mistakes_in("log:\n  level: info\n  level: info") ==
        "c:3: log.level: is there twice: remove one");
  CHECK(mistakes_in("channels:\n  a: {keys: [k]}\n  a: {keys: [l]}") ==
        "c:3: channels.a: is there twice: remove one");
}

TEST_CASE("a value of the wrong shape is told what to write", "[config]") {
  CHECK(mistakes_in("http:\n  listen: 0.0.0.0:8080") ==
        "c:2: http.listen: must be a list: write a list such as [\"0.0.0.0:8080\"]");
  CHECK(mistakes_in("http:\n  listen: []") == "c:2: http.listen: has 0: write 1 to 16 entries");
  CHECK(mistakes_in("packager:\n  part: [200ms]") ==
        "c:2: packager.part: must be one value: write a whole number with ms, s, m or h, such as "
        "200ms");
  CHECK(mistakes_in("packager:\n  part:\n") ==
        "c:2: packager.part: has no value: write a whole number with ms, s, m or h, such as 200ms");
  CHECK(mistakes_in("packager: 5") == "c:1: packager: must be a mapping of keys to values");
  CHECK(mistakes_in("- packager") == "c:1: must be a mapping of keys to values");
  CHECK(mistakes_in("ladder: {x: {}}").starts_with("c:1: ladder.x: must be a list of 1 to 16"));
  CHECK(mistakes_in("ladder: {x: []}").starts_with("c:1: ladder.x: must be a list of 1 to 16"));
  CHECK(mistakes_in("ladder: {x: [720p]}") == "c:1: ladder.x[0]: must be a mapping");
  CHECK(mistakes_in("? [a]\n: 1") == "c:1: a key must be plain text");
}

TEST_CASE("every mistake is listed, in the order of the file", "[config]") {
  CHECK(mistakes_in("packager: {part: 20ms, segment: 20s}\nrtmp: {idle_timeout: soon}\nfoo: 1") ==
        "c:1: packager.part: 20ms is below the least, 100ms\n"
        "c:1: packager.segment: 20s is above the most, 10s\n"
        "c:2: rtmp.idle_timeout: 'soon' is not a duration: write a whole number with ms, s, m or "
        "h, such as 200ms\n"
        "c:3: foo: unknown key; known here: api, auth, channels, events, hls, http, ladder, "
        "limits, log, "
        "packager, playback, pull, rtmp, srt, tls, transcode");
}

TEST_CASE("sections may be empty, and so may the file", "[config]") {
  CHECK(mistakes_in("").empty());
  CHECK(mistakes_in("# nothing\n").empty());
  CHECK(mistakes_in("http:\n#  listen: []\nchannels:\nladder:\n").empty());
}

TEST_CASE("a structure that holds itself does not hang the reader", "[config]") {
  CHECK_FALSE(mistakes_in("channels: &c {shop: *c}").empty());
}

TEST_CASE("an override reaches every depth and merges mappings", "[config]") {
  Config config;
  Mistakes mistakes;
  read_override("packager.part=500ms", config, mistakes);
  read_override("http.listen=['127.0.0.1:0', '[::1]:0']", config, mistakes);
  read_override("channels.shop.keys=[a,b]", config, mistakes);
  read_override("channels.shop={grace: 5s}", config, mistakes);
  read_override("ladder.low=[{name: 240p, height: 240, bitrate: 300k}]", config, mistakes);
  read_override("hls={window: 20s}", config, mistakes);
  read_override("hls.state_file=", config, mistakes);
  CHECK(mistakes.error().message == ": hls.state_file: has no value: write a file's path");
  CHECK(config.packager.part == std::chrono::milliseconds(500));
  CHECK(config.http.server.listen == std::vector<std::string>{"127.0.0.1:0", "[::1]:0"});
  CHECK(config.channels["shop"].keys == std::vector<std::string>{"a", "b"});
  CHECK(config.channels["shop"].grace == std::chrono::seconds(5));
  CHECK(config.ladder["low"].at(0).bits_per_second == 300'000);
  CHECK(config.hls.origin.window == std::chrono::seconds(20));
}

TEST_CASE("a wrong override says which", "[config]") {
  CHECK(mistakes_in_override("packager.part") ==
        "--set: write KEY=VALUE, such as packager.part=500ms");
  CHECK(mistakes_in_override("=5").find("write KEY=VALUE") != std::string::npos);
  CHECK(mistakes_in_override("packager.part=5ms") ==
        "--set: packager.part: 5ms is below the least, 100ms");
  CHECK(mistakes_in_override("packager=5ms") ==
        "--set: packager: must be a mapping of keys to values");
  CHECK(mistakes_in_override("packager.part.x=5ms")
            .starts_with("--set: packager.part: must be one value"));
  CHECK(mistakes_in_override(".packager.part=5ms").find("write KEY=VALUE") != std::string::npos);
  CHECK(
      mistakes_in_override("packager..part=500ms").starts_with("--set: packager.'': unknown key"));
  CHECK(mistakes_in_override("channels.Shop.keys=[k]")
            .starts_with("--set: channels: 'Shop' is not a name"));
  const std::string broken = mistakes_in_override("channels.shop.keys=[s3cret");
  CHECK(broken.starts_with("--set: channels.shop.keys: is not valid YAML"));
  CHECK(broken.find("s3cret") == std::string::npos);
}
