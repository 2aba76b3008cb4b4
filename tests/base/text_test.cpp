#include "base/text.h"

#include <catch2/catch.hpp>

using millrace::trimmed;

TEST_CASE("blanks around a text are no part of it", "[text]") {
  CHECK(trimmed(" \ta b\t ") == "a b");
  CHECK(trimmed("ab") == "ab");
  CHECK(trimmed(" \t ").empty());
  CHECK(trimmed("").empty());
  CHECK(trimmed(" a\r\n") == "a");
}
