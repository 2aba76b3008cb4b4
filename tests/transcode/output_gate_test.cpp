#include "transcode/output_gate.h"

#include "tests/transcode/clip.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using millrace::transcode::OutputGate;

namespace {

/// Thirty pictures in three segments, as a worker sends them.
struct Worker {
  std::vector<EncodedPacket> packets =
      test::make_clip({.width = 160, .height = 90, .frames = 30, .gop = 10});
  OutputGate gate{{"small", 160, 90, 100'000}};
  std::vector<EncodedPacket> delivered;

  Worker() { announce(); }
  void announce() { REQUIRE(gate.set_track(*packets[0].track).has_value()); }
  bool send(std::size_t index) { return send(packets[index]); }
  bool send(EncodedPacket packet) {
    auto passed = gate.pass(std::move(packet));
    REQUIRE(passed.has_value());
    if (!passed.value()) return false;
    delivered.push_back(*passed.value());
    return true;
  }
};

}  // namespace

TEST_CASE("a rung begins with a key frame that opens a segment", "[gate]") {
  Worker worker;
  CHECK_FALSE(worker.send(3));
  CHECK_FALSE(worker.send(9));
  CHECK(worker.send(10));
  CHECK(worker.send(11));
  CHECK_FALSE(worker.delivered[0].follows_gap);
}

TEST_CASE("another worker goes on with the next picture as a key frame", "[gate]") {
  Worker worker;
  for (std::size_t i = 0; i < 5; ++i) CHECK(worker.send(i));
  worker.gate.begin_worker();
  worker.announce();
  CHECK_FALSE(worker.send(0));  // Delivered already.
  CHECK_FALSE(worker.send(5));  // Not a key frame of this encoder's.
  auto next = worker.packets[5];
  next.is_key_frame = true;
  CHECK(worker.send(next));
  CHECK(worker.delivered.back().track == worker.delivered.front().track);
  CHECK_FALSE(worker.delivered.back().follows_gap);
  CHECK(worker.send(6));
}

TEST_CASE("a picture lost at the break lengthens the one behind it", "[gate]") {
  Worker worker;
  for (std::size_t i = 0; i < 5; ++i) CHECK(worker.send(i));
  worker.gate.begin_worker();
  worker.announce();
  auto next = worker.packets[6];
  next.is_key_frame = true;
  CHECK(worker.send(next));
  CHECK(worker.delivered[5].dts == worker.delivered[4].dts + worker.delivered[4].duration);
  CHECK(worker.delivered[5].dts + worker.delivered[5].duration == next.dts + next.duration);
}

TEST_CASE("past a longer hole it waits for a segment, which follows a gap", "[gate]") {
  Worker worker;
  for (std::size_t i = 0; i < 5; ++i) CHECK(worker.send(i));
  worker.gate.begin_worker();
  worker.announce();
  auto late = worker.packets[9];
  late.is_key_frame = true;
  CHECK_FALSE(worker.send(late));
  CHECK(worker.send(10));
  CHECK(worker.delivered.back().follows_gap);
  CHECK(worker.send(11));
  CHECK_FALSE(worker.delivered.back().follows_gap);
}

TEST_CASE("a worker that breaks the order is told apart from one that repeats", "[gate]") {
  Worker worker;
  for (std::size_t i = 0; i < 5; ++i) CHECK(worker.send(i));
  CHECK_FALSE(worker.gate.pass(worker.packets[2]).has_value());
}

TEST_CASE("parameters that are not the rung's are refused", "[gate]") {
  Worker worker;
  TrackInfo track = *worker.packets[0].track;
  track.video.width = 320;
  CHECK_FALSE(worker.gate.set_track(track).has_value());
  track = *worker.packets[0].track;
  track.codec_configuration = Bytes::copy_of("nonsense");
  CHECK_FALSE(worker.gate.set_track(track).has_value());
}

TEST_CASE("a rung's parameters are those of its codec", "[gate]") {
  const Codec codec = GENERATE(Codec::kH264, Codec::kHevc, Codec::kAv1);
  const transcode::Rung rung{
      .name = "rung", .width = 160, .height = 90, .bits_per_second = 100'000, .codec = codec};
  const TrackInfo source = *test::make_clip({.width = 320, .height = 180, .frames = 1})[0].track;
  const auto track = transcode::describe_rung(rung, transcode::Profile::kRealtime, source, 200ms);
  REQUIRE(track.has_value());
  CHECK(OutputGate(rung).set_track(track.value()).has_value());
  for (const Codec other : {Codec::kH264, Codec::kHevc, Codec::kAv1}) {
    transcode::Rung another = rung;
    another.codec = other;
    CHECK(OutputGate(another).set_track(track.value()).has_value() == (other == codec));
  }
}

TEST_CASE("a packet before its track is an error", "[gate]") {
  OutputGate gate{{"small", 160, 90, 100'000}};
  CHECK_FALSE(gate.pass(EncodedPacket{}).has_value());
}
