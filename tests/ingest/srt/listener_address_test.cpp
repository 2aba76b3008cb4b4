#include "ingest/srt/listener_address.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace millrace;
using namespace millrace::ingest;

TEST_CASE("an SRT listener has a passphrase and a key length where they are written",
          "[srt_listener]") {
  const auto plain = parse_srt_listener("[::]:9000");
  REQUIRE(plain.has_value());
  CHECK(plain.value().address == "[::]:9000");
  CHECK(plain.value().encryption == SrtEncryption{});
  const auto secured = parse_srt_listener("0.0.0.0:9000?passphrase=correct=horse&key_length=32");
  REQUIRE(secured.has_value());
  CHECK(secured.value().address == "0.0.0.0:9000");
  CHECK(secured.value().encryption == SrtEncryption{"correct=horse", 32});
}

TEST_CASE("a wrong parameter of an SRT listener is named, and no secret is shown",
          "[srt_listener]") {
  const auto message = [](std::string_view entry) {
    const Status status = check_srt_listener(entry);
    return status.has_value() ? std::string() : status.error().message;
  };
  CHECK(message("0.0.0.0:9000?passphrase=short") ==
        "a passphrase is 10 to 79 printable ASCII characters without spaces");
  CHECK(message("0.0.0.0:9000?passphrase=correct-horse&key_length=17") ==
        "a key_length is 16, 24 or 32 bytes");
  CHECK(message("0.0.0.0:9000?key_length=16") == "a key_length needs a passphrase beside it");
  CHECK(message("0.0.0.0:9000?pass=correct-horse") ==
        "the parameters are passphrase and key_length");
  CHECK(message("0.0.0.0:9000?").empty());
}
