#include "ingest/auth/attempts.h"

#include <catch2/catch.hpp>
#include <string>

using namespace millrace::ingest;
using namespace std::chrono_literals;

namespace {

const Attempts::TimePoint kStart{1h};

/// `count` different wrong keys of one address.
void guess(Attempts& attempts, const std::string& address, int count,
           Attempts::TimePoint now = kStart) {
  for (int i = 0; i < count; ++i) attempts.failed(address, "guess " + std::to_string(i), now);
}

}  // namespace

TEST_CASE("a few wrong keys cost nothing, further ones twice as long each", "[auth]") {
  Attempts attempts;
  guess(attempts, "a", Attempts::kFree);
  CHECK(attempts.delay("a", "k", kStart) == 0ms);
  auto expected = Attempts::kFirstDelay;
  for (int i = Attempts::kFree; i < Attempts::kFree + 20; ++i) {
    attempts.failed("a", "further " + std::to_string(i), kStart);
    CHECK(attempts.delay("a", "k", kStart) == expected);
    expected = std::min(2 * expected, Attempts::kLongestDelay);
  }
  CHECK(expected == Attempts::kLongestDelay);
  CHECK(attempts.delay("b", "k", kStart) == 0ms);
}

TEST_CASE("one wrong key that comes again and again slows nobody", "[auth]") {
  Attempts attempts;
  for (int i = 0; i < 1000; ++i) {
    attempts.failed("a", "typo", kStart);
    attempts.failed("a", "another's typo", kStart);
  }
  CHECK(attempts.delay("a", "k", kStart) == 0ms);
}

TEST_CASE("a key that got in lately is not slowed by the guesses of its neighbours", "[auth]") {
  Attempts attempts;
  attempts.succeeded("a", "right", kStart);
  guess(attempts, "a", 20, kStart + 1min);
  CHECK(attempts.delay("a", "right", kStart + 1min) == 0ms);
  CHECK(attempts.may_look("a", "right", kStart + 1min));
  CHECK(attempts.may_look("a", "right", kStart + 1min));
  CHECK(attempts.delay("a", "unknown", kStart + 1min) == Attempts::kLongestDelay);
  guess(attempts, "a", 20, kStart + 1h);
  CHECK(attempts.delay("a", "right", kStart + 1h) == Attempts::kLongestDelay);
}

TEST_CASE("a right key does not wash off the wrong ones", "[auth]") {
  Attempts attempts;
  guess(attempts, "a", 20);
  attempts.succeeded("a", "right", kStart);
  CHECK(attempts.delay("a", "next guess", kStart) == Attempts::kLongestDelay);
}

TEST_CASE("an address is forgotten some minutes after its last wrong key", "[auth]") {
  Attempts attempts;
  guess(attempts, "a", 20);
  CHECK(attempts.delay("a", "k", kStart + Attempts::kForgetAfter - 1s) > 0ms);
  CHECK(attempts.delay("a", "k", kStart + Attempts::kForgetAfter) == 0ms);
  guess(attempts, "a", 1, kStart + Attempts::kForgetAfter);
  CHECK(attempts.delay("a", "k", kStart + Attempts::kForgetAfter) == 0ms);
}

TEST_CASE("answers that cannot wait are looked at once in each delay", "[auth]") {
  Attempts attempts;
  CHECK(attempts.may_look("a", "k", kStart));
  guess(attempts, "a", Attempts::kFree + 2);
  CHECK(attempts.may_look("a", "k", kStart));
  CHECK_FALSE(attempts.may_look("a", "k", kStart));
  CHECK_FALSE(attempts.may_look("a", "k", kStart + 499ms));
  CHECK(attempts.may_look("b", "k", kStart));
  CHECK(attempts.may_look("a", "k", kStart + 500ms));
  CHECK_FALSE(attempts.may_look("a", "k", kStart + 501ms));
}

TEST_CASE("the table is bounded, and forgets who tried longest ago", "[auth]") {
  Attempts attempts;
  guess(attempts, "old", 20);
  guess(attempts, "kept", 20);
  for (std::size_t i = 0; i < Attempts::kMaxAddresses - 2; ++i)
    attempts.failed("host " + std::to_string(i), "k", kStart);
  attempts.failed("kept", "again", kStart);
  attempts.failed("one more", "k", kStart);
  CHECK(attempts.addresses() == Attempts::kMaxAddresses);
  CHECK(attempts.delay("old", "k", kStart) == 0ms);
  CHECK(attempts.delay("kept", "k", kStart) == Attempts::kLongestDelay);
}

TEST_CASE("refusals of an address are told once in some seconds, with their number", "[auth]") {
  Attempts attempts;
  CHECK(attempts.note_refusal("a", kStart) == 1u);
  for (int i = 0; i < 5; ++i) CHECK_FALSE(attempts.note_refusal("a", kStart + 9s).has_value());
  CHECK(attempts.note_refusal("b", kStart + 9s) == 1u);
  CHECK(attempts.note_refusal("a", kStart + 10s) == 6u);
}

TEST_CASE("an address is a host, of IPv6 the network that one host is given", "[auth]") {
  CHECK(slowed_address("192.0.2.7:51423") == "192.0.2.7");
  CHECK(slowed_address("[2001:db8:1:2:3:4:5:6]:80") == "2001:db8:1:2::/64");
  CHECK(slowed_address("[2001:db8:1:2::9]:80") == "2001:db8:1:2::/64");
  CHECK(slowed_address("[::ffff:192.0.2.7]:80") != slowed_address("[::ffff:192.0.2.8]:80"));
  CHECK(slowed_address("").empty());
}
