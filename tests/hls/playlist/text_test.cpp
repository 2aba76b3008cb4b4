#include "hls/playlist/text.h"

#include <catch2/catch.hpp>
#include <limits>

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::hls::playlist;

namespace {

std::string seconds(PrintedTime time) {
  Text text(16);
  text.seconds(time);
  return text.take();
}

std::string date(MediaTime since_epoch) {
  Text text(32);
  text.date(since_epoch);
  return text.take();
}

}  // namespace

TEST_CASE("pieces and numbers follow one another", "[text]") {
  Text text(0);
  text << "#EXT-X-MEDIA-SEQUENCE:" << std::uint64_t{0} << "," << std::uint64_t{10} << ","
       << std::numeric_limits<std::uint64_t>::max() << "\n";
  CHECK(text.take() == "#EXT-X-MEDIA-SEQUENCE:0,10,18446744073709551615\n");
}

TEST_CASE("seconds have five decimals, however small the fraction", "[text]") {
  CHECK(seconds(0) == "0.00000");
  CHECK(seconds(1) == "0.00001");
  CHECK(seconds(20'020) == "0.20020");
  CHECK(seconds(99'999) == "0.99999");
  CHECK(seconds(200'000) == "2.00000");
  CHECK(seconds(1'234'567'890) == "12345.67890");
}

TEST_CASE("a duration is printed to the nearest step of 10 µs", "[text]") {
  CHECK(to_printed(200ms) == 20'000);
  CHECK(to_printed(33'333'333ns) == 3'333);
  CHECK(to_printed(33'366'667ns) == 3'337);
  CHECK(to_printed(4'999ns) == 0);
  CHECK(to_printed(5'000ns) == 1);
  CHECK(from_printed(20'020) == 200'200us);
  CHECK(to_printed(from_printed(20'020)) == 20'020);
}

TEST_CASE("a date has its zone and milliseconds", "[text]") {
  CHECK(date(0s) == "1970-01-01T00:00:00.000Z");
  CHECK(date(1'777'636'800s) == "2026-05-01T12:00:00.000Z");
  CHECK(date(1'777'593'909s + 7ms) == "2026-05-01T00:05:09.007Z");
  CHECK(date(1'835'438'399s + 999ms) == "2028-02-29T11:59:59.999Z");
}

TEST_CASE("a date is rounded to the nearest millisecond, over midnight and New Year too",
          "[text]") {
  constexpr MediaTime kLastSecondOf2026 = 1'798'761'599s;
  CHECK(date(kLastSecondOf2026 + 499'999ns) == "2026-12-31T23:59:59.000Z");
  CHECK(date(kLastSecondOf2026 + 500us) == "2026-12-31T23:59:59.001Z");
  CHECK(date(kLastSecondOf2026 + 999'499'999ns) == "2026-12-31T23:59:59.999Z");
  CHECK(date(kLastSecondOf2026 + 999'500us) == "2027-01-01T00:00:00.000Z");
}
