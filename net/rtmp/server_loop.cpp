#include "net/rtmp/server_loop.h"

#include <fmt/format.h>

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/socket_base.hpp>

#include "base/check.h"
#include "base/log.h"
#include "net/rtmp/tcp_connection.h"

namespace millrace::net::rtmp {
namespace {

using Protocol = boost::asio::ip::tcp;
using ReusePort = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

// One read takes what the kernel holds of a 6 Mb/s key frame; one buffer serves all connections.
constexpr std::size_t kScratchSize = 256 * 1024;
// After an accept that failed for want of descriptors or memory.
constexpr std::chrono::milliseconds kAcceptPause{100};

Error listen_error(const ServerContext& context, const Protocol::endpoint& endpoint,
                   const boost::system::error_code& error) {
  const bool is_ipv6 = endpoint.address().is_v6();
  const auto host = endpoint.address().to_string();
  return {ErrorCode::kSystem, fmt::format("{}: cannot listen on {}: {}", context.options.config_key,
                                          is_ipv6 ? fmt::format("[{}]:{}", host, endpoint.port())
                                                  : fmt::format("{}:{}", host, endpoint.port()),
                                          error.message())};
}

}  // namespace

ServerContext::ServerContext(ServerOptions server_options, Metrics& server_metrics,
                             const Clock& server_clock, ConnectionHandler server_handler)
    : options(std::move(server_options)),
      metrics(server_metrics),
      clock(server_clock),
      handler(std::move(server_handler)),
      limits(options.max_connections, options.max_connections_per_address),
      received_bytes(metrics.counter("millrace_rtmp_received_bytes_total",
                                     "Bytes received over RTMP; without a channel before publish.",
                                     {{"channel", ""}})),
      connections_(metrics.gauge("millrace_rtmp_connections", "Open RTMP connections.")) {}

std::shared_ptr<ServerLoop> ServerContext::find_loop(const EventLoop& loop) const {
  for (const auto& [event_loop, server_loop] : loops)
    if (event_loop == &loop) return server_loop.lock();
  CHECK(false && "a loop of the server's group");
  return nullptr;
}

void ServerContext::count_opened() {
  connections_.add(1);
}

void ServerContext::count_closed(const std::string& why) {
  connections_.add(-1);
  metrics
      .counter("millrace_rtmp_connections_closed_total",
               "RTMP connections that ended: peer, stopped, or the code of their error.",
               {{"why", why}})
      .increment();
}

struct ServerLoop::Acceptor {
  explicit Acceptor(EventLoop& loop) : socket(loop.context()), pause(loop) {}
  Protocol::acceptor socket;
  Timer pause;
};

ServerLoop::ServerLoop(EventLoop& event_loop, std::shared_ptr<ServerContext> context)
    : event_loop_(event_loop), context_(std::move(context)), scratch_(kScratchSize) {}

ServerLoop::~ServerLoop() = default;

Result<std::uint16_t> ServerLoop::listen(const std::string& host, std::uint16_t port) {
  boost::system::error_code error;
  const Protocol::endpoint endpoint(boost::asio::ip::make_address(host, error), port);
  if (error)
    return Error{ErrorCode::kInvalidData,
                 fmt::format("{}: not an address: {}", context_->options.config_key, host)};
  auto acceptor = std::make_shared<Acceptor>(event_loop_);
  auto& socket = acceptor->socket;
  socket.open(endpoint.protocol(), error);
  if (!error) socket.set_option(Protocol::acceptor::reuse_address(true), error);
  if (!error) socket.set_option(ReusePort(true), error);
  // IPv4 has an entry of its own in the list, so that neither takes the other's port.
  if (!error && endpoint.protocol() == Protocol::v6())
    socket.set_option(boost::asio::ip::v6_only(true), error);
  if (!error) socket.bind(endpoint, error);
  if (!error) socket.listen(Protocol::acceptor::max_listen_connections, error);
  if (error) return listen_error(*context_, endpoint, error);
  acceptors_.push_back(acceptor);
  return socket.local_endpoint().port();
}

void ServerLoop::start_accepting() {
  if (is_stopped_) return;
  for (const auto& acceptor : acceptors_) accept_next(acceptor);
}

void ServerLoop::accept_next(const std::shared_ptr<Acceptor>& acceptor) {
  const std::weak_ptr<Acceptor> weak_acceptor = acceptor;
  const auto weak = weak_from_this();
  acceptor->socket.async_accept(
      [weak, weak_acceptor](const boost::system::error_code& error, Protocol::socket socket) {
        const auto self = weak.lock();
        const auto accepting = weak_acceptor.lock();
        if (!self || !accepting || self->is_stopped_) return;
        if (!error) {
          self->welcome(std::move(socket));
        } else if (error != boost::asio::error::connection_aborted) {
          self->context_->metrics.count_error("rtmp", ErrorCode::kSystem);
          log::error("rtmp", "accept failed: {}", error.message());
          accepting->pause.start(kAcceptPause, [weak, weak_acceptor] {
            const auto later = weak.lock();
            const auto again = weak_acceptor.lock();
            if (later && again && !later->is_stopped_) later->accept_next(again);
          });
          return;
        }
        self->accept_next(accepting);
      });
}

template <typename Socket>
void ServerLoop::welcome(Socket socket) {
  boost::system::error_code error;
  const auto remote = socket.remote_endpoint(error);
  if (error) return;  // Gone already.
  auto address = remote.address().to_string();
  if (!context_->limits.try_add(address)) {
    context_->metrics.count_error("rtmp", ErrorCode::kLimitExceeded);
    log::warning("rtmp", "too many connections, one refused remote={}", address);
    return;
  }
  const auto descriptor = socket.release(error);
  context_->count_opened();
  const auto connection = std::make_shared<TcpConnection>(*this, descriptor, remote.protocol(),
                                                          std::move(address), remote.port());
  connections_.insert(connection);
  connection->start();
}

void ServerLoop::stop() {
  is_stopped_ = true;
  acceptors_.clear();
  const auto connections = connections_;  // Each takes itself out.
  for (const auto& connection : connections) connection->stop();
}

void ServerLoop::add(std::shared_ptr<TcpConnection> connection) {
  connections_.insert(std::move(connection));
}

void ServerLoop::remove(TcpConnection& connection) {
  connections_.erase(connection.shared_from_this());
}

}  // namespace millrace::net::rtmp
