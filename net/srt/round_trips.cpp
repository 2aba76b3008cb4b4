#include "net/srt/round_trips.h"

#include <algorithm>

namespace millrace::net::srt {

void RoundTrips::remember(const std::string& host, std::chrono::microseconds round_trip,
                          TimePoint now) {
  hosts_[host] = {round_trip, now};
  if (hosts_.size() <= kMaxHosts) return;
  hosts_.erase(std::min_element(hosts_.begin(), hosts_.end(), [](const auto& a, const auto& b) {
    return a.second.at < b.second.at;
  }));
}

std::optional<std::chrono::microseconds> RoundTrips::find(const std::string& host,
                                                          TimePoint now) const {
  const auto found = hosts_.find(host);
  if (found == hosts_.end() || now - found->second.at > kMemory) return std::nullopt;
  return found->second.round_trip;
}

}  // namespace millrace::net::srt
