#include "net/http_refusal.h"

#include <catch2/catch.hpp>

using millrace::ErrorCode;
using millrace::net::refusal_error;
using millrace::net::refusal_response;

TEST_CASE("a refusal says its status, is not kept, and a page may read it", "[http]") {
  const auto response = refusal_response(431);
  CHECK(response.status == 431);
  CHECK(response.kind == "error");
  REQUIRE(response.body.size() == 1);
  CHECK(response.body[0].text() == "431\n");
  CHECK(std::find(response.headers.begin(), response.headers.end(),
                  std::pair<std::string, std::string>("Cache-Control", "no-store")) !=
        response.headers.end());
}

TEST_CASE("a refusal is counted as what it is", "[http]") {
  CHECK(refusal_error(400) == ErrorCode::kInvalidData);
  CHECK(refusal_error(408) == ErrorCode::kTimedOut);
  CHECK(refusal_error(413) == ErrorCode::kLimitExceeded);
  CHECK(refusal_error(431) == ErrorCode::kLimitExceeded);
  CHECK(refusal_error(501) == ErrorCode::kUnsupported);
}
