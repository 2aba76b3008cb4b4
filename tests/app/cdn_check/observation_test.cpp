#include "app/cdn_check/observation.h"

#include "tests/app/cdn_check/made_up_channel.h"

#include <catch2/catch.hpp>

using namespace millrace::app::cdn_check;
using millrace::test::reply;
using millrace::test::set_header;

TEST_CASE("a lifetime is what a shared cache goes by", "[cdn_check]") {
  const auto lifetime = [](const std::string& control) {
    return lifetime_of(reply("", 200, control, "")).value_or(Seconds(-1)).count();
  };
  CHECK(lifetime("public, max-age=12") == 12);
  CHECK(lifetime("Public, Max-Age=12, immutable") == 12);
  CHECK(lifetime("max-age=12, s-maxage=3") == 3);
  CHECK(lifetime("max-age=\"5\"") == 5);
  CHECK(lifetime("no-store, max-age=12") == 0);
  CHECK(lifetime("private, max-age=12") == 0);
  CHECK(lifetime("no-cache") == 0);
  CHECK(lifetime("") == -1);
  CHECK(lifetime("x-max-age=3") == -1);
  CHECK(lifetime("max-age=soon") == -1);
}

TEST_CASE("headers of many caches tell a hit from a miss", "[cdn_check]") {
  const auto word = [](const char* name, const char* value) {
    Observation seen{.url = {}};
    set_header(seen, name, value);
    return cache_word(seen);
  };
  CHECK(word("x-cache", "HIT") == CacheWord::kHit);
  CHECK(word("x-cache", "Miss from cloudfront") == CacheWord::kMiss);
  CHECK(word("x-cache", "Hit from cloudfront") == CacheWord::kHit);
  CHECK(word("x-cache", "TCP_MISS from a1 (AkamaiGHost/1)") == CacheWord::kMiss);
  CHECK(word("x-cache", "MISS, HIT") == CacheWord::kHit);
  CHECK(word("cf-cache-status", "DYNAMIC") == CacheWord::kMiss);
  CHECK(word("cache-status", "edge; hit; ttl=3") == CacheWord::kHit);
  CHECK(word("cache-status", "edge; fwd=miss; stored") == CacheWord::kMiss);
  CHECK(word("cache-status", "edge; fwd=miss; collapsed") == CacheWord::kHit);
  CHECK(word("x-varnish", "32770 5") == CacheWord::kHit);
  CHECK(word("x-varnish", "32770") == CacheWord::kMiss);
  CHECK(word("age", "2") == CacheWord::kHit);
  CHECK(word("age", "0") == CacheWord::kUnknown);
  CHECK(word("server", "any") == CacheWord::kUnknown);
}

TEST_CASE("what came of a request is said in a few words", "[cdn_check]") {
  Observation seen{.url = {}};
  seen.waited = Seconds(1.004);
  seen.status = 504;
  CHECK(outcome_of(seen) == "status 504 after 1.00 s");
  CHECK_FALSE(seen.is_ok());
  seen.failure = "no reply in time";
  CHECK(outcome_of(seen) == "no reply in time after 1.00 s");
}
