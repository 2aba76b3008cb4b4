#pragma once
// Requests of one rendition that wait for a playlist or a part, indexed by what they wait for.
//
// No thread of its own: the channel's lock is held for every call.
#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "hls/blocking_reload.h"
#include "net/http_server.h"

namespace millrace::hls {

struct ParkedRequest {
  std::shared_ptr<net::HttpExchange> exchange;
  bool wants_delta = false;
  bool wants_dvr = false;
  bool wants_ts = false;
  bool is_blocking_reload = true;  ///< It names what it waits for.
  bool is_impatient = false;       ///< It takes what there is after a while.
  std::chrono::steady_clock::time_point since;
};

class ParkedRequests {
 public:
  /// Names a request for as long as it is parked.
  using Key = std::pair<PlaylistPosition, std::uint64_t>;

  Key add(const PlaylistPosition& wait_for, ParkedRequest request);
  /// False where it is parked no more.
  bool remove(const Key& key);

  std::size_t size() const { return requests_.size(); }
  /// What a playlist with this edge answers.
  std::vector<ParkedRequest> take_reached(const PlaylistEdge& edge);
  std::vector<ParkedRequest> take_since(std::chrono::steady_clock::time_point latest);
  std::vector<ParkedRequest> take_impatient(std::chrono::steady_clock::time_point latest);
  std::vector<ParkedRequest> take_all();

 private:
  struct Entry {
    ParkedRequest request;
    std::list<Key>::iterator age;
  };
  using Entries = std::map<Key, Entry>;

  Entries::iterator take(Entries::iterator entry, std::vector<ParkedRequest>& taken);

  Entries requests_;
  std::list<Key> oldest_first_;
  std::uint64_t next_ = 0;
};

}  // namespace millrace::hls
