#include "transcode/backlog.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using millrace::Bytes;
using millrace::EncodedPacket;
using millrace::MediaTime;
using millrace::transcode::Backlog;

namespace {

EncodedPacket packet(MediaTime pts, bool is_key_frame, std::size_t size = 10) {
  EncodedPacket made;
  made.payload = Bytes(millrace::MutableBytes(size));
  made.pts = pts;
  made.is_key_frame = is_key_frame;
  return made;
}

}  // namespace

TEST_CASE("the backlog begins with a key frame", "[backlog]") {
  Backlog backlog;
  backlog.push(packet(1s, false));
  CHECK(backlog.packets().empty());
  backlog.push(packet(2s, true));
  backlog.push(packet(3s, false));
  CHECK(backlog.packets().size() == 2);
}

TEST_CASE("a group of pictures is kept until all outputs are past the next one's key frame",
          "[backlog]") {
  Backlog backlog;
  for (int i = 0; i < 6; ++i) backlog.push(packet(i * 1s, i % 3 == 0));
  backlog.delivered(2s);
  CHECK(backlog.packets().front().pts == 0s);
  backlog.delivered(3s);
  CHECK(backlog.packets().front().pts == 3s);
  backlog.delivered(5s);  // Nothing newer to begin with.
  CHECK(backlog.packets().front().pts == 3s);
}

TEST_CASE("past its limit the oldest group goes, the only one too", "[backlog]") {
  Backlog backlog;
  backlog.push(packet(0s, true, Backlog::kMaxBytes / 2));
  backlog.push(packet(1s, true, Backlog::kMaxBytes / 2));
  backlog.push(packet(2s, false, 1));
  CHECK(backlog.packets().front().pts == 1s);
  backlog.push(packet(3s, false, Backlog::kMaxBytes));
  CHECK(backlog.packets().empty());
  backlog.push(packet(4s, false));
  CHECK(backlog.packets().empty());
  backlog.push(packet(5s, true));
  CHECK(backlog.packets().size() == 1);
}

TEST_CASE("behind a gap nothing older is kept", "[backlog]") {
  Backlog backlog;
  backlog.push(packet(0s, true));
  auto behind = packet(5s, true);
  behind.follows_gap = true;
  backlog.push(behind);
  CHECK(backlog.packets().front().pts == 5s);
}
