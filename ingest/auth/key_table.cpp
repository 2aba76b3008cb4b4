#include "ingest/auth/key_table.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/check.h"

namespace millrace::ingest {
namespace {

constexpr std::string_view kHashed = "sha256:";
constexpr std::size_t kMaxKeyBytes = 256;
constexpr std::size_t kMaxSaltBytes = 64;

struct HashedKey {
  std::string salt;  ///< Empty: none.
  net::Sha256 digest{};
};

net::Sha256 digest_of(std::string_view key, std::string_view salt) {
  if (salt.empty()) return net::sha256(key);
  return net::sha256(std::string(salt).append(":").append(key));
}

bool is_salt(std::string_view text) {
  return !text.empty() && text.size() <= kMaxSaltBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
         });
}

/// HEX or SALT:HEX.
std::optional<HashedKey> parse_hashed(std::string_view text) {
  HashedKey key;
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    key.salt = text.substr(0, colon);
    if (!is_salt(key.salt)) return std::nullopt;
    text.remove_prefix(colon + 1);
  }
  const auto digest = net::sha256_from_hex(text);
  if (!digest) return std::nullopt;
  key.digest = *digest;
  return key;
}

}  // namespace

Status check_key(std::string_view entry) {
  if (entry.empty() || entry.size() > kMaxKeyBytes ||
      !std::all_of(entry.begin(), entry.end(), [](char c) { return c > ' ' && c <= '~'; }))
    return Error{ErrorCode::kInvalidData,
                 "a key is 1 to 256 printable ASCII characters without spaces"};
  if (entry.find('?') != std::string_view::npos)
    return Error{ErrorCode::kInvalidData, "a key has no '?': what comes behind one are parameters"};
  if (entry.starts_with(kHashed) && !parse_hashed(entry.substr(kHashed.size())))
    return Error{ErrorCode::kInvalidData,
                 "a hashed key is sha256:HEX or sha256:SALT:HEX, as millrace hash-key prints it"};
  return ok();
}

std::string hash_key(std::string_view key, std::string_view salt) {
  std::string text(kHashed);
  if (!salt.empty()) text.append(salt).append(":");
  return text + net::to_hex(digest_of(key, salt));
}

std::size_t KeyTable::DigestHash::operator()(const net::Sha256& digest) const {
  std::size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

KeyTable::KeyTable(const std::vector<KeyEntry>& entries) : size_(entries.size()) {
  for (const auto& entry : entries) {
    const std::string_view key = entry.key;
    std::optional<HashedKey> hashed;
    if (key.starts_with(kHashed)) {
      hashed = parse_hashed(key.substr(kHashed.size()));
      CHECK(hashed.has_value());
    }
    const net::Sha256 digest = hashed ? hashed->digest : net::sha256(key);
    for (const auto& channel : entry.channels) {
      channels_.insert(channel);
      if (hashed && !hashed->salt.empty())
        salted_[channel].push_back({hashed->salt, digest, entry.limits, entry.srt});
      else
        add(digest, channel, entry);
    }
  }
}

void KeyTable::add(const net::Sha256& digest, const std::string& channel, const KeyEntry& entry) {
  auto& uses = uses_[digest];
  const auto found = std::find_if(uses.begin(), uses.end(),
                                  [&](const Use& use) { return use.channel == channel; });
  if (found == uses.end()) return uses.push_back({channel, entry.limits, entry.srt});
  found->limits = stricter(found->limits, entry.limits);
  if (found->srt.passphrase.empty()) found->srt = entry.srt;
}

const KeyTable::Use* KeyTable::find(const net::Sha256& digest, const std::string& channel) const {
  const auto uses = uses_.find(digest);
  if (uses == uses_.end()) return nullptr;
  const auto use = std::find_if(uses->second.begin(), uses->second.end(),
                                [&](const Use& one) { return one.channel == channel; });
  return use == uses->second.end() ? nullptr : &*use;
}

Decision KeyTable::judge(const PublishName& name) const {
  const std::string* const key = name.find("key");
  if (key == nullptr) return judge_bare(name.name);
  if (const Use* const use = find(net::sha256(*key), name.name))
    return granted(use->channel, use->limits, use->srt);
  if (const auto salted = salted_.find(name.name); salted != salted_.end())
    for (const auto& one : salted->second)
      if (net::is_same_digest(digest_of(*key, one.salt), one.digest))
        return granted(name.name, one.limits, one.srt);
  return denied(Why::kUnknownKey, "the channel does not have this key");
}

Decision KeyTable::judge_bare(const std::string& key) const {
  const auto uses = uses_.find(net::sha256(key));
  if (uses == uses_.end()) return denied(Why::kUnknownKey, "no channel has this key");
  if (uses->second.size() > 1)
    return denied(Why::kAmbiguous,
                  "it belongs to several channels, so send CHANNEL?key=KEY in its place");
  const Use& use = uses->second.front();
  return granted(use.channel, use.limits, use.srt);
}

}  // namespace millrace::ingest
