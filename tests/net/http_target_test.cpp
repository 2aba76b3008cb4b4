#include "net/http_target.h"

#include <catch2/catch.hpp>

using millrace::net::HttpMethod;
using millrace::net::HttpRequest;
using millrace::net::split_target;

TEST_CASE("a target is cut into path and query", "[http]") {
  HttpRequest request;
  const auto split = [&](std::string_view target) {
    request = {};
    return split_target(target, request) ? request.path + " " + request.query : "refused";
  };
  CHECK(split("/") == "/ ");
  CHECK(split("/a?b=c?d") == "/a b=c?d");
  CHECK(split("/?") == "/ ");
  CHECK(split("http://host/a?b") == "/a b");
  CHECK(split("http://host?b") == "/ b");
  CHECK(split("http://host") == "/ ");
  CHECK(split("") == "refused");
  CHECK(split("a/b") == "refused");
  CHECK(split("*") == "refused");
  request = {};
  request.method = HttpMethod::kOptions;
  CHECK(split_target("*", request));
  CHECK(request.path == "*");
}
