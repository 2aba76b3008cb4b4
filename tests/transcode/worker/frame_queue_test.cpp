#include "transcode/worker/frame_queue.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using millrace::transcode::Frame;
using millrace::transcode::worker::FrameQueue;

namespace {

constexpr std::chrono::steady_clock::time_point kNoPatience{};

Frame frame(int number, bool opens_segment = false) {
  Frame made;
  made.picture.pts = std::chrono::seconds(number);
  if (opens_segment) made.picture.opens_segment = 1;
  return made;
}

std::vector<int> take_all(FrameQueue& queue) {
  queue.close();
  std::vector<int> numbers;
  while (auto taken = queue.pop()) numbers.push_back(static_cast<int>(taken->picture.pts / 1s));
  return numbers;
}

}  // namespace

TEST_CASE("four pictures wait, in order", "[frame_queue]") {
  FrameQueue queue;
  for (int i = 0; i < 4; ++i) queue.push(frame(i), kNoPatience);
  CHECK(queue.size() == 4);
  CHECK(queue.dropped() == 0);
  CHECK(take_all(queue) == std::vector{0, 1, 2, 3});
}

TEST_CASE("when full the oldest picture that opens no segment goes", "[frame_queue]") {
  FrameQueue queue;
  queue.push(frame(0, true), kNoPatience);
  for (int i = 1; i < 7; ++i) queue.push(frame(i), kNoPatience);
  CHECK(queue.dropped() == 3);
  CHECK(take_all(queue) == std::vector{0, 4, 5, 6});
}

TEST_CASE("a picture that opens a segment is never dropped", "[frame_queue]") {
  FrameQueue queue;
  for (int i = 0; i < 6; ++i) queue.push(frame(i, true), kNoPatience);
  queue.push(frame(6), kNoPatience);
  CHECK(queue.dropped() == 1);
  CHECK(take_all(queue) == std::vector{0, 1, 2, 3, 4, 5});
}

TEST_CASE("that a gap came before a dropped picture is told by the next", "[frame_queue]") {
  FrameQueue queue;
  auto first = frame(0);
  first.picture.follows_gap = true;
  queue.push(std::move(first), kNoPatience);
  for (int i = 1; i < 5; ++i) queue.push(frame(i), kNoPatience);
  CHECK(queue.pop()->picture.follows_gap);
  CHECK_FALSE(queue.pop()->picture.follows_gap);
}

TEST_CASE("nothing enters a closed queue", "[frame_queue]") {
  FrameQueue queue;
  queue.close();
  queue.push(frame(0), kNoPatience);
  CHECK_FALSE(queue.pop());
}
