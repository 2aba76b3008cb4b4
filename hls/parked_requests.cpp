#include "hls/parked_requests.h"

namespace millrace::hls {

ParkedRequests::Key ParkedRequests::add(const PlaylistPosition& wait_for, ParkedRequest request) {
  const Key key{wait_for, next_++};
  const auto age = oldest_first_.insert(oldest_first_.end(), key);
  requests_.emplace(key, Entry{std::move(request), age});
  return key;
}

bool ParkedRequests::remove(const Key& key) {
  const auto found = requests_.find(key);
  if (found == requests_.end()) return false;
  oldest_first_.erase(found->second.age);
  requests_.erase(found);
  return true;
}

ParkedRequests::Entries::iterator ParkedRequests::take(Entries::iterator entry,
                                                       std::vector<ParkedRequest>& taken) {
  taken.push_back(std::move(entry->second.request));
  oldest_first_.erase(entry->second.age);
  return requests_.erase(entry);
}

std::vector<ParkedRequest> ParkedRequests::take_reached(const PlaylistEdge& edge) {
  std::vector<ParkedRequest> taken;
  // Nothing behind the newest part's segment is reached; before it only requests for parts past the
  // end of a segment are not.
  const PlaylistPosition end{edge.newest_part.segment + 1, 0};
  for (auto entry = requests_.begin(); entry != requests_.end() && entry->first.first < end;)
    entry = edge.reached(entry->first.first) ? take(entry, taken) : std::next(entry);
  return taken;
}

std::vector<ParkedRequest> ParkedRequests::take_since(
    std::chrono::steady_clock::time_point latest) {
  std::vector<ParkedRequest> taken;
  while (!oldest_first_.empty()) {
    const auto entry = requests_.find(oldest_first_.front());
    if (entry->second.request.since > latest) break;
    take(entry, taken);
  }
  return taken;
}

std::vector<ParkedRequest> ParkedRequests::take_impatient(
    std::chrono::steady_clock::time_point latest) {
  std::vector<ParkedRequest> taken;
  for (auto age = oldest_first_.begin(); age != oldest_first_.end();) {
    const auto entry = requests_.find(*age++);
    if (entry->second.request.since > latest) break;
    if (entry->second.request.is_impatient) take(entry, taken);
  }
  return taken;
}

std::vector<ParkedRequest> ParkedRequests::take_all() {
  std::vector<ParkedRequest> taken;
  for (auto entry = requests_.begin(); entry != requests_.end();) entry = take(entry, taken);
  return taken;
}

}  // namespace millrace::hls
