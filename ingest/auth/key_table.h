#pragma once
// Static keys, as digests: which channels each of them opens. Not changed once it is made: a new
// key file makes a new table. Any thread.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ingest/auth/decision.h"
#include "ingest/auth/publish_name.h"
#include "net/digest.h"

namespace millrace::ingest {

struct KeyEntry {
  std::string key;  ///< As ChannelAccess::keys. A secret.
  std::vector<std::string> channels;
  PublishLimits limits;  ///< Of this key.
  SrtEncryption srt = {};
};

class KeyTable {
 public:
  /// Every key has passed check_key(). A key that is there twice has the stricter limits, and the
  /// first passphrase.
  explicit KeyTable(const std::vector<KeyEntry>& entries);

  /// NAME?key=KEY where KEY is one of channel NAME; or KEY alone where it opens one channel.
  /// Salted keys only with their channel: else each of them would have to be hashed and compared.
  Decision judge(const PublishName& name) const;
  bool has_channel(const std::string& channel) const { return channels_.contains(channel); }
  std::size_t size() const { return size_; }

 private:
  struct Use {
    std::string channel;
    PublishLimits limits;
    SrtEncryption srt;
  };
  struct Salted {
    std::string salt;
    net::Sha256 digest;
    PublishLimits limits;
    SrtEncryption srt;
  };
  /// A digest's bits are as good as chance.
  struct DigestHash {
    std::size_t operator()(const net::Sha256& digest) const;
  };

  void add(const net::Sha256& digest, const std::string& channel, const KeyEntry& entry);
  const Use* find(const net::Sha256& digest, const std::string& channel) const;
  Decision judge_bare(const std::string& key) const;

  // By digest, so that the time of a look-up says nothing of the keys that are in it.
  std::unordered_map<net::Sha256, std::vector<Use>, DigestHash> uses_;
  std::unordered_map<std::string, std::vector<Salted>> salted_;  ///< By channel.
  std::unordered_set<std::string> channels_;
  std::size_t size_ = 0;
};

}  // namespace millrace::ingest
