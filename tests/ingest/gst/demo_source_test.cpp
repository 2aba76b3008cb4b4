#include "ingest/gst/pipeline.h"
#include "ingest/ingest.h"

#include <catch2/catch.hpp>
#include <future>
#include <mutex>

using namespace std::chrono_literals;
using millrace::ingest::Pipeline;
using millrace::ingest::SourcePacket;

TEST_CASE("the demo is 720p30 H.264 and stereo AAC", "[demo_source]") {
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
  auto demo = Pipeline::create(millrace::ingest::demo_source().pipeline,
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
