#include "net/http2_stream.h"

#include <catch2/catch.hpp>

using millrace::Bytes;
using millrace::net::Http2Output;
using millrace::net::Http2Stream;

TEST_CASE("a body leaves in any portions, none of it copied", "[http2]") {
  const Bytes one = Bytes::copy_of("abc");
  const Bytes two = Bytes::copy_of("defgh");
  const auto stream = std::make_shared<Http2Stream>(nullptr, 1, 1'000);
  stream->set_body({one, {}, two});
  CHECK(stream->left() == 8);
  Http2Output output;
  stream->send(2, output);
  stream->send(4, output);
  CHECK(stream->left() == 2);
  stream->send(2, output);
  CHECK(stream->left() == 0);
  const auto pieces = output.take();
  REQUIRE(pieces.size() == 4);
  CHECK(pieces[0].text() == "ab");
  CHECK(pieces[0].data() == one.data());
  CHECK(pieces[1].text() == "c");
  CHECK(pieces[2].text() == "def");
  CHECK(pieces[2].data() == two.data());
  CHECK(pieces[3].text() == "gh");
}

TEST_CASE("an answer for a stream that has ended goes nowhere", "[http2]") {
  const auto stream = std::make_shared<Http2Stream>(nullptr, 1, 1'000);
  stream->take_answer({.headers = {}, .body = {Bytes::copy_of("late")}});
  CHECK(stream->left() == 0);
}
