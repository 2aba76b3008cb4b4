#include "hls/cache_lifetimes.h"

#include <catch2/catch.hpp>

using namespace millrace::hls;
using namespace std::chrono_literals;

TEST_CASE("lifetimes that nobody set follow the target duration", "[cache]") {
  const CacheLifetimes unset;
  for (const auto what : {CacheClass::kMultivariant, CacheClass::kPlaylist, CacheClass::kEnded}) {
    CHECK(cache_rule(unset, what, 1).max_age == 1s);
    CHECK(cache_rule(unset, what, 2).max_age == 1s);
    CHECK(cache_rule(unset, what, 6).max_age == 3s);
  }
  CHECK(cache_rule(unset, CacheClass::kBlocking, 2).max_age == 12s);
  CHECK(cache_rule(unset, CacheClass::kPart, 2).max_age == 12s);
  CHECK(cache_rule(unset, CacheClass::kSegment, 2).max_age == 1h);
  CHECK(cache_rule(unset, CacheClass::kInit, 2).max_age == 1h);
  CHECK(cache_rule(unset, CacheClass::kSegment, 900).max_age == 5400s);
}

TEST_CASE("a lifetime that is set is that of its class alone", "[cache]") {
  CacheLifetimes set;
  set.multivariant = 1s;
  set.playlist = 2s;
  set.blocking = 3s;
  set.ended = 4s;
  set.init = 5s;
  set.segment = 6s;
  set.part = 0s;
  CHECK(cache_rule(set, CacheClass::kMultivariant, 60).max_age == 1s);
  CHECK(cache_rule(set, CacheClass::kPlaylist, 60).max_age == 2s);
  CHECK(cache_rule(set, CacheClass::kBlocking, 60).max_age == 3s);
  CHECK(cache_rule(set, CacheClass::kEnded, 60).max_age == 4s);
  CHECK(cache_rule(set, CacheClass::kInit, 60).max_age == 5s);
  CHECK(cache_rule(set, CacheClass::kSegment, 60).max_age == 6s);
  CHECK(cache_rule(set, CacheClass::kPart, 60).max_age == 0s);
}

TEST_CASE("only what is media never changes", "[cache]") {
  for (const auto what : {CacheClass::kMultivariant, CacheClass::kPlaylist, CacheClass::kBlocking,
                          CacheClass::kEnded})
    CHECK_FALSE(cache_rule({}, what, 2).is_immutable);
  for (const auto what : {CacheClass::kInit, CacheClass::kSegment, CacheClass::kPart})
    CHECK(cache_rule({}, what, 2).is_immutable);
}
