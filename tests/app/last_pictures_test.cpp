#include "app/last_pictures.h"

#include <algorithm>

#include "packager/packager.h"
#include "tests/support/recording_sink.h"
#include "tests/support/video_source.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;

TEST_CASE("a rendition's newest pictures are known from the key frame on, and go on unchanged",
          "[last_pictures]") {
  test::RecordingSink<CmafChunk> window;
  app::LastPictures last(window);
  CHECK(last.packets().empty());
  auto packager = packager::create({.part_target = 200ms}, last);
  REQUIRE(packager.has_value());
  test::PacketSource source{
      .track = test::h264_track({25, 1}), .key_frame_every = 50, .next_segment = 7};
  REQUIRE(source.push_frames(70, *packager.value()).has_value());  // Parts of five.
  const auto packets = last.packets();
  REQUIRE(packets.size() == 20);
  CHECK(packets.front().is_key_frame);
  for (std::size_t i = 1; i < packets.size(); ++i) {
    CHECK_FALSE(packets[i].is_key_frame);
    CHECK(packets[i].dts == packets[i - 1].dts + packets[i - 1].duration);
  }
  CHECK(window.items.size() == 14);
}

TEST_CASE("what is forgotten is not kept, and what comes behind begins with a key frame",
          "[last_pictures]") {
  test::RecordingSink<CmafChunk> window;
  app::LastPictures last(window);
  auto packager = packager::create({.part_target = 200ms}, last);
  REQUIRE(packager.has_value());
  test::PacketSource source{
      .track = test::h264_track({25, 1}), .key_frame_every = 50, .next_segment = 7};
  REQUIRE(source.push_frames(70, *packager.value()).has_value());
  last.forget();
  CHECK(last.packets().empty());
  REQUIRE(source.push_frames(20, *packager.value()).has_value());
  CHECK(last.packets().empty());
  REQUIRE(source.push_frames(20, *packager.value()).has_value());
  CHECK(last.packets().front().is_key_frame);
}

TEST_CASE("a rendition's newest segments are known, each by the picture that opens it",
          "[last_pictures]") {
  test::RecordingSink<CmafChunk> window;
  app::LastPictures last(window);
  auto packager = packager::create({.part_target = 200ms}, last);
  REQUIRE(packager.has_value());
  test::PacketSource source{
      .track = test::h264_track({25, 1}), .key_frame_every = 50, .next_segment = 7};
  REQUIRE(source.push_frames(5 * 50 + 20, *packager.value()).has_value());  // Segments 7 to 12.
  CHECK(last.take_news());
  CHECK_FALSE(last.take_news());

  const auto packets = last.packets_from(10);
  REQUIRE(packets.size() == 120);
  CHECK(packets[0].opens_segment == 10);
  CHECK(packets[50].opens_segment == 11);
  CHECK(packets[100].opens_segment == 12);
  CHECK(std::count_if(packets.begin(), packets.end(),
                      [](const auto& packet) { return packet.opens_segment.has_value(); }) == 3);
  CHECK(last.ends_with(packets.back()));
  const auto between = last.packets_between(10, 12);
  REQUIRE(between.size() == 100);
  CHECK(between[0].opens_segment == 10);
  CHECK(between[50].opens_segment == 11);
  CHECK(last.packets_between(1, 10).size() == 50);  // Of the first that is kept.
  CHECK(last.packets_between(1, 2).empty());
  CHECK_FALSE(last.ends_with(packets[118]));
  // Four are kept, the running one included.
  CHECK(last.packets_from(1).front().opens_segment == 9);
  CHECK(last.packets_from(13).empty());

  REQUIRE(source.push_frames(1, *packager.value()).has_value());  // A part that has not ended.
  CHECK_FALSE(last.take_news());
  CHECK(last.packets_from(12).size() == 20);
}
