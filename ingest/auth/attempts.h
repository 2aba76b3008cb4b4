#pragma once
// Remembers addresses that tried wrong keys, to slow down those that guess.
//
// The rule: what counts is how many different wrong keys an address tried, so that an encoder that
// comes again and again with one wrong key slows down nobody behind the same NAT. Past a few, each
// answer to the address is delayed, twice as long with each further one, right keys too, since a
// fast answer would tell. A key that got in from the address lately is not delayed. An address is
// forgotten some minutes after its last wrong key. Signed keys, which nobody guesses, stay out of
// it. Any thread.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/mutex.h"

namespace millrace::ingest {

class Attempts {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// Different wrong keys that cost nothing: a person who mistypes.
  static constexpr int kFree = 5;
  static constexpr std::chrono::milliseconds kFirstDelay{250};
  /// Encoders and rtmp.publish_timeout wait longer than this.
  static constexpr std::chrono::milliseconds kLongestDelay{5'000};
  static constexpr std::chrono::minutes kForgetAfter{10};
  static constexpr std::chrono::hours kRightFor{1};
  static constexpr std::chrono::seconds kQuiet{10};
  /// Past it the address that tried longest ago is forgotten.
  static constexpr std::size_t kMaxAddresses = 10'000;

  Attempts();

  /// How long this key's answer is to be delayed.
  std::chrono::milliseconds delay(const std::string& address, std::string_view key, TimePoint now);
  /// For answers that cannot be delayed: whether this key is looked at now. One for each delay is.
  bool may_look(const std::string& address, std::string_view key, TimePoint now);
  void succeeded(const std::string& address, std::string_view key, TimePoint now);
  void failed(const std::string& address, std::string_view key, TimePoint now);

  /// How many refusals of the address a log line stands for, this one included; nothing: no line
  /// now. At most one line in kQuiet.
  std::optional<std::uint64_t> note_refusal(const std::string& address, TimePoint now);

  std::size_t addresses() const;

 private:
  /// Eight of each are remembered: keys as keyed digests, never as they are.
  static constexpr std::size_t kRemembered = 8;
  struct RightKey {
    std::uint64_t key = 0;
    TimePoint at;
  };
  struct Entry {
    std::list<std::string>::iterator place;
    int failures = 0;  ///< Of different keys.
    TimePoint last_failure;
    TimePoint next_look;
    std::list<std::uint64_t> wrong;
    std::list<RightKey> right;
    TimePoint said_at;
    std::uint64_t unsaid = 0;
    bool has_said = false;
  };

  std::uint64_t fingerprint(std::string_view key) const;
  /// Moves it to the front of `order_`; makes it where it is missing.
  Entry& touch(const std::string& address) REQUIRES(mutex_);
  Entry* find(const std::string& address) REQUIRES(mutex_);
  static std::chrono::milliseconds delay_of(const Entry& entry, std::uint64_t key, TimePoint now);

  const std::string secret_;  ///< Of this start: fingerprints mean nothing elsewhere.
  mutable Mutex mutex_;
  std::list<std::string> order_ GUARDED_BY(mutex_);  ///< The latest first.
  std::unordered_map<std::string, Entry> entries_ GUARDED_BY(mutex_);
};

/// "192.0.2.7:51423" without its port; of IPv6 the first 64 bits, since one host has all the rest.
std::string slowed_address(const std::string& remote_address);

}  // namespace millrace::ingest
