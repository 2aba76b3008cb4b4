#include "packager/part_length.h"

#include <catch2/catch.hpp>

#include "packager/fmp4_writer.h"
#include "tests/support/video_source.h"

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::packager;

namespace {

PartLength video(Rational rate, MediaTime wish = 200ms, MediaTime longest_frame = {}) {
  TrackInfo track = *test::h264_track(rate);
  track.video.longest_frame = longest_frame;
  return part_length_of(track, wish);
}

}  // namespace

TEST_CASE("PART-TARGET is whole frames, rounded up in the last printed digit", "[part]") {
  CHECK(video({30, 1}).target == 200ms);
  CHECK(video({60, 1}).target == 200ms);
  CHECK(video({25, 1}).target == 200ms);
  CHECK(video({30000, 1001}).target == 200'200us);
  CHECK(video({60000, 1001}).target == 200'200us);
  CHECK(video({24000, 1001}).target == 208'550us);
  CHECK(video({24, 1}).target == 208'340us);
  CHECK(video({30, 1}, 330ms).target == 333'340us);
  CHECK(video({30, 1}, 1ms).target == 33'340us);
  CHECK(video({2, 1}).target == 500ms);
}

TEST_CASE("an audio part has the frames that fit, and its target one more", "[part]") {
  const PartLength at_48k = part_length_of(*test::aac_track(), 200ms);
  CHECK(at_48k.wanted == 9 * 1024);
  CHECK(at_48k.target == 213'340us);
  const PartLength at_44k = part_length_of(*test::aac_track(44100), 200ms);
  CHECK(at_44k.wanted == 8 * 1024);
  CHECK(at_44k.target == 208'980us);
  CHECK(part_length_of(*test::aac_track(), 10ms).wanted == 1024);
}

TEST_CASE("a variable rate's longest frame fits between 85 % and the target", "[part]") {
  CHECK(video({0, 1}, 200ms, 70ms).target == 466'670us);
  CHECK(video({0, 1}, 200ms, 10ms).target == 200ms);
  CHECK(video({0, 1}, 200ms, 400ms).target == 1s);
  CHECK(video({0, 1}, 200ms).target == 200ms);
}

TEST_CASE("lengths in ticks never pass the target, and frames are exact", "[part]") {
  for (const Rational rate :
       {Rational{30, 1}, Rational{30000, 1001}, Rational{24000, 1001}, Rational{60000, 1001},
        Rational{7, 1}, Rational{299, 1}, Rational{0, 1}, Rational{2'000'003, 90'000}}) {
    for (const MediaTime wish : {100ms, 200ms, 333ms, 1000ms}) {
      CAPTURE(rate.numerator, wish.count());
      const PartLength length = video(rate, wish, 33ms);
      const std::int64_t timescale = timescale_of(*test::h264_track(rate));
      CHECK(from_ticks(length.longest, timescale) <= length.target);
      CHECK(length.target % 10us == 0us);
      CHECK(length.wanted <= length.longest + 1);
      CHECK(from_ticks(length.shortest, timescale) >= length.target * 85 / 100 + 10us);
      if (length.frame > 0) CHECK(length.frame * rate.numerator == rate.denominator * timescale);
    }
  }
}
