#include "transcode/worker/worker.h"

#include <map>

#include "tests/transcode/clip.h"
#include "tests/transcode/worker/wire.h"
#include "transcode/fake_device.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::transcode;
using namespace millrace::transcode::worker;

namespace {

Configuration configuration() {
  return {.profile = Profile::kBalanced,
          .part_target = 200ms,
          .rungs = {{"large", 80, 44, 300'000}, {"small", 40, 22, 100'000}},
          .starts = {{}, {}},
          .catch_up_until = MediaTime::max()};
}

/// A worker on a thread in the place of its process.
struct Process {
  test::Wire wire;
  int exit_code = -1;
  std::thread thread{[this] { exit_code = Worker(wire.worker_end(), open_fake_device).run(); }};

  ~Process() {
    wire.close_sending();
    if (thread.joinable()) thread.join();
  }
  void send(const EncodedPacket& packet) {
    wire.send(write_packet_header({.rung = 0, .packets_taken = 0, .packet = packet}));
    wire.send(packet.payload);
  }
  /// What it said until it ended.
  std::vector<test::Message> end() {
    wire.close_sending();
    thread.join();
    return wire.messages();
  }
};

std::vector<EncodedPacket> small_clip() {
  return test::make_clip({.width = 160, .height = 90, .frames = 30, .gop = 10, .b_frames = 1});
}

Bytes frame(std::uint8_t type, std::string_view body) {
  std::string bytes{static_cast<char>(body.size()), 0, 0, 0, static_cast<char>(type)};
  return Bytes::copy_of(bytes + std::string(body));
}

/// The last words of a worker that is sent `frames`.
std::string last_words(const std::vector<Bytes>& frames) {
  Process worker;
  for (const Bytes& bytes : frames) worker.wire.send(bytes);
  const auto words = test::bodies(worker.end(), MessageType::kFailure);
  CHECK(worker.exit_code == 1);
  if (words.size() != 1) return std::to_string(words.size()) + " failures";
  auto text = read_failure(words[0]);
  REQUIRE(text.has_value());
  return std::move(text).value();
}

}  // namespace

TEST_CASE("what was sent before the end of the stream is encoded to the end", "[worker]") {
  const auto clip = small_clip();
  Process worker;
  worker.wire.send(write_configuration(configuration()));
  worker.wire.send(write_track(0, *clip[0].track));
  for (const auto& packet : clip) worker.send(packet);
  const auto messages = worker.end();
  CHECK(worker.exit_code == 0);

  REQUIRE_FALSE(messages.empty());
  CHECK(messages[0].type == MessageType::kReady);
  CHECK(test::bodies(messages, MessageType::kReady).size() == 1);
  CHECK(test::bodies(messages, MessageType::kTrack).size() == 2);
  CHECK(test::bodies(messages, MessageType::kFailure).empty());
  CHECK(test::packets_of(messages, 0).size() == 30);
  CHECK(test::packets_of(messages, 1).size() == 30);
  CHECK(test::packets_of(messages, 1).back().packets_taken == 30);
  const auto statistics = test::bodies(messages, MessageType::kStatistics);
  REQUIRE_FALSE(statistics.empty());
  CHECK(read_statistics(statistics.back()).value().packets_taken == 30);
}

TEST_CASE("a rung of fewer pictures begins its segments with the same ones", "[worker]") {
  const int gop = GENERATE(10, 5);
  const auto clip =
      test::make_clip({.width = 160, .height = 90, .frames = 30, .gop = gop, .b_frames = 1});
  Configuration wanted = configuration();
  wanted.rungs[1].every = 2;
  Process worker;
  worker.wire.send(write_configuration(wanted));
  worker.wire.send(write_track(0, *clip[0].track));
  for (const auto& packet : clip) worker.send(packet);
  const auto messages = worker.end();
  CHECK(worker.exit_code == 0);
  const auto all = test::packets_of(messages, 0), half = test::packets_of(messages, 1);
  REQUIRE(all.size() == 30);
  REQUIRE(half.size() == (gop == 10 ? 15 : 18));
  const auto openers = [](const auto& packets) {
    std::vector<std::pair<SegmentNumber, MediaTime>> found;
    for (const auto& message : packets)
      if (message.packet.opens_segment)
        found.emplace_back(*message.packet.opens_segment, message.packet.pts);
    return found;
  };
  CHECK(openers(all) == openers(half));
  for (std::size_t i = 1; i < half.size(); ++i)
    CHECK(half[i].packet.dts == half[i - 1].packet.dts + half[i - 1].packet.duration);
}

TEST_CASE("a track holds for the packets behind it", "[worker]") {
  auto clip = small_clip();
  const auto more = test::make_clip({.width = 90,
                                     .height = 160,
                                     .frames = 10,
                                     .gop = 10,
                                     .start = clip[0].pts + 10s,
                                     .first_segment = 200});
  Process worker;
  worker.wire.send(write_configuration(configuration()));
  worker.wire.send(write_track(0, *clip[0].track));
  for (const auto& packet : clip) worker.send(packet);
  worker.wire.send(write_track(0, *more[0].track));
  for (const auto& packet : more) worker.send(packet);
  const auto messages = worker.end();
  CHECK(worker.exit_code == 0);
  CHECK(test::packets_of(messages, 0).size() == 40);
  CHECK(test::packets_of(messages, 1).size() == 40);
}

TEST_CASE("a transfer that changes in mid-stream changes every rung's pictures and track",
          "[worker]") {
  const auto clip = small_clip();
  TrackInfo hdr = *clip[0].track;
  hdr.video.colour = {.primaries = 9, .transfer = 16, .matrix = 9};
  TrackInfo standard = *clip[0].track;
  standard.video.colour = {.primaries = 5, .transfer = 6, .matrix = 5};
  Configuration wanted = configuration();
  wanted.rungs[0].codec = Codec::kHevc;
  wanted.rungs[0].hdr = HdrMode::kKeep;
  Process worker;
  worker.wire.send(write_configuration(wanted));
  worker.wire.send(write_track(0, hdr));
  for (const auto& packet : clip) worker.send(packet);
  worker.wire.send(write_track(0, standard));
  for (auto packet : clip) {
    packet.pts += 10s;
    packet.dts += 10s;
    worker.send(packet);
  }
  const auto messages = worker.end();
  CHECK(worker.exit_code == 0);
  std::map<int, std::vector<VideoParameters>> tracks;
  for (const auto& body : test::bodies(messages, MessageType::kTrack)) {
    const auto told = read_track(body);
    REQUIRE(told.has_value());
    tracks[told.value().rung].push_back(told.value().track.video);
  }
  for (int rung = 0; rung < 2; ++rung) {
    CAPTURE(rung);
    REQUIRE(tracks[rung].size() == 2);
    CHECK(tracks[rung][0].colour == (rung == 0 ? hdr.video.colour : Colour{1, 1, 1, false}));
    CHECK(tracks[rung][0].bit_depth == (rung == 0 ? 10 : 8));
    CHECK(tracks[rung][1].colour == standard.video.colour);
    CHECK(tracks[rung][1].bit_depth == 8);
    CHECK(test::packets_of(messages, static_cast<std::uint8_t>(rung)).size() == 60);
  }
}

TEST_CASE("a worker that is told nothing says nothing and ends well", "[worker]") {
  Process worker;
  CHECK(worker.end().empty());
  CHECK(worker.exit_code == 0);
}

TEST_CASE("a message that breaks the rules ends the worker, which says why", "[worker]") {
  const auto clip = small_clip();
  const Bytes configured = write_configuration(configuration());
  const Bytes track = write_track(0, *clip[0].track);
  CHECK(last_words({track}) == "worker protocol: no configuration");
  CHECK(last_words({frame(1, "nonsense")}) == "worker protocol: not a millrace");
  std::string newer(configured.text());
  newer[9] = 99;  // Behind the frame's header and the magic number.
  CHECK(last_words({Bytes::copy_of(newer)}) == "worker protocol: version 99");
  CHECK(last_words({configured, configured}) ==
        "worker protocol: a message that is not for a worker");
  CHECK(last_words({configured, write_ready()}) ==
        "worker protocol: a message that is not for a worker");
  CHECK(last_words({configured, frame(99, "")}) ==
        "worker protocol: a message that is not for a worker");
  CHECK(last_words({configured, frame(3, "x")}) == "worker protocol: track");
  CHECK(last_words({configured, track, frame(4, "x")}) == "worker protocol: packet");
  const Bytes packet = Bytes::copy_of(
      std::string(write_packet_header({.rung = 0, .packets_taken = 0, .packet = clip[0]}).text()) +
      std::string(clip[0].payload.text()));
  CHECK(last_words({configured, packet}) == "worker protocol: a packet without a track");
  CHECK(last_words({configured, Bytes::copy_of("\xff\xff\xff\xff\x04")}) ==
        "worker protocol: a frame of 4294967295 bytes");
}

TEST_CASE("a stage's error ends the worker, which says why, while packets still come", "[worker]") {
  const auto clip = small_clip();
  TrackInfo track;
  track.codec = Codec::kHevc;
  track.codec_configuration = Bytes::copy_of("\1 no configuration record, by far");
  Process worker;
  worker.wire.send(write_configuration(configuration()));
  worker.wire.send(write_track(0, track));
  for (int i = 0; i < 10; ++i)  // More than its queue takes.
    for (const auto& packet : clip) worker.send(packet);
  const auto words = test::bodies(worker.end(), MessageType::kFailure);
  CHECK(worker.exit_code == 1);
  REQUIRE(words.size() == 1);
  CHECK(read_failure(words[0]).value() == "the hevc decoder refuses the track");
}

TEST_CASE("a server that goes away in the middle ends the worker", "[worker]") {
  const auto clip = small_clip();
  Process worker;
  worker.wire.send(write_configuration(configuration()));
  worker.wire.send(write_track(0, *clip[0].track));
  for (std::size_t i = 0; i < 12; ++i) worker.send(clip[i]);
  worker.wire.hang_up();
  worker.thread.join();
  CHECK(worker.exit_code == 0);
}
