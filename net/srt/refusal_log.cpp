#include "net/srt/refusal_log.h"

#include <utility>

namespace millrace::net::srt {

std::optional<std::uint64_t> RefusalLog::note(const std::string& host, TimePoint now) {
  const MutexLock lock(mutex_);
  if (entries_.size() >= kMaxHosts && !entries_.contains(host))
    std::erase_if(entries_, [&](const auto& entry) {
      return entry.second.unsaid == 0 && now - entry.second.said_at >= kQuiet;
    });
  const bool has_room = entries_.size() < kMaxHosts || entries_.contains(host);
  const auto [found, is_new] = entries_.try_emplace(has_room ? host : "*");
  Entry& entry = found->second;
  ++entry.unsaid;
  if (!is_new && now - entry.said_at < kQuiet) return std::nullopt;
  entry.said_at = now;
  return std::exchange(entry.unsaid, 0);
}

}  // namespace millrace::net::srt
