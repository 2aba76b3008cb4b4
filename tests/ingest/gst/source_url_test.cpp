#include "ingest/gst/source_url.h"

#include <catch2/catch.hpp>
#include <string>

using namespace millrace::ingest;

namespace {

SourceUrl parsed(std::string_view text) {
  auto url = parse_source_url(text);
  INFO(text);
  REQUIRE(url.has_value());
  return std::move(url).value();
}

std::string refusal(std::string_view text) {
  const auto url = parse_source_url(text);
  INFO(text);
  REQUIRE_FALSE(url.has_value());
  return url.error().message;
}

}  // namespace

TEST_CASE("every scheme of a pull source is known", "[source_url]") {
  CHECK(parsed("rtsp://cam.example/live").kind == SourceKind::kRtsp);
  CHECK(parsed("udp://127.0.0.1:5000").kind == SourceKind::kUdp);
  CHECK(parsed("udp://@239.1.2.3:5000").host == "239.1.2.3");
  CHECK(parsed("udp://:5000").host.empty());
  CHECK(parsed("rtp://[ff02::1]:5000").host == "ff02::1");
  CHECK(parsed("http://example.org/live.ts").kind == SourceKind::kHttp);
  CHECK(parsed("https://example.org/a/index.m3u8?token=1").kind == SourceKind::kHls);
  CHECK(parsed("hls+https://example.org/play").kind == SourceKind::kHls);
  CHECK(parsed("file:///srv/a%20film.mp4").location == "/srv/a film.mp4");
  CHECK(parsed("test://").kind == SourceKind::kTest);
  CHECK(parsed("srt://example.org:9000").port == 9000);
  CHECK(parsed("gst:videotestsrc ! x264enc ! appsink name=video").location ==
        "videotestsrc ! x264enc ! appsink name=video");
}

TEST_CASE("user and password are taken out of a source's location", "[source_url]") {
  const auto url = parsed("rtsp://vi%40ewer:p%3Aw@cam.example:8554/a/b?channel=1");
  CHECK(url.user == "vi@ewer");
  CHECK(url.password == "p:w");
  CHECK(url.location == "rtsp://cam.example:8554/a/b?channel=1");
}

TEST_CASE("only our own options are taken out of a foreign server's query", "[source_url]") {
  const auto url = parsed("rtsp://cam/x?channel=1&transport=udp&subtype=0&latency=50");
  CHECK(url.location == "rtsp://cam/x?channel=1&subtype=0");
  CHECK(url.options.at("transport") == "udp");
  CHECK(number_of(url, "latency", 200) == 50);
  CHECK(parsed("rtsp+udp://cam/x").options.at("transport") == "udp");
  CHECK(parsed("http://h/x?latency=1").location == "http://h/x?latency=1");
}

TEST_CASE("an SRT source's stream id may be encoded or not", "[source_url]") {
  for (const auto* const text : {"srt://h:9?streamid=#!::r=live/a,m=request&latency=300",
                                 "srt://h:9?streamid=%23!::r=live/a%2Cm=request&latency=300"}) {
    const auto url = parsed(text);
    CHECK(url.options.at("streamid") == "#!::r=live/a,m=request");
    CHECK(number_of(url, "latency", 120) == 300);
  }
}

TEST_CASE("what is shown of a source has no secret", "[source_url]") {
  CHECK(parsed("rtsp://me:secret@cam:554/user=me_password=secret").shown == "rtsp://cam:554");
  CHECK(parsed("https://cdn.example/secret/index.m3u8?token=secret").shown ==
        "https://cdn.example");
  CHECK(parsed("srt://[::1]:9?passphrase=secret-secret&streamid=secret").shown == "srt://[::1]:9");
  CHECK(parsed("gst:rtspsrc location=rtsp://me:secret@cam ! appsink name=video").shown == "gst:");
}

TEST_CASE("a foreign message is scrubbed of a source's secrets", "[source_url]") {
  const auto camera = parsed("rtsp://me:pw@cam/a/path?token=sesame");
  CHECK(scrubbed(camera, "cannot open rtsp://cam/a/path?token=sesame with pw") ==
        "cannot open *** with ***");
  CHECK(scrubbed(camera, "not found: a/path?token=sesame") == "not found: ***");
  const auto raw = parsed("gst:souphttpsrc user-pw=\"hunter2\" ! appsink name=bytes");
  CHECK(scrubbed(raw, "could not set property \"user-pw\" to \"hunter2\"") ==
        "could not set property \"user-pw\" to \"***\"");
}

TEST_CASE("a wrong source is refused with the remedy, and never quoted", "[source_url]") {
  CHECK(refusal("ftp://secret/x").find("rtsp://") != std::string::npos);
  CHECK(refusal("udp://127.0.0.1").find("HOST:PORT") != std::string::npos);
  CHECK(refusal("srt://h:9?passphrase=short").find("10 to 79") != std::string::npos);
  CHECK(refusal("srt://h:9?mode=listener").find("caller") != std::string::npos);
  CHECK(refusal("srt://h:9?secret=1").find("streamid") != std::string::npos);
  CHECK(refusal("test://?size=641x360").find("even") != std::string::npos);
  CHECK(refusal("test://?fps=1&fps=2").find("twice") != std::string::npos);
  for (const auto* const text :
       {"", "rtsp://", "rtsp://h:0/", "rtsp://h:65536/", "rtsp://a b/", "rtsp://h\n/",
        "rtsp://u%0a@h/", "rtsp://[::1/", "udp://h:1/path", "file://host/x", "file://",
        "gst:", "gst:  ", "test://?video=no&audio=no", "http://h\"/", "rtsp://s\xC3\xA4/"})
    CHECK(refusal(text).find("secret") == std::string::npos);
}
