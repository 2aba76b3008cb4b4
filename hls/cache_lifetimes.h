#pragma once
// How long caches may keep each class of answer. Pure; any thread.
#include <chrono>
#include <cstdint>
#include <optional>

namespace millrace::hls {

/// Whole seconds. What is not set follows the target duration (rfc8216bis B.1, llhls.md's table).
struct CacheLifetimes {
  std::optional<std::chrono::seconds> multivariant;  ///< Else half of it, at least 1 s.
  std::optional<std::chrono::seconds> playlist;      ///< As it is now; else the same.
  std::optional<std::chrono::seconds> blocking;      ///< Asked for by its number; else six of it.
  std::optional<std::chrono::seconds> ended;         ///< Any playlist then; else as `playlist`.
  std::optional<std::chrono::seconds> init;          ///< Else an hour, or six of it.
  std::optional<std::chrono::seconds> segment;       ///< The same.
  std::optional<std::chrono::seconds> part;          ///< Else six of it.
  std::chrono::seconds error{1};  ///< Its cause is often gone then: a part that comes.
};

enum class CacheClass { kMultivariant, kPlaylist, kBlocking, kEnded, kInit, kSegment, kPart };

/// For how long a cache may keep an answer.
struct CacheRule {
  std::chrono::seconds max_age{0};  ///< 0: not without asking again.
  bool is_immutable = false;        ///< The URL never has another content.
};

CacheRule cache_rule(const CacheLifetimes& lifetimes, CacheClass what,
                     std::uint64_t target_seconds);

}  // namespace millrace::hls
