#include "hls/playback/base64url.h"

#include <catch2/catch.hpp>

#include "tests/support/jwt.h"

using namespace millrace;
using namespace millrace::hls;

TEST_CASE("bytes come back from their base64url", "[base64url]") {
  // RFC 4648 10, without padding.
  CHECK(decode_base64url("") == "");
  CHECK(decode_base64url("Zg") == "f");
  CHECK(decode_base64url("Zm8") == "fo");
  CHECK(decode_base64url("Zm9v") == "foo");
  CHECK(decode_base64url("Zm9vYmFy") == "foobar");
  CHECK(decode_base64url("-_8") == "\xfb\xff");
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  CHECK(decode_base64url(test::base64url(all)) == all);
}

TEST_CASE("what is not base64url, and a second form of the same bytes, is refused", "[base64url]") {
  for (const auto* text : {"Z", "Zm9vY", "Zg==", "Zm8=", "+/8", "Zm 8", "Zh", "Zm9", "Zm8\n"})
    CHECK_FALSE(decode_base64url(text).has_value());
}
