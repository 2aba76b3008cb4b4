#pragma once
// What a webhook said lately, by a digest of what was asked: the least used are forgotten first.
// One thread at a time.
#include <chrono>
#include <cstddef>
#include <list>
#include <unordered_map>
#include <utility>

#include "net/digest.h"

namespace millrace::ingest {

template <typename Answer>
class VerdictCache {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Entry {
    Answer answer;
    TimePoint fresh_until;  ///< Up to then it stands for a new one.
    TimePoint known_until;
  };

  explicit VerdictCache(std::size_t most) : most_(most) {}

  /// Null: it is not known (any more). Valid up to the next call.
  const Entry* find(const net::Sha256& question, TimePoint now) {
    const auto found = by_question_.find(question);
    if (found == by_question_.end()) return nullptr;
    if (found->second->second.known_until <= now) {
      order_.erase(found->second);
      by_question_.erase(found);
      return nullptr;
    }
    order_.splice(order_.begin(), order_, found->second);
    return &found->second->second;
  }

  void put(const net::Sha256& question, Entry entry) {
    erase(question);
    order_.emplace_front(question, std::move(entry));
    by_question_[question] = order_.begin();
    if (order_.size() <= most_) return;
    by_question_.erase(order_.back().first);
    order_.pop_back();
  }

  void erase(const net::Sha256& question) {
    const auto found = by_question_.find(question);
    if (found == by_question_.end()) return;
    order_.erase(found->second);
    by_question_.erase(found);
  }

  std::size_t size() const { return order_.size(); }

 private:
  /// A digest's bits are as good as chance.
  struct Hash {
    std::size_t operator()(const net::Sha256& digest) const {
      std::size_t hash = 0;
      for (std::size_t i = 0; i < sizeof hash; ++i) hash = hash << 8 | digest[i];
      return hash;
    }
  };
  using Order = std::list<std::pair<net::Sha256, Entry>>;

  const std::size_t most_;
  Order order_;  ///< The latest used first.
  std::unordered_map<net::Sha256, typename Order::iterator, Hash> by_question_;
};

}  // namespace millrace::ingest
