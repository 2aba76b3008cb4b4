#include "app/config.h"

#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdio>
#include <fstream>

using namespace millrace::app;
using millrace::Codec;
using namespace std::chrono_literals;

namespace {

Config parsed(std::string_view yaml, const ConfigSources& sources = {}) {
  auto config = parse_config(yaml, sources);
  if (!config.has_value()) FAIL(config.error().message);
  return std::move(config).value();
}

/// A file of its own in the folder for temporary files, removed at the end.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view content) {
    const int descriptor = mkstemp(path_.data());
    REQUIRE(descriptor >= 0);
    close(descriptor);
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/millrace_config_XXXXXX";
};

}  // namespace

TEST_CASE("without a file it runs by its defaults", "[config]") {
  const Config config = parsed("");
  CHECK(config.http.server.listen == std::vector<std::string>{"0.0.0.0:8080"});
  CHECK(config.rtmp.listen == std::vector<std::string>{"0.0.0.0:1935"});
  CHECK(config.srt.listen == std::vector<std::string>{"0.0.0.0:9000"});
  CHECK(config.api.listen == std::vector<std::string>{"127.0.0.1:9464"});
  CHECK_FALSE(config.http.metrics);
  CHECK_FALSE(config.auth.open);
  CHECK(config.packager.part == 200ms);
  CHECK(config.packager.segment == 2s);
  CHECK(config.hls.origin.window == 14s);
  CHECK(config.limits.channels == 10'000);
  CHECK(config.ladder.at("default").size() == 4);
  CHECK(config.ladder.at("source-only").size() == 1);
  CHECK(config.channels.empty());
}

TEST_CASE("what sound becomes is said in words", "[config]") {
  CHECK(parsed("").transcode.audio_codec == Codec::kAac);
  CHECK(parsed("transcode: {audio_codec: opus}").transcode.audio_codec == Codec::kOpus);
  CHECK_FALSE(parse_config("transcode: {audio_codec: h264}", {}).has_value());
  CHECK_FALSE(parsed("").hls.origin.audio_only);
  CHECK(parsed("hls: {audio_only: true}").hls.origin.audio_only);
}

TEST_CASE("the example of the documentation is understood", "[config]") {
  const Config config = parsed(R"(
http:     { listen: ["0.0.0.0:8080"] }
rtmp:     { listen: ["0.0.0.0:1935"] }
packager: { part: 200ms, segment: 2s }
hls:      { window: 14s }
ladder:
  default:
    - { name: source, passthrough: true }
    - { name: 720p, height: 720, bitrate: 2800k }
channels:
  shop: { keys: ["s3cret"], ladder: default, grace: 1m }
  farm: { keys: ["other"], ladder: source-only }
)");
  REQUIRE(config.ladder_of("shop").size() == 2);
  CHECK(config.ladder_of("shop")[0].passthrough);
  CHECK(config.ladder_of("shop")[1].height == 720);
  CHECK(config.ladder_of("shop")[1].bits_per_second == 2'800'000);
  CHECK(config.ladder_of("farm").size() == 1);
  CHECK(config.ladder_of("unheard-of").size() == 2);
  CHECK(config.publisher_rules_of("shop").grace == 1min);
  CHECK(config.publisher_rules_of("farm").grace == 15s);
  CHECK(config.publisher_rules_of("unheard-of").grace == 15s);
  CHECK(config.channels.at("shop").keys == std::vector<std::string>{"s3cret"});
}

TEST_CASE("the demo opens what a first try needs unless told otherwise", "[config]") {
  ConfigSources demo;
  demo.is_demo = true;
  CHECK(parsed("", demo).auth.open);
  CHECK(parsed("", demo).http.metrics);
  CHECK_FALSE(parsed("http: {metrics: false}", demo).http.metrics);
}

TEST_CASE("no configured channel takes the demo's name", "[config]") {
  ConfigSources sources;
  CHECK(parse_config("channels: {demo: {keys: [k]}}", sources).has_value());
  sources.is_demo = true;
  const auto config = parse_config("channels: {demo: {keys: [k]}}", sources);
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().message ==
        "configuration:1: channels.demo: --demo makes a channel of this name: rename yours");
}

TEST_CASE("later sources win over earlier ones", "[config]") {
  ConfigSources sources;
  sources.is_open = true;
  sources.overrides = {"packager.part=300ms", "packager.part=400ms"};
  const Config config = parsed("auth: {open: false}\npackager: {part: 250ms}", sources);
  CHECK(config.auth.open);
  CHECK(config.packager.part == 400ms);
  sources.overrides = {"auth.open=false"};
  CHECK_FALSE(parsed("", sources).auth.open);
}

TEST_CASE("mistakes of the file, of overrides and between keys come together", "[config]") {
  ConfigSources sources;
  sources.file = "config.yaml";
  sources.overrides = {"packager.segment=1s", "log.level=loud"};
  const auto config = parse_config("rtmp: {lisen: []}\npackager:\n  part: 900ms\n", sources);
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().message ==
        "config.yaml:1: rtmp.lisen: unknown key; known here: handshake_timeout, idle_timeout, "
        "listen, listen_tls, max_connections, max_connections_per_address, max_message, "
        "publish_timeout\n"
        "--set: log.level: 'loud' is none of: debug, info, warning, error, off\n"
        "config.yaml:3: packager.part: three parts must fit into a segment: make packager.part "
        "shorter or packager.segment longer");
}

TEST_CASE("a configuration is read from its file", "[config]") {
  const TemporaryFile file("packager: {part: 500ms}\n");
  ConfigSources sources;
  sources.file = file.path();
  const auto config = load_config(sources);
  REQUIRE(config.has_value());
  CHECK(config.value().packager.part == 500ms);
}

TEST_CASE("a file that cannot be read is an error that names it", "[config]") {
  ConfigSources sources;
  sources.file = "/nonexistent/config.yaml";
  const auto config = load_config(sources);
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().message ==
        "/nonexistent/config.yaml: cannot be read (No such file or directory): check --config");
  sources.file = "/";
  CHECK_FALSE(load_config(sources).has_value());
}

TEST_CASE("channel names are short, lower-case and fit into a URL", "[config]") {
  for (const auto* name : {"a", "0", "shop", "shop-2_b"}) CHECK(is_channel_name(name));
  CHECK(is_channel_name(std::string(64, 'a')));
  CHECK_FALSE(is_channel_name(std::string(65, 'a')));
  for (const auto* name : {"", "-a", "_a", "Shop", "a/b", "a.b", "a b", "ä"})
    CHECK_FALSE(is_channel_name(name));
}

TEST_CASE("MPEG-TS is off unless it is asked for, of all channels or of one", "[config]") {
  CHECK_FALSE(parsed("").ts_options().is_on_for("shop"));
  const auto all = parsed(
                       "hls: {ts: true, ts_cache: 64MiB}\n"
                       "channels: {shop: {keys: [secret-key], ts: false}}\n")
                       .ts_options();
  CHECK_FALSE(all.is_on_for("shop"));
  CHECK(all.is_on_for("other"));
  CHECK(all.max_cache_bytes == 64 * 1024 * 1024);
  const auto one = parsed("channels: {shop: {keys: [secret-key], ts: true}}\n").ts_options();
  CHECK(one.is_on_for("shop"));
  CHECK_FALSE(one.is_on_for("other"));
}
