#include "hls/playlist/language.h"

#include <catch2/catch.hpp>

using namespace millrace::hls::playlist;

TEST_CASE("a language has its shortest tag by either of its codes", "[language]") {
  CHECK(find_language("deu").tag == "de");
  CHECK(find_language("ger").tag == "de");
  CHECK(find_language("ger").name == "Deutsch");
}

TEST_CASE("a code that is not known is its own tag, and what is none is undetermined",
          "[language]") {
  CHECK(find_language("tlh").tag == "tlh");
  CHECK(find_language("tlh").name.empty());
  for (const auto* none : {"", "de", "DEU", "d\"u", "deutsch"})
    CHECK(find_language(none).tag == "und");
}
