#include "ingest/srt/stream_id.h"

#include <catch2/catch.hpp>

using namespace millrace::ingest;
using millrace::net::srt::Refusal;

namespace {

std::string key_of(std::string_view text) {
  StreamId id;
  StreamIdError error;
  return parse_stream_id(text, id, error) ? id.key : "refused";
}

Refusal refusal_of(std::string_view text) {
  StreamId id;
  StreamIdError error;
  CHECK_FALSE(parse_stream_id(text, id, error));
  CHECK_FALSE(error.message.empty());
  return error.refusal;
}

}  // namespace

TEST_CASE("a stream id is a key, with or without the word publish", "[srt]") {
  CHECK(key_of("secret-one") == "secret-one");
  CHECK(key_of("publish:secret-one") == "secret-one");
  CHECK(key_of("live/secret-one") == "secret-one");
  CHECK(key_of("publish:live/secret-one") == "secret-one");
  CHECK(key_of("100%25") == "100%25");  // No escape: a key may have a percent sign.
}

TEST_CASE("a stream id in the access-control form has its key as the resource", "[srt]") {
  CHECK(key_of("#!::r=secret-one,m=publish") == "secret-one");
  CHECK(key_of("#!::m=publish,u=anna,r=live/secret-one,h=example.com,s=17") == "secret-one");
  CHECK(key_of("#!::r=a=b") == "a=b");
  CHECK(key_of("#!::r=secret-one,,t=stream") == "secret-one");
  StreamId id;
  StreamIdError error;
  REQUIRE(parse_stream_id("#!::u=anna,r=k", id, error));
  CHECK(id.user == "anna");
}

TEST_CASE("a stream id may come percent-encoded as it stood in a URL", "[srt]") {
  CHECK(key_of("%23!::r=secret-one,m=publish") == "secret-one");
  CHECK(key_of("%23%21%3A%3Ar%3Dsecret-one%2Cm%3dpublish") == "secret-one");
  CHECK(key_of("publish%3Asecret-one") == "secret-one");
  CHECK(key_of("%23!::r=50%") == "50%");
}

TEST_CASE("a stream id that asks for something else is refused with its own code", "[srt]") {
  CHECK(refusal_of("") == Refusal::kUnauthorized);
  CHECK(refusal_of("#!::m=publish") == Refusal::kUnauthorized);
  CHECK(refusal_of("#!::r=k,m=request") == Refusal::kBadMode);
  CHECK(refusal_of("#!::r=k,m=bidirectional") == Refusal::kBadMode);
  CHECK(refusal_of("request:k") == Refusal::kBadMode);
  CHECK(refusal_of("#!::r=k,t=file") == Refusal::kBadType);
  CHECK(refusal_of("#!::r=k,nonsense") == Refusal::kBadRequest);
  CHECK(refusal_of("#!:{r=k}") == Refusal::kBadRequest);
  CHECK(refusal_of(std::string(513, 'k')) == Refusal::kBadRequest);
}

TEST_CASE("a stream id carries a channel with its key, or a signed key", "[srt]") {
  CHECK(key_of("shop?key=s3cret") == "shop?key=s3cret");
  CHECK(key_of("publish:shop?expires=1&sig=ab") == "shop?expires=1&sig=ab");
  CHECK(key_of("#!::r=shop?key=s3cret,m=publish") == "shop?key=s3cret");
  CHECK(key_of("#!::m=publish,r=shop,key=s3cret") == "shop?key=s3cret");
  CHECK(key_of("#!::expires=1,r=shop,bitrate=5M,u=anna,sig=ab") ==
        "shop?expires=1&bitrate=5M&sig=ab");
  CHECK(refusal_of("#!::key=s3cret,m=publish") == Refusal::kUnauthorized);
}

TEST_CASE("question marks that came percent-encoded are decoded with all the rest", "[srt]") {
  CHECK(key_of("shop%3Fexpires%3D1%26sig%3Dab") == "shop?expires=1&sig=ab");
  CHECK(key_of("live/shop%3fkey=s3cret") == "shop?key=s3cret");
  CHECK(key_of("#!::r=shop%3Fkey%3Ds3cret,m=publish") == "shop?key=s3cret");
  CHECK(key_of("shop?key=100%25") == "shop?key=100%25");  // Decoded with the parameters, once.
  CHECK(key_of("50%3Dhalf") == "50%3Dhalf");
}
