#include "net/digest.h"

#include <catch2/catch.hpp>
#include <string>

using namespace millrace::net;

TEST_CASE("SHA-256 and HMAC give what the standards print", "[digest]") {
  // FIPS 180-2, appendix B.1.
  CHECK(to_hex(sha256("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // RFC 4231, test case 2.
  CHECK(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("a digest is read from 64 hexadecimal digits of either case and nothing else",
          "[digest]") {
  const Sha256 digest = sha256("abc");
  std::string hex = to_hex(digest);
  CHECK(sha256_from_hex(hex) == digest);
  hex[0] = 'B';
  CHECK(sha256_from_hex(hex) == digest);
  CHECK_FALSE(sha256_from_hex("").has_value());
  CHECK_FALSE(sha256_from_hex(hex + "0").has_value());
  CHECK_FALSE(sha256_from_hex(hex.substr(1)).has_value());
  hex[63] = 'g';
  CHECK_FALSE(sha256_from_hex(hex).has_value());
}

TEST_CASE("digests differ wherever a bit does", "[digest]") {
  const Sha256 digest = sha256("abc");
  CHECK(is_same_digest(digest, sha256("abc")));
  for (const std::size_t byte : {std::size_t{0}, std::size_t{31}}) {
    Sha256 other = digest;
    other[byte] ^= 1;
    CHECK_FALSE(is_same_digest(digest, other));
  }
}

TEST_CASE("random digits are as many as asked for, and others each time", "[digest]") {
  CHECK(random_hex(8).size() == 16);
  CHECK(random_hex(16) != random_hex(16));
}
