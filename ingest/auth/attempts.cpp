#include "ingest/auth/attempts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "net/digest.h"

namespace millrace::ingest {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kSecretBytes = 16;
constexpr std::size_t kPrefixBytes = 8;  // Of an IPv6 address: a /64, as a host is given.
constexpr int kMostDoublings = 10;       // Past them the longest delay holds anyway.

}  // namespace

Attempts::Attempts() : secret_(net::random_hex(kSecretBytes)) {}

std::uint64_t Attempts::fingerprint(std::string_view key) const {
  const auto digest = net::hmac_sha256(secret_, key);
  std::uint64_t value = 0;
  std::memcpy(&value, digest.data(), sizeof value);
  return value;
}

Attempts::Entry* Attempts::find(const std::string& address) {
  const auto found = entries_.find(address);
  return found == entries_.end() ? nullptr : &found->second;
}

Attempts::Entry& Attempts::touch(const std::string& address) {
  const auto [found, is_new] = entries_.try_emplace(address);
  Entry& entry = found->second;
  if (is_new) {
    order_.push_front(address);
    entry.place = order_.begin();
    if (entries_.size() > kMaxAddresses) {
      entries_.erase(order_.back());
      order_.pop_back();
    }
  } else {
    order_.splice(order_.begin(), order_, entry.place);
  }
  return entry;
}

milliseconds Attempts::delay_of(const Entry& entry, std::uint64_t key, TimePoint now) {
  if (entry.failures <= kFree || now - entry.last_failure >= kForgetAfter) return milliseconds(0);
  const bool is_right = std::any_of(
      entry.right.begin(), entry.right.end(),
      [&](const RightKey& right) { return right.key == key && now - right.at < kRightFor; });
  if (is_right) return milliseconds(0);
  const int doublings = std::min(entry.failures - kFree - 1, kMostDoublings);
  return std::min(kFirstDelay * (1 << doublings), kLongestDelay);
}

milliseconds Attempts::delay(const std::string& address, std::string_view key, TimePoint now) {
  const MutexLock lock(mutex_);
  const Entry* const entry = find(address);
  // The fingerprint costs more than the rest: not for those who are not slowed.
  if (entry == nullptr || entry->failures <= kFree) return milliseconds(0);
  return delay_of(*entry, fingerprint(key), now);
}

bool Attempts::may_look(const std::string& address, std::string_view key, TimePoint now) {
  const MutexLock lock(mutex_);
  Entry* const entry = find(address);
  if (entry == nullptr || entry->failures <= kFree) return true;
  const auto delay = delay_of(*entry, fingerprint(key), now);
  if (delay == milliseconds(0)) return true;
  if (now < entry->next_look) return false;
  entry->next_look = now + delay;
  return true;
}

void Attempts::succeeded(const std::string& address, std::string_view key, TimePoint now) {
  const std::uint64_t print = fingerprint(key);
  const MutexLock lock(mutex_);
  Entry& entry = touch(address);
  entry.right.remove_if([&](const RightKey& right) { return right.key == print; });
  entry.right.push_front({print, now});
  if (entry.right.size() > kRemembered) entry.right.pop_back();
}

void Attempts::failed(const std::string& address, std::string_view key, TimePoint now) {
  const std::uint64_t print = fingerprint(key);
  const MutexLock lock(mutex_);
  Entry& entry = touch(address);
  if (now - entry.last_failure >= kForgetAfter) {
    entry.failures = 0;
    entry.wrong.clear();
  }
  const auto known = std::find(entry.wrong.begin(), entry.wrong.end(), print);
  if (known != entry.wrong.end()) return;
  entry.last_failure = now;
  entry.failures = std::min(entry.failures + 1, kFree + kMostDoublings + 1);
  entry.wrong.push_front(print);
  if (entry.wrong.size() > kRemembered) entry.wrong.pop_back();
}

std::optional<std::uint64_t> Attempts::note_refusal(const std::string& address, TimePoint now) {
  const MutexLock lock(mutex_);
  Entry& entry = touch(address);
  ++entry.unsaid;
  if (entry.has_said && now - entry.said_at < kQuiet) return std::nullopt;
  entry.has_said = true;
  entry.said_at = now;
  return std::exchange(entry.unsaid, 0);
}

std::size_t Attempts::addresses() const {
  const MutexLock lock(mutex_);
  return entries_.size();
}

std::string slowed_address(const std::string& remote_address) {
  std::string host = remote_address.substr(0, remote_address.rfind(':'));
  if (!host.starts_with('[') || !host.ends_with(']')) return host;
  const std::string text = host.substr(1, host.size() - 2);
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return host;
  // An IPv4 address in IPv6's clothes is the address of one host.
  if (IN6_IS_ADDR_V4MAPPED(reinterpret_cast<const in6_addr*>(bytes.data()))) return host;
  std::fill(bytes.begin() + kPrefixBytes, bytes.end(), std::uint8_t{0});
  std::array<char, INET6_ADDRSTRLEN> prefix{};
  inet_ntop(AF_INET6, bytes.data(), prefix.data(), prefix.size());
  return std::string(prefix.data()) + "/64";
}

}  // namespace millrace::ingest
