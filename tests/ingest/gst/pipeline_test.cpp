#include "ingest/gst/pipeline.h"

#include <catch2/catch.hpp>
#include <future>
#include <mutex>
#include <vector>

using namespace std::chrono_literals;
using millrace::Error;
using millrace::ErrorCode;
using millrace::ingest::Pipeline;
using millrace::ingest::SourcePacket;

namespace {

constexpr auto kTenFrames =
    "videotestsrc num-buffers=10 ! video/x-raw,width=320,height=180,framerate=25/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=5"
    " ! appsink name=video sync=false";

/// Records from GStreamer's threads; to be read when they are gone, or by first_end().
struct Recorder {
  std::mutex mutex;
  std::vector<SourcePacket> packets;
  std::vector<Error> ends;
  std::promise<void> ended;

  Pipeline::Events events() {
    return {.on_packet =
                [this](SourcePacket packet) {
                  const std::lock_guard lock(mutex);
                  packets.push_back(std::move(packet));
                },
            .on_end =
                [this](Error error) {
                  const std::lock_guard lock(mutex);
                  ends.push_back(std::move(error));
                  if (ends.size() == 1) ended.set_value();
                }};
  }
  bool wait() { return ended.get_future().wait_for(30s) == std::future_status::ready; }
  ErrorCode first_end() {
    const std::lock_guard lock(mutex);
    return ends.at(0).code;
  }
};

}  // namespace

TEST_CASE("a pipeline delivers its packets in order, then its end", "[pipeline]") {
  Recorder recorder;
  auto pipeline = Pipeline::create({.description = kTenFrames}, recorder.events());
  REQUIRE(pipeline.has_value());
  CHECK(pipeline.value()->has_video());
  CHECK_FALSE(pipeline.value()->has_audio());
  pipeline.value()->start();
  REQUIRE(recorder.wait());
  std::move(pipeline).value().reset();

  const std::lock_guard lock(recorder.mutex);
  REQUIRE(recorder.packets.size() == 10);
  CHECK(recorder.ends.at(0).code == ErrorCode::kClosed);
  const auto first = recorder.packets[0].dts;
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK(recorder.packets[i].dts - first == 40ms * i);
    CHECK(recorder.packets[i].pts == recorder.packets[i].dts);
    CHECK(recorder.packets[i].is_key_frame == (i % 5 == 0));
    CHECK(recorder.packets[i].track == recorder.packets[0].track);
  }
  CHECK(recorder.packets[0].track->video.width == 320);
}

TEST_CASE("an element's error is the pipeline's end", "[pipeline]") {
  Recorder recorder;
  auto pipeline =
      Pipeline::create({.description = "filesrc location=/nonexistent/file ! appsink name=video"},
                       recorder.events());
  REQUIRE(pipeline.has_value());
  pipeline.value()->start();
  REQUIRE(recorder.wait());
  CHECK(recorder.first_end() == ErrorCode::kSystem);
}

TEST_CASE("caps that cannot be read are the pipeline's end", "[pipeline]") {
  Recorder recorder;
  // No media type at all, where the appsink asks for H.264.
  auto pipeline = Pipeline::create(
      {.description = "fakesrc num-buffers=1 sizetype=fixed filltype=zero ! appsink name=video"},
      recorder.events());
  REQUIRE(pipeline.has_value());
  pipeline.value()->start();
  REQUIRE(recorder.wait());
  CHECK(recorder.first_end() != ErrorCode::kClosed);
  std::move(pipeline).value().reset();
  const std::lock_guard lock(recorder.mutex);
  CHECK(recorder.packets.empty());
}

TEST_CASE("a wrong description is refused before anything runs", "[pipeline]") {
  const auto refused = [](const char* description) {
    Recorder recorder;
    return Pipeline::create({.description = description}, recorder.events()).error();
  };
  CHECK(refused("no-such-element ! appsink name=video").code == ErrorCode::kInvalidData);
  CHECK(refused("videotestsrc ! fakesink").code == ErrorCode::kInvalidData);
  CHECK(refused("videotestsrc").code == ErrorCode::kInvalidData);
  CHECK(refused("").code == ErrorCode::kInvalidData);
}

TEST_CASE("a pipeline can be destroyed while it starts, runs or stops", "[pipeline]") {
  Recorder recorder;
  const auto endless =
      "videotestsrc is-live=true ! video/x-raw,width=320,height=180,framerate=100/1"
      " ! x264enc tune=zerolatency speed-preset=ultrafast ! appsink name=video sync=false";
  for (int i = 0; i < 5; ++i) {
    auto pipeline = Pipeline::create({.description = endless}, recorder.events());
    REQUIRE(pipeline.has_value());
    CHECK(pipeline.value()->is_stopped());
    pipeline.value()->start();
    CHECK_FALSE(pipeline.value()->is_stopped());
    if (i % 2 == 0) pipeline.value()->stop();
  }
  const std::lock_guard lock(recorder.mutex);
  CHECK(recorder.ends.empty());
}
