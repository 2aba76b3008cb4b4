#include "net/http2_response_head.h"

#include <catch2/catch.hpp>

using millrace::Bytes;
using millrace::net::Http2ResponseHead;
using millrace::net::HttpResponse;

namespace {

std::string text_of(std::span<const nghttp2_nv> fields) {
  std::string text;
  for (const auto& field : fields)
    text += std::string(reinterpret_cast<const char*>(field.name), field.namelen) + "=" +
            std::string(reinterpret_cast<const char*>(field.value), field.valuelen) + "\n";
  return text;
}

}  // namespace

TEST_CASE("an answer's header is what HTTP/2 takes", "[http2]") {
  Http2ResponseHead head;
  const HttpResponse response{.status = 206,
                              .headers = {{"Content-Type", "video/mp4"},
                                          {"ETag", "\"a\""},
                                          {"Content-Length", "7"},
                                          {"Connection", "close"},
                                          {"Keep-Alive", "timeout=5"},
                                          {"Upgrade", "h2c"},
                                          {"X-Echo", "\t a\r\nb: c\t"},
                                          {"X-Empty", "  "}},
                              .body = {Bytes::copy_of("123"), Bytes::copy_of("45")}};
  CHECK(text_of(head.format(response, "now")) ==
        ":status=206\ndate=now\ncontent-type=video/mp4\netag=\"a\"\nx-echo=a  b: c\nx-empty=\n"
        "content-length=5\n");
}

TEST_CASE("what has no content by definition has no length, and nothing stays", "[http2]") {
  Http2ResponseHead head;
  const HttpResponse first{.headers = {{"X-First", std::string(500, 'x')}}, .body = {}};
  CHECK(head.format(first, "now").size() == 4);
  for (const int status : {204, 304}) {
    const HttpResponse response{.status = status, .headers = {}, .body = {Bytes::copy_of("1")}};
    CHECK(text_of(head.format(response, "then")) ==
          ":status=" + std::to_string(status) + "\ndate=then\n");
  }
}
