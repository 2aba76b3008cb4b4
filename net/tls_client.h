#pragma once
// A connection over mutual TLS to a peer that we call, and a byte stream to it on the loop.
//
// Thread: everything on the loop.
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "net/event_loop.h"
#include "net/tls_context.h"

namespace millrace::net {

/// What happens to it; called on the loop, never inside a call of ours.
struct TlsConnectionEvents {
  std::function<void(std::span<const std::uint8_t>)> on_received;  ///< Valid during the call only.
  /// Once, and then nothing more. ok(): the peer has said that all is sent. An error: there was no
  /// connection, or it is lost.
  std::function<void(Status)> on_ended;
};

class TlsConnection {
 public:
  /// Closes without a word.
  virtual ~TlsConnection() = default;
  /// Queued, also while there is no connection yet, and sent in order. The caller bounds it.
  virtual void send(Bytes bytes) = 0;
  /// No more is sent; the peer reads the end of the stream.
  virtual void close_sending() = 0;
};

/// Begins to connect to `address` (HOST:PORT), whose certificate has to be of that host. It waits
/// for an answer as long as it lives. `tls` has a ca_file and is a client's; outlives this call.
std::unique_ptr<TlsConnection> connect_tls(TlsContext& tls, const std::string& address,
                                           EventLoop& loop, TlsConnectionEvents events);

}  // namespace millrace::net
