#include "net/http_server.h"

#include <fmt/format.h>

#include <boost/asio/ip/v6_only.hpp>
#include <charconv>

#include "net/http_loop.h"

namespace millrace::net {
namespace {

using Protocol = boost::asio::ip::tcp;
using boost::system::error_code;

Result<Protocol::endpoint> parse_listen_address(std::string_view text, const std::string& key) {
  const Error mistake{
      ErrorCode::kInvalidData,
      fmt::format("{}: not ADDRESS:PORT (an IPv6 address in brackets): {}", key, text)};
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return mistake;
  auto host = text.substr(0, colon);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  error_code error;
  const auto address = boost::asio::ip::make_address(std::string(host), error);
  if (error || address.is_v6() != is_bracketed) return mistake;
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return mistake;
  return Protocol::endpoint(address, port);
}

// With SO_REUSEPORT a second server of the same user would share the port in silence; binding once
// without it tells.
Status check_port_is_free(EventLoop& loop, const Protocol::endpoint& endpoint,
                          std::string_view text, const std::string& key) {
  Protocol::acceptor probe(loop.context());
  error_code error;
  probe.open(endpoint.protocol(), error);
  if (!error) probe.set_option(Protocol::acceptor::reuse_address(true), error);
  if (!error && endpoint.protocol() == Protocol::v6())
    probe.set_option(boost::asio::ip::v6_only(true), error);
  if (!error) probe.bind(endpoint, error);
  if (error)
    return Error{ErrorCode::kSystem,
                 fmt::format("{}: cannot listen on {}: {}", key, text, error.message())};
  return ok();
}

class LoopHttpServer final : public HttpServer {
 public:
  LoopHttpServer(HttpServerOptions options, EventLoopGroup& loops, Metrics& metrics,
                 HttpHandler handler, IpNetworks trusted)
      : context_(std::make_shared<HttpServerContext>(std::move(options), metrics,
                                                     std::move(handler), std::move(trusted))) {
    for (std::size_t i = 0; i < loops.size(); ++i)
      loops_.push_back(std::make_shared<HttpLoop>(loops.loop(i), context_));
  }

  ~LoopHttpServer() override {
    for (const auto& loop : loops_) loop->destroy();
  }

  Status listen_everywhere() {
    const auto& options = context_->options;
    RETURN_IF_ERROR(listen(options.listen, {}, addresses_));
    RETURN_IF_ERROR(listen(options.listen_proxy, {.has_proxy_header = true}, proxy_addresses_));
    if (!options.tls) return ok();
    RETURN_IF_ERROR(listen(options.listen_tls, {.tls = options.tls}, tls_addresses_));
    return listen(options.listen_proxy_tls, {.tls = options.tls, .has_proxy_header = true},
                  proxy_tls_addresses_);
  }

  void start() {
    for (const auto& loop : loops_)
      loop->event_loop().post([weak = std::weak_ptr(loop)] {
        if (const auto self = weak.lock()) self->start();
      });
  }

  std::vector<std::string> addresses() const override { return addresses_; }
  std::vector<std::string> tls_addresses() const override { return tls_addresses_; }
  std::vector<std::string> proxy_addresses() const override { return proxy_addresses_; }
  std::vector<std::string> proxy_tls_addresses() const override { return proxy_tls_addresses_; }

  std::size_t connections() const override {
    return static_cast<std::size_t>(context_->connections.value());
  }

  void stop_accepting() override {
    for (const auto& loop : loops_)
      loop->event_loop().post([weak = std::weak_ptr(loop)] {
        if (const auto self = weak.lock()) self->stop_accepting();
      });
  }

 private:
  /// The real addresses are put behind `opened`.
  Status listen(const std::vector<std::string>& texts, const HttpPort& port,
                std::vector<std::string>& opened) {
    for (const auto& text : texts) RETURN_IF_ERROR(listen_on(text, port, opened));
    return ok();
  }

  Status listen_on(const std::string& text, const HttpPort& port,
                   std::vector<std::string>& opened) {
    const auto key = context_->key_of(port);
    ASSIGN_OR_RETURN(auto endpoint, parse_listen_address(text, key));
    RETURN_IF_ERROR(check_port_is_free(loops_.front()->event_loop(), endpoint, text, key));
    for (const auto& loop : loops_) {  // Port 0: the first finds one, the others share it.
      ASSIGN_OR_RETURN(endpoint, loop->listen(endpoint, port));
    }
    opened.push_back(to_text(endpoint));
    return ok();
  }

  std::shared_ptr<HttpServerContext> context_;
  std::vector<std::shared_ptr<HttpLoop>> loops_;
  std::vector<std::string> addresses_, tls_addresses_, proxy_addresses_, proxy_tls_addresses_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> create_http_server(HttpServerOptions options,
                                                       EventLoopGroup& loops, Metrics& metrics,
                                                       HttpHandler handler) {
  auto trusted = IpNetworks::parse(options.trusted_proxies);
  if (!trusted.has_value())
    return Error{trusted.error().code, "http.trusted_proxies: " + trusted.error().message};
  auto server = std::make_unique<LoopHttpServer>(std::move(options), loops, metrics,
                                                 std::move(handler), std::move(trusted).value());
  RETURN_IF_ERROR(server->listen_everywhere());
  server->start();
  return server;
}

}  // namespace millrace::net
