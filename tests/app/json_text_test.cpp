#include "app/json_text.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using millrace::app::to_text;

TEST_CASE("JSON is written whatever bytes came from outside", "[json]") {
  CHECK(to_text({{"name", "caf\u00e9"}, {"value", 1}}) == "{\"name\":\"caf\u00e9\",\"value\":1}");
  CHECK(to_text({{"name", "a\xff b"}}) == "{\"name\":\"a\uFFFD b\"}");
  CHECK(nlohmann::json::parse(to_text({{"\xc3", "\xe2\x82"}})).size() == 1);  // Cut characters.
}
