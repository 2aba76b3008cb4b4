#include "ingest/gst/packet_queue.h"

#include <catch2/catch.hpp>
#include <memory>
#include <utility>

using namespace std::chrono_literals;
using millrace::ingest::PacketQueue;
using millrace::ingest::SourcePacket;
using Outcome = PacketQueue::Outcome;

namespace {

SourcePacket packet(millrace::MediaKind kind, std::size_t size, std::chrono::nanoseconds received) {
  auto track = std::make_shared<millrace::TrackInfo>();
  track->kind = kind;
  SourcePacket made;
  made.track = std::move(track);
  made.payload = millrace::Bytes(millrace::MutableBytes(size));
  made.is_key_frame = kind == millrace::MediaKind::kAudio;
  made.received_at = std::chrono::steady_clock::time_point(received);
  return made;
}

SourcePacket video(std::size_t size, std::chrono::nanoseconds received = 0s) {
  return packet(millrace::MediaKind::kVideo, size, received);
}

SourcePacket key_frame(std::size_t size, std::chrono::nanoseconds received = 0s) {
  auto made = video(size, received);
  made.is_key_frame = true;
  return made;
}

SourcePacket audio(std::size_t size, std::chrono::nanoseconds received = 0s) {
  return packet(millrace::MediaKind::kAudio, size, received);
}

}  // namespace

TEST_CASE("only the packet that ends a queue's emptiness wakes the reader", "[packet_queue]") {
  PacketQueue queue({});
  CHECK(queue.push(key_frame(10)) == Outcome::kQueuedFirst);
  CHECK(queue.push(audio(3)) == Outcome::kQueued);
  const auto taken = queue.take();
  REQUIRE(taken.size() == 2);
  CHECK(taken[0].payload.size() == 10);
  CHECK(taken[1].payload.size() == 3);
  CHECK(queue.push(video(1)) == Outcome::kQueuedFirst);
}

TEST_CASE("a full queue drops video up to the next key frame", "[packet_queue]") {
  PacketQueue queue({.max_bytes = 100, .max_age = 1s});
  CHECK(queue.push(key_frame(60)) == Outcome::kQueuedFirst);
  CHECK(queue.push(video(60)) == Outcome::kDropped);
  CHECK(queue.push(video(1)) == Outcome::kDropped);  // It depends on the one before.
  CHECK(queue.push(audio(1)) == Outcome::kQueued);
  CHECK(queue.take().size() == 2);
  CHECK(queue.push(video(1)) == Outcome::kDropped);
  CHECK(queue.push(key_frame(1)) == Outcome::kQueuedFirst);
  CHECK(queue.push(video(1)) == Outcome::kQueued);
}

TEST_CASE("a key frame that finds no room is dropped with what depends on it", "[packet_queue]") {
  PacketQueue queue({.max_bytes = 10, .max_age = 1s});
  CHECK(queue.push(key_frame(11)) == Outcome::kDropped);
  CHECK(queue.push(video(1)) == Outcome::kDropped);
  CHECK(queue.push(key_frame(10)) == Outcome::kQueuedFirst);
}

TEST_CASE("a reader that stands still for longer than the limit loses packets", "[packet_queue]") {
  PacketQueue queue({.max_bytes = 100, .max_age = 1s});
  CHECK(queue.push(key_frame(1, 5s)) == Outcome::kQueuedFirst);
  CHECK(queue.push(audio(1, 6s)) == Outcome::kQueued);
  CHECK(queue.push(audio(1, 6s + 1ns)) == Outcome::kDropped);
  CHECK(queue.push(video(1, 7s)) == Outcome::kDropped);
  CHECK(queue.take().size() == 2);
  CHECK(queue.push(audio(1, 8s)) == Outcome::kQueuedFirst);
}

TEST_CASE("a closed queue keeps nothing and wakes nobody", "[packet_queue]") {
  PacketQueue queue({});
  CHECK(queue.push(key_frame(1)) == Outcome::kQueuedFirst);
  queue.close();
  CHECK(queue.push(key_frame(1)) == Outcome::kQueued);
  CHECK(queue.take().empty());
}
