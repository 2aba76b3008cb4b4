#pragma once
// transcode.h's RemoteHosts: which machine the next worker is for.
//
// Any thread.
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "net/tls_client.h"

namespace millrace::transcode {

class RemoteHosts {
 public:
  /// Begins to connect to an address; net::connect_tls but in tests.
  using Connect = std::function<std::unique_ptr<net::TlsConnection>(
      const std::string& address, net::EventLoop& loop, net::TlsConnectionEvents events)>;

  /// References outlive it.
  RemoteHosts(const std::vector<std::string>& addresses, Connect connect, Metrics& metrics,
              const Clock& clock);

  /// A worker's stay on a host. Destroying it gives it back.
  class Place {
   public:
    Place(RemoteHosts& hosts, std::size_t host);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    const std::string& address() const;
    std::unique_ptr<net::TlsConnection> connect(net::EventLoop& loop,
                                                net::TlsConnectionEvents events) const;
    /// The host has given a worker: it is not in doubt any more.
    void succeeded();
    /// It is left out for a while: one log line, and a count.
    void failed(std::string_view why);

   private:
    RemoteHosts& hosts_;
    const std::size_t host_;
  };

  /// On the host with the fewest workers, the first listed of equals, of those that are not left
  /// out. Null where all are.
  std::unique_ptr<Place> take();
  /// Whether take() would give a place.
  bool has_host() const;

 private:
  struct Host {
    Gauge workers_gauge;
    Counter failures;
    std::size_t workers = 0;
    std::chrono::milliseconds next_pause{};
    std::chrono::steady_clock::time_point left_out_until{};
  };

  std::optional<std::size_t> best() const REQUIRES(mutex_);
  void give_back(std::size_t host);
  void succeeded(std::size_t host);
  void failed(std::size_t host, std::string_view why);

  const Connect connect_;
  const Clock& clock_;
  mutable Mutex mutex_;
  std::vector<Host> hosts_ GUARDED_BY(mutex_);
  const std::vector<std::string> addresses_;
};

}  // namespace millrace::transcode
