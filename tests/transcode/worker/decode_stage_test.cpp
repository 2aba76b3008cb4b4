#include "transcode/worker/decode_stage.h"

#include "tests/transcode/clip.h"
#include "tests/transcode/worker/wire.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::transcode;
using namespace millrace::transcode::worker;

namespace {

using Frames = std::vector<Frame>;

constexpr MediaTime kLongAfter = 24h;

/// Two rungs whose queues are read in the place of their encoders.
struct Show {
  Configuration configuration{.profile = Profile::kRealtime,
                              .part_target = 200ms,
                              .rungs = {{"large", 80, 44, 300'000}, {"small", 40, 22, 100'000}},
                              .starts = {{}, {}},
                              .catch_up_until = kLongAfter};
  test::Wire wire;
  MessageWriter writer{wire.worker_end()};
  std::atomic<std::uint32_t> packets_taken = 0;
  Priority priority{std::chrono::steady_clock::now() + 1h};  // As if no time passed.
  ServerPlace server = ServerPlace::kSameMachine;
  std::vector<Frames> outputs{2};
  std::uint64_t dropped = 0;
  enum class Readers { kAlways, kAfterwards } readers = Readers::kAlways;

  Status run(const std::vector<EncodedPacket>& packets) {
    std::vector<std::unique_ptr<RungStage>> rungs;
    for (std::uint8_t i = 0; i < 2; ++i)
      rungs.push_back(
          std::make_unique<RungStage>(i, configuration, nullptr, writer, packets_taken, priority));
    PacketQueue queue;
    ServerClock clock(server);
    clock.heard(packets.front().received_at, std::chrono::steady_clock::now());
    DecodeStage stage(configuration, nullptr, queue, rungs, writer, packets_taken, clock, priority);
    std::thread feeder([&queue, &packets] {
      for (EncodedPacket packet : packets)
        while (queue.push(packet, 1h) == PacketQueue::State::kTimedOut) continue;
      queue.close();
    });
    const auto read = [this, &rungs](std::size_t rung) {
      while (auto frame = rungs[rung]->queue().pop()) outputs[rung].push_back(std::move(*frame));
    };
    std::vector<std::thread> reading;
    if (readers == Readers::kAlways)
      for (std::size_t i = 0; i < 2; ++i) reading.emplace_back(read, i);
    Status status = ok();
    // In a thread that is its own: it changes its priority.
    std::thread([&status, &stage] { status = stage.run(); }).join();
    queue.close();  // After an error the feeder is not kept waiting.
    feeder.join();
    for (auto& rung : rungs) rung->queue().close();
    for (auto& thread : reading) thread.join();
    for (std::size_t i = 0; i < 2; ++i) read(i);
    dropped = rungs[0]->statistics().frames_dropped;
    return status;
  }
  /// What was told last.
  Statistics last_statistics() {
    const auto all = test::bodies(wire.messages(), MessageType::kStatistics);
    REQUIRE_FALSE(all.empty());
    auto statistics = read_statistics(all.back());
    REQUIRE(statistics.has_value());
    return std::move(statistics).value();
  }
};

std::vector<EncodedPacket> small_clip(int frames, int b_frames = 0, int width = 160) {
  return test::make_clip(
      {.width = width, .height = 90, .frames = frames, .gop = 10, .b_frames = b_frames});
}

std::vector<MediaTime> times(const Frames& frames) {
  std::vector<MediaTime> all;
  for (const auto& frame : frames) all.push_back(frame.picture.pts);
  return all;
}

std::vector<MediaTime> sorted_times(const std::vector<EncodedPacket>& packets) {
  std::vector<MediaTime> all;
  for (const auto& packet : packets) all.push_back(packet.pts);
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

TEST_CASE("every rung gets every picture in its size, in order of presentation", "[decode_stage]") {
  auto clip = small_clip(24, 2);
  for (auto& packet : clip) packet.received_at += 1s;
  clip[0].starts_discontinuity = true;
  Show show;
  REQUIRE(show.run(clip).has_value());
  for (std::size_t rung = 0; rung < 2; ++rung) {
    CAPTURE(rung);
    const Frames& frames = show.outputs[rung];
    REQUIRE(times(frames) == sorted_times(clip));
    CHECK(frames[0].picture.starts_discontinuity);
    for (const Frame& frame : frames) {
      const auto packet = std::find_if(clip.begin(), clip.end(), [&frame](const auto& candidate) {
        return candidate.pts == frame.picture.pts;
      });
      CHECK(frame.planes->width == show.configuration.rungs[rung].width);
      CHECK(frame.planes->height == show.configuration.rungs[rung].height);
      CHECK(frame.picture.opens_segment == packet->opens_segment);
      CHECK(frame.picture.received_at == packet->received_at);
      CHECK(frame.source == clip[0].track);
    }
  }
}

TEST_CASE("the statistics count what was decoded, the last held pictures too", "[decode_stage]") {
  auto clip = small_clip(24, 2);
  MediaTime media{};
  for (const auto& packet : clip) media += packet.duration;
  Show show;
  REQUIRE(show.run(clip).has_value());
  CHECK(show.packets_taken == 24);
  const auto statistics = show.last_statistics();
  CHECK(statistics.packets_taken == 24);
  CHECK(statistics.frames_decoded == 24);
  CHECK(statistics.decode_errors == 0);
  CHECK(statistics.media == media);
  CHECK(statistics.decode_busy > 0ns);
  CHECK(statistics.rungs.size() == 2);
}

TEST_CASE("pictures come all the way before those of a new source", "[decode_stage]") {
  const auto first = small_clip(10, 2);
  auto second = test::make_clip({.width = 90,
                                 .height = 160,
                                 .frames = 10,
                                 .gop = 10,
                                 .start = first[0].pts + 1s,
                                 .first_segment = 200});
  auto clip = first;
  clip.insert(clip.end(), second.begin(), second.end());
  Show show;
  REQUIRE(show.run(clip).has_value());
  for (const Frames& frames : show.outputs) {
    REQUIRE(times(frames) == sorted_times(clip));
    for (std::size_t i = 0; i < frames.size(); ++i)
      CHECK(frames[i].source == (i < 10 ? first : second)[0].track);
  }
}

TEST_CASE("undecodable packets are counted over all sources", "[decode_stage]") {
  auto clip = small_clip(10);
  auto second = small_clip(10);
  clip.insert(clip.end(), second.begin(), second.end());
  for (const std::size_t i : {3u, 4u, 15u}) clip[i].payload = Bytes::copy_of("not a picture");
  Show show;
  REQUIRE(show.run(clip).has_value());
  const auto statistics = show.last_statistics();
  CHECK(statistics.packets_taken == 20);
  CHECK(statistics.decode_errors == 3);
  CHECK(statistics.frames_decoded == 17);
}

TEST_CASE("a late picture does not wait for its encoder, but at the start and to catch up",
          "[decode_stage]") {
  auto clip = small_clip(12);  // Received long ago, but for the first one: it has caught up.
  clip[0].received_at = std::chrono::steady_clock::now() + 1s;
  Show late;
  late.configuration.catch_up_until = MediaTime::min();
  late.readers = Show::Readers::kAfterwards;
  REQUIRE(late.run(clip).has_value());
  CHECK(late.outputs[0].size() == FrameQueue::kMaxFrames);
  CHECK(late.dropped == 12 - FrameQueue::kMaxFrames);
  CHECK_FALSE(late.priority.is_in_haste());

  clip[0].received_at = {};
  Show starting;
  starting.configuration.catch_up_until = MediaTime::min();
  REQUIRE(starting.run(clip).has_value());
  CHECK(starting.outputs[0].size() == 12);
  CHECK(starting.dropped == 0);
  CHECK(starting.priority.is_in_haste());

  Show catching_up;
  catching_up.configuration.catch_up_until = clip.back().pts;
  REQUIRE(catching_up.run(clip).has_value());
  CHECK(catching_up.outputs[0].size() == 12);
  CHECK(catching_up.dropped == 0);
  CHECK(catching_up.priority.is_in_haste());
}

TEST_CASE("a picture that came just now waits for its encoder, for a while", "[decode_stage]") {
  auto clip = small_clip(FrameQueue::kMaxFrames + 1);
  for (auto& packet : clip) packet.received_at = std::chrono::steady_clock::now();
  Show show;
  show.configuration.catch_up_until = MediaTime::min();
  show.readers = Show::Readers::kAfterwards;
  REQUIRE(show.run(clip).has_value());
  CHECK(std::chrono::steady_clock::now() - clip.back().received_at >= 300ms);
  CHECK(show.outputs[0].size() == FrameQueue::kMaxFrames);
  CHECK(show.dropped == 1);
}

TEST_CASE("a picture from another machine waits as long, whatever the clock says there",
          "[decode_stage]") {
  const auto apart = GENERATE(1000h, -1000h);
  auto clip = small_clip(FrameQueue::kMaxFrames + 1);
  const auto began = std::chrono::steady_clock::now();
  for (auto& packet : clip) packet.received_at = began + apart;
  Show show;
  show.server = ServerPlace::kOtherMachine;
  show.configuration.catch_up_until = MediaTime::min();
  show.readers = Show::Readers::kAfterwards;
  REQUIRE(show.run(clip).has_value());
  const auto took = std::chrono::steady_clock::now() - began;
  CHECK(took >= 300ms);
  CHECK(took < 10s);
  CHECK(show.dropped == 1);
}

TEST_CASE("a source that no decoder takes is an error", "[decode_stage]") {
  TrackInfo track;
  track.codec = Codec::kHevc;
  track.codec_configuration = Bytes::copy_of("\1 no configuration record, by far");
  auto clip = small_clip(24);
  for (std::size_t i = 12; i < clip.size(); ++i)
    clip[i].track = std::make_shared<const TrackInfo>(track);
  Show show;
  const Status status = show.run(clip);
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().code == ErrorCode::kInvalidData);
  CHECK(show.packets_taken == 12);
}

TEST_CASE("when the server is gone packets are taken and not decoded", "[decode_stage]") {
  Show show;
  show.wire.hang_up();
  REQUIRE_FALSE(show.writer.write(write_ready().span()));
  CHECK(show.run(small_clip(24)).has_value());
  CHECK(show.outputs[0].empty());
  CHECK(show.packets_taken == 0);
}
