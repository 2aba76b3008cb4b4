#include "ingest/auth/key_table.h"

#include <catch2/catch.hpp>

using namespace millrace;
using namespace millrace::ingest;

namespace {

Decision judged(const KeyTable& table, const std::string& text) {
  return table.judge(parse_publish_name(text).value());
}

std::string channel_of(const KeyTable& table, const std::string& text) {
  const auto decision = judged(table, text);
  return decision.grant ? decision.grant->channel : "refused";
}

}  // namespace

TEST_CASE("a key alone opens the one channel that it has", "[auth]") {
  const KeyTable table({{"s3cret", {"shop"}, {}}, {"0ther", {"farm"}, {}}});
  CHECK(channel_of(table, "s3cret") == "shop");
  CHECK(channel_of(table, "0ther") == "farm");
  CHECK(channel_of(table, "s3cret?bandwidthtest=true") == "shop");
  for (const auto* key : {"shop", "S3cret", "s3cret ", "s3cre", "x"}) {
    CHECK(channel_of(table, key) == "refused");
    CHECK(judged(table, key).why == Why::kUnknownKey);
  }
}

TEST_CASE("a key of several channels is sent with the channel's name", "[auth]") {
  const KeyTable table({{"s3cret", {"shop", "outlet"}, {}}, {"0ther", {"shop"}, {}}});
  CHECK(channel_of(table, "shop?key=s3cret") == "shop");
  CHECK(channel_of(table, "outlet?key=s3cret") == "outlet");
  CHECK(channel_of(table, "shop?key=0ther") == "shop");
  const auto ambiguous = judged(table, "s3cret");
  CHECK_FALSE(ambiguous.grant.has_value());
  CHECK(ambiguous.why == Why::kAmbiguous);
  CHECK(ambiguous.message.find("CHANNEL?key=KEY") != std::string::npos);
  CHECK(ambiguous.message.find("s3cret") == std::string::npos);
  for (const auto* key : {"outlet?key=0ther", "farm?key=s3cret", "shop?key=", "shop?key=shop"})
    CHECK(judged(table, key).why == Why::kUnknownKey);
}

TEST_CASE("keys are kept as hashes, and a hash is no key", "[auth]") {
  // printf %s s3cret | sha256sum
  const std::string hash =
      "sha256:1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0";
  CHECK(hash_key("s3cret", "") == hash);
  const KeyTable table({{hash, {"shop"}, {}}});
  CHECK(channel_of(table, "s3cret") == "shop");
  CHECK(channel_of(table, "shop?key=s3cret") == "shop");
  CHECK(channel_of(table, hash) == "refused");
  CHECK(channel_of(table, "shop?key=" + hash) == "refused");
}

TEST_CASE("salted keys open the channel that is named with them", "[auth]") {
  // printf %s 5a17:s3cret | sha256sum
  const std::string hash =
      "sha256:5a17:3b4faf68068383e5236e4574fe2a068e5925582ce9ed9a8aeca6300cabea84f8";
  CHECK(hash_key("s3cret", "5a17") == hash);
  const KeyTable table({{hash, {"shop"}, {.width = 640}}, {hash_key("0ther", "77"), {"shop"}, {}}});
  CHECK(channel_of(table, "shop?key=s3cret") == "shop");
  CHECK(judged(table, "shop?key=s3cret").grant->limits.width == 640);
  CHECK(channel_of(table, "shop?key=0ther") == "shop");
  CHECK(channel_of(table, "s3cret") == "refused");
  CHECK(channel_of(table, "farm?key=s3cret") == "refused");
  CHECK(channel_of(table, "shop?key=5a17:s3cret") == "refused");
}

TEST_CASE("a key that is there twice has the stricter limits", "[auth]") {
  const KeyTable table({{"k", {"shop"}, {.width = 640}}, {"k", {"shop"}, {.width = 1280}}});
  CHECK(judged(table, "k").grant->limits.width == 640);
}

TEST_CASE("a key's own passphrase comes with what it opens", "[auth]") {
  const SrtEncryption own{"correct-horse", 32};
  const KeyTable table({{"s3cret", {"shop"}, {}, own},
                        {hash_key("salted", "ab"), {"farm"}, {}, own},
                        {"0ther", {"shop"}, {}}});
  CHECK(judged(table, "s3cret").grant->srt == own);
  CHECK(judged(table, "shop?key=s3cret").grant->srt == own);
  CHECK(judged(table, "farm?key=salted").grant->srt == own);
  CHECK(judged(table, "0ther").grant->srt == SrtEncryption{});
}

TEST_CASE("what is no key is told without showing it", "[auth]") {
  const std::string digest(64, 'a');
  for (const std::string& key : {std::string("k"), std::string("a&b=c,d#e%"), std::string(256, 'x'),
                                 "sha256:" + digest, "sha256:5a17:" + digest})
    CHECK(check_key(key).has_value());
  for (const std::string& key :
       {std::string(), std::string("has space"), std::string("umläut"), std::string(257, 'x'),
        std::string("a?b"), std::string("sha256:"), "sha256:0" + digest, "sha256::" + digest,
        "sha256:sa lt:" + digest, "sha256:5a:17:" + digest, "sha256:g" + digest.substr(1)}) {
    INFO(key);
    const auto good = check_key(key);
    REQUIRE_FALSE(good.has_value());
    CHECK((key.empty() || good.error().message.find(key) == std::string::npos || key == "sha256:"));
  }
}
