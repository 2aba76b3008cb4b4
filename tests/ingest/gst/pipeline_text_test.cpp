#include "ingest/gst/pipeline_text.h"
#include "ingest/gst/pipeline.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <future>
#include <mutex>
#include <string>

using namespace std::chrono_literals;
using namespace millrace::ingest;
using Property = PipelineText::Property;

namespace {

PipelineText text_of(std::string_view url) {
  const auto parsed = parse_source_url(url);
  REQUIRE(parsed.has_value());
  return pipeline_text(parsed.value());
}

bool has(const PipelineText& text, const Property& property) {
  return std::count(text.properties.begin(), text.properties.end(), property) == 1;
}

}  // namespace

TEST_CASE("nothing of a URL is part of a pipeline's description", "[pipeline_text]") {
  for (const auto* const url :
       {"rtsp://user:pass@evil/!fakesink", "http://u:p@evil/a!b.m3u8", "http://evil/!x",
        "file:///evil!x", "udp://1.2.3.4:5?interface=evil", "rtp://1.2.3.4:5?interface=evil"})
    CHECK(text_of(url).description.find("evil") == std::string::npos);
}

TEST_CASE("an RTSP source is read over TCP unless it says UDP", "[pipeline_text]") {
  const auto tcp = text_of("rtsp://me:pw@cam/x");
  CHECK(has(tcp, {"streams", "protocols", "tcp"}));
  CHECK(has(tcp, {"streams", "location", "rtsp://cam/x"}));
  CHECK(has(tcp, {"streams", "user-id", "me"}));
  CHECK(has(tcp, {"streams", "user-pw", "pw"}));
  CHECK(has(text_of("rtsp+udp://cam/x"), {"streams", "protocols", "udp"}));
}

TEST_CASE("datagrams keep their bounds, streams of bytes have none", "[pipeline_text]") {
  const auto udp = text_of("udp://239.1.1.1:5000?interface=eth1");
  CHECK(udp.has_datagrams);
  CHECK(has(udp, {"source", "address", "239.1.1.1"}));
  CHECK(has(udp, {"source", "port", "5000"}));
  CHECK(has(udp, {"source", "multicast-iface", "eth1"}));
  CHECK(text_of("rtp://0.0.0.0:5000").has_datagrams);
  CHECK_FALSE(text_of("http://h/x.ts").has_datagrams);
}

TEST_CASE("what has no pace of its own is paced", "[pipeline_text]") {
  CHECK(text_of("file:///x.mp4").is_paced);
  CHECK(text_of("http://h/x.m3u8").is_paced);
  CHECK_FALSE(text_of("rtsp://h/x").is_paced);
}

TEST_CASE("every source's pipeline can be made", "[pipeline_text]") {
  for (const auto* const url :
       {"rtsp://me:%22pw%5C@cam/x?latency=0", "udp://127.0.0.1:5000",
        "rtp://127.0.0.1:5000?latency=10", "http://h/x.ts", "https://u:p@h/x.m3u8", "file:///x.mp4",
        "test://", "test://?size=64x64&fps=1&bframes=4&audio=no", "test://?video=no"}) {
    const auto parsed = parse_source_url(url);
    REQUIRE(parsed.has_value());
    const auto made = Pipeline::create(pipeline_text(parsed.value()),
                                       {.on_packet = [](SourcePacket) {},
                                        .on_bytes = [](auto, auto) { return true; },
                                        .on_end = [](millrace::Error) {}});
    INFO(url << (made.has_value() ? "" : made.error().message));
    CHECK(made.has_value());
  }
}

TEST_CASE("the demo's test picture is 720p30 H.264 and stereo AAC", "[pipeline_text]") {
  std::mutex mutex;
  std::shared_ptr<const millrace::TrackInfo> video;
  std::shared_ptr<const millrace::TrackInfo> audio;
  std::promise<void> has_both;
  const auto on_packet = [&](const SourcePacket& packet) {
    const std::lock_guard lock(mutex);
    if (video && audio) return;
    (packet.track->kind == millrace::MediaKind::kVideo ? video : audio) = packet.track;
    if (video && audio) has_both.set_value();
  };
  auto demo = Pipeline::create(text_of("test://"),
                               {.on_packet = on_packet, .on_end = [](millrace::Error) {}});
  REQUIRE(demo.has_value());
  demo.value()->start();
  REQUIRE(has_both.get_future().wait_for(30s) == std::future_status::ready);
  std::move(demo).value().reset();

  const std::lock_guard lock(mutex);
  CHECK(video->video.width == 1280);
  CHECK(video->video.height == 720);
  CHECK(video->video.frame_rate == (millrace::Rational{30, 1}));
  CHECK(audio->audio.sample_rate == 48'000);
  CHECK(audio->audio.channels == 2);
}
