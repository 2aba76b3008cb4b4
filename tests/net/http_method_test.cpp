#include "net/http_method.h"

#include <catch2/catch.hpp>

using millrace::net::http_method_of;
using millrace::net::HttpMethod;

TEST_CASE("a method is known by its name in capitals", "[http]") {
  CHECK(http_method_of("GET") == HttpMethod::kGet);
  CHECK(http_method_of("HEAD") == HttpMethod::kHead);
  CHECK(http_method_of("OPTIONS") == HttpMethod::kOptions);
  CHECK(http_method_of("POST") == HttpMethod::kPost);
  CHECK(http_method_of("PUT") == HttpMethod::kPut);
  CHECK(http_method_of("DELETE") == HttpMethod::kDelete);
  for (const auto* name : {"", "get", "GETS", "PATCH", "CONNECT", "M-SEARCH"})
    CHECK(http_method_of(name) == HttpMethod::kOther);
}
