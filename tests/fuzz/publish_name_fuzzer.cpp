// Any text as what was typed in the key's place: nothing is granted but by a key or a signature,
// and behind a right signature too only a channel's name and limits that make sense come out.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "ingest/auth/key_table.h"
#include "ingest/auth/signed_key.h"

namespace {

using namespace millrace::ingest;

constexpr auto kNow = std::chrono::seconds(1'800'000'000);
const std::vector<std::string> kSecrets{"0123456789abcdef", "fedcba9876543210"};

void check_grant(const Grant& grant) {
  CHECK(is_channel_name(grant.channel));
  CHECK(grant.limits.bits_per_second >= 0 && grant.limits.width >= 0 && grant.limits.height >= 0);
  CHECK(grant.limits.frame_rate >= 0 && grant.limits.session.count() >= 0);
}

void judge(const KeyTable& keys, std::string_view text) {
  const auto parsed = parse_publish_name(text);
  if (!parsed.has_value()) {
    CHECK(!parsed.error().message.empty());
    return;
  }
  const PublishName& name = parsed.value();
  CHECK(!name.name.empty() && text.starts_with(name.name));
  for (const auto& [parameter, value] : name.parameters) CHECK(name.find(parameter) == &value);
  const auto by_key = keys.judge(name);
  if (by_key.grant) {
    const auto* const key = name.find("key");
    CHECK(name.name == "s3cret" || (key != nullptr && (*key == "s3cret" || *key == "0ther")));
    check_grant(*by_key.grant);
  }
  if (name.find("sig") == nullptr) return;
  const auto by_signature = judge_signed_key(name, kSecrets, kNow);
  if (!by_signature.grant) return;
  check_grant(*by_signature.grant);
  CHECK(text.starts_with(name.signed_text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const KeyTable keys({{"s3cret", {"shop"}, {}},
                              {"0ther", {"shop", "farm"}, {.width = 640}},
                              {hash_key("0ther", "5a17"), {"outlet"}, {}}});
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  judge(keys, text);
  // A signature is not found by chance.
  judge(keys, std::string(text) + "&sig=" + signature_of(text, kSecrets[1]));
  return 0;
}
