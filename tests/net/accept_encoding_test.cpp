#include "net/accept_encoding.h"

#include <catch2/catch.hpp>

using millrace::net::accepts_gzip;

TEST_CASE("gzip is for those who name it and do not refuse it", "[http]") {
  for (const char* const header : {"gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.8", "gzip;q=1",
                                   "deflate,gzip;q=0.001", " gzip ; q=0.5"}) {
    CAPTURE(header);
    CHECK(accepts_gzip(header));
  }
  for (const char* const header : {"", "identity", "br", "gzip;q=0", "gzip;q=0.000", "*", "xgzip",
                                   "gzipx", "deflate, gzip; q=0"}) {
    CAPTURE(header);
    CHECK_FALSE(accepts_gzip(header));
  }
}
