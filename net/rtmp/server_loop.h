#pragma once
// One loop's share of the RTMP server: its acceptors, its connections, and the buffer that they
// all read into. Private to net/rtmp. Everything on the loop, but the constructor and listen().
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "net/rtmp/connection_limits.h"
#include "net/rtmp/server.h"

namespace millrace::net::rtmp {

class TcpConnection;
class ServerLoop;

/// What all loops share. `loops` is written before the first accept and never again.
struct ServerContext {
  ServerContext(ServerOptions server_options, Metrics& server_metrics, const Clock& server_clock,
                ConnectionHandler server_handler);

  ServerOptions options;
  Metrics& metrics;
  const Clock& clock;
  ConnectionHandler handler;
  ConnectionLimits limits;
  Counter received_bytes;  // Of connections without a channel.
  std::vector<std::pair<EventLoop*, std::weak_ptr<ServerLoop>>> loops;

  /// Null when the server is being destroyed. A loop that is not the server's is a bug (CHECK).
  std::shared_ptr<ServerLoop> find_loop(const EventLoop& loop) const;
  void count_opened();
  void count_closed(const std::string& why);

 private:
  Gauge connections_;
};

class ServerLoop : public std::enable_shared_from_this<ServerLoop> {
 public:
  ServerLoop(EventLoop& event_loop, std::shared_ptr<ServerContext> context);
  ~ServerLoop();
  ServerLoop(const ServerLoop&) = delete;
  ServerLoop& operator=(const ServerLoop&) = delete;

  /// Opens a listening socket, before the loop runs or from its thread; gives the port it has.
  Result<std::uint16_t> listen(const std::string& host, std::uint16_t port);
  void start_accepting();
  void stop();

  void add(std::shared_ptr<TcpConnection> connection);
  void remove(TcpConnection& connection);

  EventLoop& event_loop() { return event_loop_; }
  const std::shared_ptr<ServerContext>& shared_context() const { return context_; }
  std::span<std::uint8_t> scratch() { return scratch_; }
  bool is_stopped() const { return is_stopped_; }

 private:
  struct Acceptor;

  void accept_next(const std::shared_ptr<Acceptor>& acceptor);
  template <typename Socket>
  void welcome(Socket socket);

  EventLoop& event_loop_;
  std::shared_ptr<ServerContext> context_;
  std::vector<std::shared_ptr<Acceptor>> acceptors_;
  std::unordered_set<std::shared_ptr<TcpConnection>> connections_;
  std::vector<std::uint8_t> scratch_;
  bool is_stopped_ = false;
};

}  // namespace millrace::net::rtmp
