#include "net/public_key.h"

#include <catch2/catch.hpp>
#include <string>

#include "tests/support/jwt.h"

using namespace millrace;
using namespace millrace::net;

namespace {

// Made for the test.
constexpr std::string_view kSmallRsaKey =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC76E5qsPrxWSpoAQidXi0U44r2\n"
    "gmUmUydY4Kb/OaEzn53oZwxyCoOpEXE0SxYM4O3jyiDvAU0MnSlqS37dkjnYsVJD\n"
    "HOLrpcM9Qkzsn0jcxtzqK+pEoqwpQ6pGxLXu4gEBrfrMJu6ZVys/+HG9+nSRvf5x\n"
    "Rg0lbLOIy1i3+KHqVwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";
constexpr std::string_view kP384Key =
    "-----BEGIN PUBLIC KEY-----\n"
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEkD/kaD8jZB45j/mee8Wd1h9EiF6BxogL\n"
    "fvn3rFhr7cHngxEtHv21XBbQXMSFrjTpBVz2dajXB/FpVfEQd3Wo8lBqHaN9doKi\n"
    "w4TCkSsx5LGtFy7qSMdzZbXTB+eiAPwL\n"
    "-----END PUBLIC KEY-----\n";
constexpr std::string_view kEd25519Key =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAL2xhpEXEVCZUYFGuFqbFXD/rd6L49X00yNWt2UBg+Is=\n"
    "-----END PUBLIC KEY-----\n";

std::string refusal(std::string_view pem) {
  const auto key = parse_public_key(pem);
  return key.has_value() ? "taken" : key.error().message;
}

}  // namespace

TEST_CASE("keys of the two kinds are taken, and know which they are", "[public_key]") {
  const auto rsa = parse_public_key(test::kRsaKey);
  REQUIRE(rsa.has_value());
  CHECK(rsa.value()->algorithm() == SignatureAlgorithm::kRs256);
  const auto ec = parse_public_key("of the platform\n" + std::string(test::kEcKey));
  REQUIRE(ec.has_value());
  CHECK(ec.value()->algorithm() == SignatureAlgorithm::kEs256);
}

TEST_CASE("keys of other kinds, short ones and what is no key are refused", "[public_key]") {
  CHECK(refusal(kSmallRsaKey).find("2048") != std::string::npos);
  CHECK(refusal(kP384Key).find("P-256") != std::string::npos);
  CHECK(refusal(kEd25519Key).find("P-256") != std::string::npos);
  CHECK(refusal("").find("no public key") != std::string::npos);
  CHECK(refusal(test::kEcKey.substr(0, 90)).find("no public key") != std::string::npos);
}

TEST_CASE("no signature of a wrong length is even looked at", "[public_key]") {
  const auto rsa = parse_public_key(test::kRsaKey);
  const auto ec = parse_public_key(test::kEcKey);
  for (const std::size_t size : {0U, 1U, 63U, 64U, 65U, 255U, 256U, 257U, 4096U}) {
    CHECK_FALSE(rsa.value()->verifies("millrace", std::string(size, '\1')));
    CHECK_FALSE(ec.value()->verifies("millrace", std::string(size, '\1')));
  }
  CHECK_FALSE(ec.value()->verifies("millrace", std::string(64, '\0')));
}
