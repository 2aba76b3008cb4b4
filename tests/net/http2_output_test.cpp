#include "net/http2_output.h"

#include <catch2/catch.hpp>

using millrace::Bytes;
using millrace::net::Http2Output;

TEST_CASE("framing and bodies leave in the order of their coming, bodies not copied", "[http2]") {
  const Bytes body = Bytes::copy_of("body");
  Http2Output output;
  CHECK(output.empty());
  output.add_framing("[a]");
  output.add_framing("[b]");
  output.add_body(body);
  output.add_body({});
  output.add_body(body.slice(1, 2));
  output.add_framing("[c]");
  CHECK_FALSE(output.empty());
  const auto pieces = output.take();
  REQUIRE(pieces.size() == 4);
  CHECK(pieces[0].text() == "[a][b]");
  CHECK(pieces[1].data() == body.data());
  CHECK(pieces[2].data() == body.data() + 1);
  CHECK(pieces[2].size() == 2);
  CHECK(pieces[3].text() == "[c]");
  CHECK(output.empty());
}

TEST_CASE("an output is full by what is in it, whoever owns that", "[http2]") {
  const Bytes body{millrace::MutableBytes(Http2Output::kMaxBytes - 1)};
  Http2Output output;
  output.add_body(body);
  CHECK_FALSE(output.is_full());
  output.add_framing("x");
  CHECK(output.is_full());
  output.take();
  CHECK_FALSE(output.is_full());
}
