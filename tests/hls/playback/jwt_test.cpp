#include "hls/playback/jwt.h"

#include <catch2/catch.hpp>

#include "tests/support/jwt.h"

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;

namespace {

constexpr auto kNow = 1'799'999'000s;
constexpr std::string_view kSecret = "0123456789abcdef";

PlaybackRule rule() {
  PlaybackRule all{.access = PlaybackAccess::kSigned, .signing_keys = {"another", ""}};
  all.signing_keys[1] = kSecret;
  for (const auto pem : {test::kRsaKey, test::kEcKey})
    all.public_keys.push_back(net::parse_public_key(pem).value());
  return all;
}

bool is_signed(std::string_view token, const PlaybackRule& by = rule()) {
  const auto parts = split_jwt(token);
  return parts.has_value() && is_signed_by(by, parts.value());
}

std::string split_error(std::string_view token) {
  const auto parts = split_jwt(token);
  return parts.has_value() ? "taken" : parts.error().message;
}

std::string claims_error(std::string_view payload) {
  const auto claims = parse_jwt_claims(payload);
  return claims.has_value() ? "taken" : claims.error().message;
}

PlaybackJudgement judge(std::string_view payload, std::string_view path = "/live/shop/index.m3u8",
                        std::string_view audience = "") {
  const auto claims = parse_jwt_claims(payload);
  REQUIRE(claims.has_value());
  return judge_jwt_claims(claims.value(), "shop", path, audience, kNow);
}

}  // namespace

TEST_CASE("tokens of the three algorithms are known by their keys", "[jwt]") {
  const auto token = test::make_jwt(R"({"exp":1800000000,"channel":"shop"})", kSecret);
  CHECK(is_signed(token));
  CHECK(is_signed(test::kRs256Token));
  CHECK(is_signed(test::kEs256Token));
  for (const std::string_view good :
       {std::string_view(token), test::kRs256Token, test::kEs256Token}) {
    CHECK_FALSE(is_signed(good, {}));
    // One character of the payload, and one of the signature.
    std::string other(good);
    other[other.find('.') + 20] ^= 1;
    CHECK_FALSE(is_signed(other));
    other = good;
    char& last_but_one = other[other.size() - 2];
    last_but_one = last_but_one == 'A' ? 'B' : 'A';
    CHECK_FALSE(is_signed(other));
  }
}

TEST_CASE("a public key is no secret to sign with", "[jwt]") {
  CHECK_FALSE(is_signed(test::make_jwt("{}", test::kRsaKey)));
  CHECK_FALSE(is_signed(test::make_jwt("{}", test::kEcKey)));
  CHECK_FALSE(is_signed(test::make_jwt("{}", kSecret, R"({"alg":"RS256"})")));
  CHECK_FALSE(is_signed(test::make_jwt("{}", kSecret, R"({"alg":"ES256"})")));
}

TEST_CASE("other algorithms, none above all, and what must be understood is refused", "[jwt]") {
  for (const auto* header :
       {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"HS384"})", R"({"alg":""})"})
    CHECK(split_error(test::make_jwt("{}", kSecret, header)) ==
          "its algorithm is not HS256, RS256 or ES256");
  CHECK(split_error(test::make_jwt("{}", kSecret, R"({"alg":"HS256","crit":["exp"]})")) ==
        "its header has crit");
}

TEST_CASE("what is no JSON Web Token is told so", "[jwt]") {
  CHECK(split_error("") == "it has not three parts");
  CHECK(split_error("a.b") == "it has not three parts");
  CHECK(split_error("a.b.c.d") == "it is not in base64url");
  CHECK(split_error("e30=.e30.e30") == "it is not in base64url");
  for (const auto* header : {"", "[]", "7", "{", R"({"alg":7})", R"({"typ":"JWT"})"})
    CHECK(split_error(test::make_jwt("{}", kSecret, header)) ==
          "its header is no JSON object with alg");
}

TEST_CASE("claims are of the types that they are to be", "[jwt]") {
  CHECK(claims_error(R"({"exp":1,"channel":"a"})") == "taken");
  CHECK(claims_error(R"({"exp":1.5,"path":"/live/","nbf":0,"aud":["x"],"other":{}})") == "taken");
  CHECK(claims_error("[]") == "its payload is no JSON object");
  CHECK(claims_error("") == "its payload is no JSON object");
  for (const auto* exp : {R"("1800000000")", "null", "-1", "1e300", "true", "1e12"})
    CHECK(claims_error(std::string(R"({"channel":"a","exp":)") + exp + "}") ==
          "it has no exp in seconds since 1970");
  CHECK(claims_error(R"({"channel":"a"})") == "it has no exp in seconds since 1970");
  CHECK(claims_error(R"({"exp":1})") == "it says neither channel nor path");
  CHECK(claims_error(R"({"exp":1,"channel":[]})") == "it says neither channel nor path");
  CHECK(claims_error(R"({"exp":1,"channel":["a",7]})") ==
        "its channel is neither a name nor a list of names");
  CHECK(claims_error(R"({"exp":1,"path":7})") == "its path is no text");
  CHECK(claims_error(R"({"exp":1,"channel":"a","nbf":"0"})") ==
        "its nbf is not in seconds since 1970");
  CHECK(claims_error(R"({"exp":1,"channel":"a","aud":7})") ==
        "its aud is neither a text nor a list of texts");
}

TEST_CASE("a token lets in to its channels, and below its path", "[jwt]") {
  CHECK(judge(R"({"exp":1800000000,"channel":"shop"})").is_let_in);
  CHECK(judge(R"({"exp":1800000000,"channel":["farm","shop"]})").is_let_in);
  CHECK(judge(R"({"exp":1800000000,"path":"/live/shop/"})").is_let_in);
  CHECK(judge(R"({"exp":1800000000,"path":"/live/shop"})").is_let_in);
  CHECK(judge(R"({"exp":1800000000,"path":"/"})").is_let_in);
  CHECK(judge(R"({"exp":1800000000,"path":"/live/shop/source/"})", "/live/shop/source/index.m3u8")
            .is_let_in);
  for (const auto* scope :
       {R"("channel":"shop2")", R"("channel":["sho"])", R"("path":"/live/sho")",
        R"("path":"/live/shop/source/")", R"("path":"live/shop")", R"("channel":"*")"}) {
    CAPTURE(scope);
    const auto other = judge(std::string(R"({"exp":1800000000,)") + scope + "}");
    CHECK_FALSE(other.is_let_in);
    CHECK(other.refusal == PlaybackRefusal::kOtherChannel);
  }
}

TEST_CASE("a token begins and ends with its times", "[jwt]") {
  CHECK(judge(R"({"exp":1799999000,"channel":"shop"})").refusal == PlaybackRefusal::kExpired);
  CHECK(judge(R"({"exp":1799999000.9,"channel":"shop"})").refusal == PlaybackRefusal::kExpired);
  CHECK(judge(R"({"exp":1799999001,"channel":"shop"})").is_let_in);
  // Ten seconds are left to clocks that differ.
  CHECK(judge(R"({"exp":1800000000,"nbf":1799999010,"channel":"shop"})").is_let_in);
  const auto early = judge(R"({"exp":1800000000,"nbf":1799999011,"channel":"shop"})");
  CHECK_FALSE(early.is_let_in);
  CHECK(early.refusal == PlaybackRefusal::kNotYetValid);
  CHECK(early.text == "the token is valid in 11 s");
}

TEST_CASE("a token for another audience is none for this server", "[jwt]") {
  const auto path = "/live/shop/index.m3u8";
  const auto* const plain = R"({"exp":1800000000,"channel":"shop"})";
  const auto* const play = R"({"exp":1800000000,"channel":"shop","aud":["mail","play"]})";
  CHECK(judge(play, path, "play").is_let_in);
  CHECK(judge(plain, path, "").is_let_in);
  for (const auto& other :
       {judge(play, path, "shop"), judge(play, path, ""), judge(plain, path, "play")}) {
    CHECK_FALSE(other.is_let_in);
    CHECK(other.refusal == PlaybackRefusal::kOtherAudience);
  }
}
