#include "transcode/worker/rung_stage.h"

#include <sys/resource.h>

#include "tests/transcode/picture.h"
#include "tests/transcode/worker/wire.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::transcode;
using namespace millrace::transcode::worker;

namespace {

constexpr std::uint8_t kSmall = 1;
const std::shared_ptr<const TrackInfo> kThirty = test::picture_track(80, 44, {30, 1});

Frame frame(int number, bool opens_segment = false,
            const std::shared_ptr<const TrackInfo>& track = kThirty) {
  Frame made = test::make_frame(track, number);
  if (opens_segment) made.picture.opens_segment = static_cast<SegmentNumber>(number);
  return made;
}

/// Pictures 0 to `count` - 1, of which the first opens a segment.
std::vector<Frame> frames(int count) {
  std::vector<Frame> made;
  for (int i = 0; i < count; ++i) made.push_back(frame(i, i == 0));
  return made;
}

/// The smaller of two rungs, and what the server hears of it.
struct Show {
  Configuration configuration{.profile = Profile::kRealtime,
                              .part_target = 200ms,
                              .rungs = {{"large", 160, 90, 300'000}, {"small", 80, 44, 100'000}},
                              .starts = {{}, {}}};
  test::Wire wire;
  MessageWriter writer{wire.worker_end()};
  std::atomic<std::uint32_t> packets_taken = 0;
  Priority priority{std::chrono::steady_clock::now() + 1h};  // As if no time passed.
  int niceness = 0;                                          ///< Of the thread at its end.
  RungStatistics statistics;

  Status run(std::vector<Frame> pictures) {
    RungStage stage(kSmall, configuration, nullptr, writer, packets_taken, priority);
    std::thread feeder([&stage, &pictures] {
      for (Frame& picture : pictures)
        stage.queue().push(std::move(picture), std::chrono::steady_clock::time_point::max());
      stage.queue().close();
    });
    Status status = ok();
    // In a thread that is its own: it changes its priority.
    std::thread([this, &status, &stage] {
      status = stage.run();
      niceness = ::getpriority(PRIO_PROCESS, 0);
    }).join();
    stage.queue().close();  // After an error the feeder is not kept waiting.
    feeder.join();
    statistics = stage.statistics();
    return status;
  }
  /// The numbers of the pictures that came out.
  std::vector<int> run_for_numbers(std::vector<Frame> pictures) {
    REQUIRE(run(std::move(pictures)).has_value());
    std::vector<int> numbers;
    for (const auto& message : test::packets_of(wire.messages(), kSmall))
      numbers.push_back(static_cast<int>((message.packet.pts - 1h + 16ms) * 3 / 100ms));
    std::sort(numbers.begin(), numbers.end());
    return numbers;
  }
};

}  // namespace

TEST_CASE("a rung tells its track, then a packet for each picture, the held ones too",
          "[rung_stage]") {
  Show show;
  show.configuration.profile = Profile::kBalanced;
  show.packets_taken = 42;
  auto pictures = frames(9);
  for (std::size_t i = 0; i < pictures.size(); ++i)
    pictures[i].picture.received_at += std::chrono::seconds(i + 1);
  pictures[4].picture.opens_segment = 1234;
  pictures[4].picture.starts_discontinuity = true;
  pictures[6].picture.follows_gap = true;
  std::vector<Picture> expected;
  for (const auto& each : pictures) expected.push_back(each.picture);
  REQUIRE(show.run(std::move(pictures)).has_value());

  const auto messages = show.wire.messages();
  REQUIRE(messages.size() == 10);
  REQUIRE(messages[0].type == MessageType::kTrack);
  const auto track = read_track(messages[0].body);
  REQUIRE(track.has_value());
  CHECK(track.value().rung == kSmall);
  CHECK(track.value().track.video.width == 80);
  auto packets = test::packets_of(messages, kSmall);
  REQUIRE(packets.size() == 9);
  std::sort(packets.begin(), packets.end(),
            [](const auto& a, const auto& b) { return a.packet.pts < b.packet.pts; });
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const EncodedPacket& packet = packets[i].packet;
    CHECK(packets[i].packets_taken == 42);
    CHECK(packet.pts == expected[i].pts);
    CHECK(packet.received_at == expected[i].received_at);
    CHECK(packet.opens_segment == expected[i].opens_segment);
    CHECK(packet.is_key_frame == (packet.opens_segment || packet.follows_gap));
    CHECK(packet.starts_discontinuity == expected[i].starts_discontinuity);
    CHECK(packet.follows_gap == expected[i].follows_gap);
  }
  CHECK(show.statistics.frames_encoded == 9);
  CHECK(show.statistics.frames_dropped == 0);
  CHECK(show.statistics.queue_length == 0);
  CHECK(show.statistics.busy > 0ns);
}

TEST_CASE("a rung has the server's priority until the worker has caught up", "[rung_stage]") {
  const int ours = ::getpriority(PRIO_PROCESS, 0);
  Show catching_up, live;
  REQUIRE(catching_up.run(frames(2)).has_value());
  CHECK(catching_up.niceness == ours);
  live.priority.end_haste();
  REQUIRE(live.run(frames(2)).has_value());
  CHECK(live.niceness == std::max(ours, Priority::kNiceness));
}

TEST_CASE("a rung begins with a picture that opens a segment", "[rung_stage]") {
  Show show;
  auto pictures = frames(6);
  pictures[0].picture.opens_segment.reset();
  pictures[3].picture.opens_segment = 100;
  CHECK(show.run_for_numbers(std::move(pictures)) == std::vector{3, 4, 5});
}

TEST_CASE("in another worker's place a rung goes on behind what was delivered", "[rung_stage]") {
  const MediaTime delivered = frame(2).picture.pts;
  Show at_once;
  at_once.configuration.starts[kSmall] = {.after = delivered, .at_opener = false};
  CHECK(at_once.run_for_numbers(frames(6)) == std::vector{3, 4, 5});

  Show at_segment;
  at_segment.configuration.starts[kSmall] = {.after = delivered, .at_opener = true};
  auto pictures = frames(6);
  pictures[4].picture.opens_segment = 100;
  CHECK(at_segment.run_for_numbers(std::move(pictures)) == std::vector{4, 5});
}

TEST_CASE("a picture that is not later than the one before is left out", "[rung_stage]") {
  Show show;
  auto pictures = frames(4);
  pictures.insert(pictures.begin() + 3, frame(2));
  pictures.insert(pictures.begin() + 4, frame(1));
  CHECK(show.run_for_numbers(std::move(pictures)) == std::vector{0, 1, 2, 3});
}

TEST_CASE("a new source that needs no other encoder goes on in the same", "[rung_stage]") {
  TrackInfo other = *kThirty;
  other.codec = Codec::kHevc;
  other.video.width = 1920;
  const auto track = std::make_shared<const TrackInfo>(other);
  Show show;
  auto pictures = frames(3);
  for (int i = 3; i < 6; ++i) {
    pictures.push_back(frame(i));
    pictures.back().source = track;
  }
  REQUIRE(show.run(std::move(pictures)).has_value());
  const auto messages = show.wire.messages();
  CHECK(test::bodies(messages, MessageType::kTrack).size() == 1);
  const auto packets = test::packets_of(messages, kSmall);
  REQUIRE(packets.size() == 6);
  CHECK_FALSE(packets[3].packet.is_key_frame);
}

TEST_CASE("a new source of another rate gets another encoder, without a step in time",
          "[rung_stage]") {
  const bool is_faster = GENERATE(false, true);
  const auto sixty = test::picture_track(80, 44, {60, 1});
  Show show;
  show.configuration.profile = Profile::kBalanced;
  std::vector<Frame> pictures;
  for (int i = 0; i < 8; ++i) pictures.push_back(frame(i, i == 0, is_faster ? kThirty : sixty));
  const int next = is_faster ? 16 : 4;
  for (int i = next; i < next + 8; ++i) {
    pictures.push_back(frame(i, i == next, is_faster ? sixty : kThirty));
    pictures.back().picture.starts_discontinuity = i == next;
  }
  REQUIRE(show.run(std::move(pictures)).has_value());

  const auto messages = show.wire.messages();
  REQUIRE(messages.size() == 18);
  CHECK(messages[0].type == MessageType::kTrack);
  REQUIRE(messages[9].type == MessageType::kTrack);
  CHECK(read_track(messages[9].body).value().track.video.frame_rate ==
        Rational{is_faster ? 60 : 30, 1});
  const auto packets = test::packets_of(messages, kSmall);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    CAPTURE(i);
    const EncodedPacket& packet = packets[i].packet;
    CHECK(packet.dts <= packet.pts);
    if (i == 0) continue;
    const EncodedPacket& before = packets[i - 1].packet;
    CHECK(packet.dts >= before.dts + before.duration);
    if (i != 8) CHECK(packet.dts == before.dts + before.duration);
  }
}

TEST_CASE("a rung that cannot be encoded ends with an error", "[rung_stage]") {
  Show show;
  show.configuration.rungs[kSmall].width = 0;
  const Status status = show.run(frames(6));
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().code == ErrorCode::kUnsupported);
}

TEST_CASE("when the server is gone pictures are taken and not encoded", "[rung_stage]") {
  Show show;
  show.wire.hang_up();
  REQUIRE_FALSE(show.writer.write(write_ready().span()));
  CHECK(show.run(frames(12)).has_value());
  CHECK(show.statistics.frames_encoded == 0);
  CHECK(show.statistics.frames_dropped == 0);
}
