#include "app/config_checks.h"

#include <catch2/catch.hpp>

#include "app/config_reader.h"

using namespace millrace::app;

namespace {

std::string mistakes_in(std::string_view yaml) {
  Config config;
  Mistakes mistakes;
  mistakes.set_source("c", true);
  read_yaml(yaml, config, mistakes);
  check_config(config, mistakes);
  return mistakes.error().message;
}

}  // namespace

TEST_CASE("what is built in has no mistake", "[config]") {
  CHECK(mistakes_in("").empty());
}

TEST_CASE("three parts fit into a segment", "[config]") {
  CHECK(mistakes_in("packager: {part: 500ms, segment: 2s}").empty());
  CHECK(mistakes_in("packager:\n  part: 700ms\n")
            .starts_with("c:2: packager.part: three parts must fit into a segment"));
  CHECK(mistakes_in("packager: {part: 1s, segment: 3s}").empty());
}

TEST_CASE("no address is listened on twice", "[config]") {
  CHECK(mistakes_in("http:\n  listen: [\"0.0.0.0:1935\"]") ==
        "c:2: http.listen: 0.0.0.0:1935 is there twice (also http.listen): change the port of one");
  CHECK_FALSE(mistakes_in("http: {listen: [\"[::]:80\", \"[::]:80\"]}").empty());
  CHECK(mistakes_in("http: {listen: [\"127.0.0.1:0\", \"127.0.0.1:0\"]}").empty());
}

TEST_CASE("rungs are complete, named once and either passed through or encoded", "[config]") {
  CHECK(mistakes_in("ladder:\n  x:\n  - {height: 720, bitrate: 2M}") ==
        "c:3: ladder.x[0]: has no name: add one, such as name: 720p");
  CHECK(mistakes_in("ladder: {x: [{name: a, bitrate: 2M}]}").find("has no height") !=
        std::string::npos);
  CHECK(mistakes_in("ladder: {x: [{name: a, height: 720}]}").find("has no bitrate") !=
        std::string::npos);
  CHECK(mistakes_in("ladder:\n  x: [{name: a, height: 721, bitrate: 2M}]") ==
        "c:2: ladder.x[0].height: 721 is odd: make it even");
  CHECK(mistakes_in("ladder: {x: [{name: audio, passthrough: true}]}").find("is taken") !=
        std::string::npos);
  CHECK(mistakes_in("ladder: {x: [{name: a, passthrough: true, height: 720}]}") ==
        "c:1: ladder.x[0].height: a passthrough rung is not encoded: remove it");
  CHECK(mistakes_in("ladder: {x: [{name: a, passthrough: true, codec: av1}]}") ==
        "c:1: ladder.x[0].codec: a passthrough rung is not encoded: remove it");
  CHECK(mistakes_in("ladder: {x: [{name: a, passthrough: true, max_frame_rate: 30}]}") ==
        "c:1: ladder.x[0].max_frame_rate: a passthrough rung is not encoded: remove it");
  CHECK(mistakes_in("ladder:\n  x:\n  - {name: a, passthrough: true}\n  - {name: a, height: 480, "
                    "bitrate: 1M}") == "c:4: ladder.x[1].name: 'a' is there twice: rename one");
  CHECK(mistakes_in("ladder:\n  x: [{name: a, passthrough: true}, {name: b, passthrough: true}]") ==
        "c:2: ladder.x: has two passthrough rungs: keep one");
}

TEST_CASE("a wrong value is not reported as a missing one too", "[config]") {
  CHECK(mistakes_in("ladder: {x: [{name: a, height: tall, bitrate: 2M}]}") ==
        "c:1: ladder.x[0].height: 'tall' is not a number: write a whole number without a unit");
  CHECK(mistakes_in("ladder: {x: [720p]}") == "c:1: ladder.x[0]: must be a mapping");
  CHECK(mistakes_in("channels: {a: {keys: k}}") ==
        "c:1: channels.a.keys: must be a list: write a list such as [\"KEY\"]");
}

TEST_CASE("a ladder that is wrong as a whole leaves its channels alone", "[config]") {
  CHECK(mistakes_in("ladder: {x: 720p}\nchannels: {a: {keys: [k], ladder: x}}").find("\n") ==
        std::string::npos);
}

TEST_CASE("without a transcoder every ladder needs its passthrough rung", "[config]") {
  const std::string ladder = "ladder:\n  x: [{name: a, height: 480, bitrate: 1M}]\n";
  CHECK(mistakes_in(ladder).empty());
  CHECK(mistakes_in(ladder + "transcode: {enabled: false}")
            .starts_with("c:2: ladder.x: has no passthrough rung"));
}

TEST_CASE("a channel needs a ladder that exists and a key", "[config]") {
  CHECK(mistakes_in("channels:\n  a: {keys: [k], ladder: hd}") ==
        "c:2: channels.a.ladder: there is no ladder.hd: add it, or write default");
  CHECK(mistakes_in("channels: {a: {keys: [k], ladder: source-only}}").empty());
  CHECK(mistakes_in("channels:\n  a:") ==
        "c:2: channels.a: has no key, so that nobody could publish: add keys: [\"KEY\"]");
  CHECK(mistakes_in("auth: {open: true}\nchannels:\n  a:").empty());
}

TEST_CASE("a key may be in several channels, once in each, and is never printed", "[config]") {
  CHECK(mistakes_in("channels: {a: {keys: [s3cret]}, b: {keys: [other, s3cret]}}").empty());
  CHECK(mistakes_in("channels:\n  a:\n    keys: [s3cret, other, s3cret]") ==
        "c:3: channels.a.keys: key number 3 is there twice: remove one");
}

TEST_CASE("a key that no encoder could send is a mistake", "[config]") {
  CHECK(mistakes_in("channels:\n  a: {keys: [good, \"s3?cret\"]}") ==
        "c:2: channels.a.keys: key number 2: a key has no '?': what comes behind one are "
        "parameters");
  CHECK(mistakes_in("channels: {a: {keys: [\"sha256:5a17\"]}}").find("a hashed key is") !=
        std::string::npos);
  CHECK(mistakes_in("channels: {a: {keys: [\"sha256:" + std::string(64, 'a') + "\"]}}").empty());
}

TEST_CASE("with a key file or signed keys a channel needs no key of its own", "[config]") {
  CHECK(mistakes_in("auth: {key_file: /etc/keys}\nchannels: {a: }").empty());
  CHECK(mistakes_in("auth: {signing_keys: [0123456789abcdef]}\nchannels: {a: }").empty());
  CHECK(mistakes_in("auth: {signing_keys: []}\nchannels: {a: }").find("has no key") !=
        std::string::npos);
}

TEST_CASE("secrets that sign are long enough, and never printed", "[config]") {
  const auto mistakes = mistakes_in("auth:\n  signing_keys: [0123456789abcdef, short]");
  CHECK(mistakes.starts_with("c:2: auth.signing_keys: number 2 is too short"));
  CHECK(mistakes.find("'short'") == std::string::npos);
}

TEST_CASE("there is room for the configured channels", "[config]") {
  CHECK(mistakes_in("limits: {channels: 1}\nchannels: {a: {keys: [k]}, b: {keys: [l]}}") ==
        "c:1: limits.channels: 1 is fewer than the 2 configured channels: raise it");
}
