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

TEST_CASE("a rewind window has a folder and a minute at least", "[config]") {
  CHECK(mistakes_in("hls: {dvr: {window: 2h, folder: /tmp/dvr}}").empty());
  CHECK(mistakes_in("hls: {dvr: {window: 0s}}").empty());
  CHECK(mistakes_in("hls:\n  dvr:\n    window: 2h\n")
            .starts_with("c:3: hls.dvr.window: needs hls.dvr.folder"));
  CHECK(mistakes_in("hls: {dvr: {window: 59s, folder: /tmp/dvr}}").find("least, 1m") !=
        std::string::npos);
  CHECK(mistakes_in("channels: {shop: {keys: [secret-key], dvr: 1h}}")
            .find("channels.shop.dvr: needs hls.dvr.folder") != std::string::npos);
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
  CHECK(mistakes_in("http: {listen_tls: [\"0.0.0.0:8080\"]}").empty());  // Nowhere without TLS.
  CHECK(mistakes_in("tls: {certificate: c, key: k}\nhttp: {listen_tls: [\"0.0.0.0:8080\"]}") ==
        "c:2: http.listen_tls: 0.0.0.0:8080 is there twice (also http.listen): change the port of "
        "one");
}

TEST_CASE("a PROXY port needs somebody who may come there", "[config]") {
  const std::string trusted = "  trusted_proxies: [\"192.0.2.7\", \"2001:db8::/32\"]\n";
  CHECK(mistakes_in("http:\n" + trusted + "  listen_proxy: [\"0.0.0.0:8081\"]").empty());
  CHECK(mistakes_in("http:\n  listen_proxy: [\"0.0.0.0:8081\"]") ==
        "c:2: http.listen_proxy: nobody may come there: add http.trusted_proxies, such as "
        "[\"192.0.2.7\"]");
  CHECK(mistakes_in("http:\n" + trusted + "  listen_proxy: [\"0.0.0.0:8080\"]") ==
        "c:3: http.listen_proxy: 0.0.0.0:8080 is there twice (also http.listen): change the port "
        "of one");
}

TEST_CASE("a PROXY port of TLS needs a certificate", "[config]") {
  const std::string http =
      "http:\n  trusted_proxies: [\"192.0.2.7\"]\n  listen_proxy_tls: [\"0.0.0.0:8081\"]\n";
  CHECK(mistakes_in(http + "tls: {certificate: c, key: k}").empty());
  CHECK(mistakes_in(http) ==
        "c:3: http.listen_proxy_tls: needs a certificate: add tls.certificate and tls.key, or "
        "write http.listen_proxy for what comes in clear text");
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
        "c:1: ladder.x[0].codec: a passthrough rung is not encoded without otherwise: encode: "
        "remove it");
  CHECK(mistakes_in("ladder: {x: [{name: a, passthrough: true, hdr: keep}]}") ==
        "c:1: ladder.x[0].hdr: a passthrough rung is not encoded without otherwise: encode: "
        "remove it");
  CHECK(mistakes_in("ladder: {x: [{name: a, height: 720, bitrate: 2M, hdr: keep}]}") ==
        "c:1: ladder.x[0].hdr: keep needs 10 bits, which players do not decode in H.264: add "
        "codec: hevc or av1");
  for (const std::string more :
       {"codec: hevc, hdr: keep", "codec: av1, hdr: keep", "hdr: tone-map"})
    CHECK(mistakes_in("ladder: {x: [{name: a, height: 720, bitrate: 2M, " + more + "}]}").empty());
  CHECK(mistakes_in("ladder:\n  x:\n  - {name: a, passthrough: true}\n  - {name: a, height: 480, "
                    "bitrate: 1M}") == "c:4: ladder.x[1].name: 'a' is there twice: rename one");
  CHECK(mistakes_in("ladder:\n  x: [{name: a, passthrough: true}, {name: b, passthrough: true}]") ==
        "c:2: ladder.x: has two passthrough rungs: keep one");
}

TEST_CASE("a passthrough rung has limits, and is encoded where it says so and can be", "[config]") {
  const std::string head = "ladder:\n  x: [{name: a, ";
  CHECK(mistakes_in(head + "passthrough: true, codecs: [h264, hevc], max_bitrate: 8M, max_gop: 4s, "
                           "max_height: 1080, max_frame_rate: 60, b_frames: false}]")
            .empty());
  CHECK(mistakes_in(head + "passthrough: true, codecs: [vp9]}]") ==
        "c:2: ladder.x[0].codecs: 'vp9' is none of: h264, hevc, av1");
  const std::string encode = head + "passthrough: true, otherwise: encode";
  CHECK(mistakes_in(encode + ", bitrate: 6M, codec: hevc}]").empty());
  CHECK(mistakes_in(encode + "}]").starts_with("c:2: ladder.x[0]: has no bitrate for what is"));
  CHECK(mistakes_in(encode + ", bitrate: 6M}]\ntranscode: {enabled: false}") ==
        "c:2: ladder.x[0].otherwise: is encode while transcode.enabled is false: write pass or "
        "refuse");
  CHECK(mistakes_in(head + "passthrough: true, otherwise: refuse, bitrate: 6M}]")
            .starts_with("c:2: ladder.x[0].bitrate: a passthrough rung is not encoded"));
  for (const auto* key : {"codecs: [h264]", "max_bitrate: 8M", "max_gop: 4s", "max_height: 1080",
                          "b_frames: false", "otherwise: refuse"})
    CHECK(mistakes_in(head + "height: 480, bitrate: 1M, " + key + "}]")
              .ends_with("is of a passthrough rung, and this one is encoded: remove it"));
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

TEST_CASE("signed playback has keys to check by", "[config]") {
  constexpr std::string_view kGood = "signing_keys: [0123456789abcdef]";
  CHECK(mistakes_in("playback: {access: signed, signing_keys: [0123456789abcdef]}").empty());
  CHECK(mistakes_in("playback: {access: signed}")
            .starts_with("c:1: playback.access: is signed, and there is no key"));
  const std::string shop = "channels:\n  shop: {keys: [k], playback: {access: signed";
  CHECK(mistakes_in(shop + "}}").starts_with("c:2: channels.shop.playback.access: is signed, and"));
  CHECK(mistakes_in(shop + ", " + std::string(kGood) + "}}").empty());
  CHECK(mistakes_in(shop + "}}\nplayback: {" + std::string(kGood) + "}").empty());
  CHECK(mistakes_in("channels: {a: {keys: [k], playback: {signing_keys: [short]}}}")
            .starts_with("c:1: channels.a.playback.signing_keys: number 1 is too short"));
  CHECK(mistakes_in("playback: {public_keys: [/none/key.pem]}") ==
        "c:1: playback.public_keys: '/none/key.pem': it cannot be read: name another");
  CHECK(mistakes_in("playback: {public_keys: [/etc/passwd]}") ==
        "c:1: playback.public_keys: '/etc/passwd': it has no public key in PEM (BEGIN PUBLIC KEY)");
}

TEST_CASE("there is room for the configured channels", "[config]") {
  CHECK(mistakes_in("limits: {channels: 1}\nchannels: {a: {keys: [k]}, b: {keys: [l]}}") ==
        "c:1: limits.channels: 1 is fewer than the 2 configured channels: raise it");
}

TEST_CASE("other machines are called with a certificate only", "[config]") {
  const std::string remote = "transcode: {remote: [\"encoder1:7400\"]";
  CHECK(mistakes_in(remote + "}") ==
        "c:1: transcode.remote: needs the files transcode.remote_certificate, remote_key and "
        "remote_ca");
  CHECK(mistakes_in(remote + ", remote_certificate: a, remote_key: b, remote_ca: c}").empty());
  CHECK(mistakes_in("transcode: {remote: [encoder1]}").find("is not HOST:PORT") !=
        std::string::npos);
}
