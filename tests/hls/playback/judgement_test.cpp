#include "hls/playback/judgement.h"

#include <catch2/catch.hpp>
#include <set>

using namespace millrace::hls;
using namespace std::chrono_literals;

TEST_CASE("a time is digits as they are printed, and no date overflows", "[playback]") {
  CHECK(parse_unix_time("0") == 0s);
  CHECK(parse_unix_time("1800000000") == 1'800'000'000s);
  CHECK(parse_unix_time("999999999999") == 999'999'999'999s);
  for (const auto* text : {"", "-1", "+1", "01", "1.5", " 1", "1e9", "0x7", "9999999999999"})
    CHECK(parse_unix_time(text) == -1s);
}

TEST_CASE("what expires does so with its second", "[playback]") {
  CHECK(judge_expiry(100s, 99'999ms).is_let_in);
  const auto late = judge_expiry(100s, 100s);
  CHECK_FALSE(late.is_let_in);
  CHECK(late.refusal == PlaybackRefusal::kExpired);
  CHECK(judge_expiry(100s, 112s).text == "the token expired 12 s ago: ask for a new one");
  CHECK(judge_expiry(999'999'999'999s, 2'000'000'000s).is_let_in);
}

TEST_CASE("each reason is counted under a name of its own", "[playback]") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kPlaybackRefusals; ++i)
    names.insert(to_string(static_cast<PlaybackRefusal>(i)));
  CHECK(names.size() == kPlaybackRefusals);
  CHECK_FALSE(names.contains("other"));
}
