#include "net/rtmp/server.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "net/rtmp/server_loop.h"

namespace millrace::net::rtmp {
namespace {

struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
};

Result<ListenAddress> parse_listen_address(const std::string& text, const std::string& key) {
  const auto colon = text.rfind(':');
  ListenAddress address;
  bool is_valid = colon != std::string::npos && colon > 0;
  if (is_valid) {
    address.host = text.substr(0, colon);
    if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']')
      address.host = address.host.substr(1, address.host.size() - 2);
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, address.port);
    is_valid = error == std::errc{} && stop == end;
  }
  if (!is_valid)
    return Error{ErrorCode::kInvalidData,
                 fmt::format("{}: not ADDRESS:PORT (IPv6 in brackets): {}", key, text)};
  return address;
}

// With SO_REUSEPORT a second server of the same user would share the port in silence; binding once
// without it tells.
Status check_port_is_free(const ListenAddress& address, const std::string& key) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const auto port = fmt::format_int(address.port).str();
  if (::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found) != 0)
    return Error{ErrorCode::kInvalidData, fmt::format("{}: not an address: {}", key, address.host)};
  const int descriptor = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  bool is_taken = false;
  if (descriptor >= 0) {
    ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (found->ai_family == AF_INET6)
      ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    is_taken = ::bind(descriptor, found->ai_addr, found->ai_addrlen) != 0 && errno == EADDRINUSE;
    ::close(descriptor);
  }
  ::freeaddrinfo(found);
  if (is_taken)
    return Error{ErrorCode::kSystem, fmt::format("{}: {}:{} is in use by another program", key,
                                                 address.host, address.port)};
  return ok();
}

class LoopServer final : public Server {
 public:
  LoopServer(EventLoopGroup& loops, std::shared_ptr<ServerContext> context)
      : context_(std::move(context)) {
    for (std::size_t i = 0; i < loops.size(); ++i) {
      loops_.push_back(std::make_shared<ServerLoop>(loops.loop(i), context_));
      context_->loops.emplace_back(&loops.loop(i), loops_.back());
    }
  }

  ~LoopServer() override {
    // Each loop's task takes its share along and is the last to hold it, on whichever side of the
    // loop's end it is destroyed.
    for (auto& loop : loops_) {
      auto& event_loop = loop->event_loop();
      event_loop.post([share = std::move(loop)] { share->stop(); });
    }
  }

  Status listen(const std::string& text) {
    const auto& key = context_->options.config_key;
    ASSIGN_OR_RETURN(ListenAddress address, parse_listen_address(text, key));
    RETURN_IF_ERROR(check_port_is_free(address, key));
    for (auto& loop : loops_) {  // Port 0: the first finds one, the others share it.
      ASSIGN_OR_RETURN(address.port, loop->listen(address.host, address.port));
    }
    const bool is_ipv6 = address.host.find(':') != std::string::npos;
    addresses_.push_back(is_ipv6 ? fmt::format("[{}]:{}", address.host, address.port)
                                 : fmt::format("{}:{}", address.host, address.port));
    return ok();
  }

  void start() {
    for (auto& loop : loops_) loop->event_loop().post([share = loop] { share->start_accepting(); });
  }

  std::vector<std::string> addresses() const override { return addresses_; }

  void stop() override {
    for (auto& loop : loops_) loop->event_loop().post([share = loop] { share->stop(); });
  }

 private:
  std::shared_ptr<ServerContext> context_;
  std::vector<std::shared_ptr<ServerLoop>> loops_;
  std::vector<std::string> addresses_;
};

}  // namespace

Result<std::unique_ptr<Server>> create_server(ServerOptions options, EventLoopGroup& loops,
                                              Metrics& metrics, const Clock& clock,
                                              ConnectionHandler handler) {
  const auto listen = options.listen;
  auto server = std::make_unique<LoopServer>(
      loops,
      std::make_shared<ServerContext>(std::move(options), metrics, clock, std::move(handler)));
  for (const auto& address : listen) RETURN_IF_ERROR(server->listen(address));
  server->start();
  return server;
}

}  // namespace millrace::net::rtmp
