#include "net/http_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>

#include "base/log.h"
#include "net/http_response_head.h"

namespace millrace::net {
namespace {

using Protocol = boost::asio::ip::tcp;
using boost::system::error_code;
using namespace std::chrono_literals;

// More than the header of any browser's request; what does not fit is read the next time.
constexpr std::size_t kScratchSize = 16 * 1024;
// For the client to see our end of the connection and close its own.
constexpr std::chrono::milliseconds kLingerTimeout = 2s;
// After an accept that failed for want of descriptors or memory.
constexpr std::chrono::milliseconds kAcceptPause = 100ms;
constexpr std::chrono::seconds kReportInterval = 1s;

ErrorCode error_of(ProxyRefusal refusal) {
  if (refusal == ProxyRefusal::kUntrusted) return ErrorCode::kDenied;
  return refusal == ProxyRefusal::kTimedOut ? ErrorCode::kTimedOut : ErrorCode::kInvalidData;
}

std::size_t index_of(HttpVersion version, bool is_tls) {
  return static_cast<std::size_t>(version) + (is_tls ? kHttpVersions : 0);
}

}  // namespace

std::string to_text(const Protocol::endpoint& endpoint) {
  const auto address = endpoint.address().to_string();
  if (endpoint.address().is_v6()) return fmt::format("[{}]:{}", address, endpoint.port());
  return fmt::format("{}:{}", address, endpoint.port());
}

// One host has a whole /64 of IPv6 addresses (RFC 4291 2.5.4).
std::string limited_address(const boost::asio::ip::address& address) {
  if (address.is_v4()) return address.to_string();
  auto bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return boost::asio::ip::address_v6(bytes).to_string();
}

std::string_view to_string(Http2CutReason reason) {
  switch (reason) {
    case Http2CutReason::kClient:
      return "client";
    case Http2CutReason::kSlow:
      return "slow";
    case Http2CutReason::kRefused:
      return "refused";
  }
  return "unknown";
}

HttpServerContext::HttpServerContext(HttpServerOptions server_options, Metrics& server_metrics,
                                     HttpHandler server_handler, IpNetworks trusted)
    : options(std::move(server_options)),
      trusted_proxies(std::move(trusted)),
      metrics(server_metrics),
      handler(std::move(server_handler)),
      limits(options.max_connections, options.max_connections_per_address),
      connections(metrics.gauge("millrace_http_connections", "Open HTTP connections.")),
      streams(metrics.gauge("millrace_http2_streams", "HTTP/2 requests under way.")),
      sent_bytes(
          metrics.counter("millrace_http_sent_bytes_total", "Bytes sent over HTTP, headers too.")) {
  for (std::size_t i = 0; i < kHttpCloseReasons; ++i)
    closed.push_back(metrics.counter(
        "millrace_http_clients_closed_total", "HTTP connections that ended, by the reason.",
        {{"why", std::string(to_string(static_cast<HttpCloseReason>(i)))}}));
  for (std::size_t i = 0; i < kProxyRefusals; ++i)
    proxy_refused.push_back(metrics.counter(
        "millrace_http_proxy_refused_total",
        "HTTP connections that were closed since they did not begin with a PROXY header of a "
        "trusted proxy.",
        {{"reason", std::string(to_string(static_cast<ProxyRefusal>(i)))}}));
  for (std::size_t i = 0; i < kHttp2CutReasons; ++i)
    cut_streams.push_back(metrics.counter(
        "millrace_http2_streams_cut_total", "HTTP/2 requests that ended without a whole answer.",
        {{"why", std::string(to_string(static_cast<Http2CutReason>(i)))}}));
  for (const char* const is_tls : {"no", "yes"}) {
    for (const char* const version : {"1", "2"}) {
      const Labels labels{{"version", version}, {"tls", is_tls}};
      versions.push_back(
          {metrics.gauge("millrace_http_version_connections",
                         "Open HTTP connections that have begun, by HTTP version.", labels),
           metrics.counter("millrace_http_version_requests_total",
                           "HTTP requests answered, by HTTP version.", labels)});
    }
  }
}

std::string HttpServerContext::key_of(const HttpPort& port) const {
  return options.config_key + (port.has_proxy_header ? "_proxy" : "") + (port.tls ? "_tls" : "");
}

struct HttpLoop::Acceptor {
  Acceptor(EventLoop& loop, const HttpPort& its_port)
      : socket(loop.context()), port(its_port), pause(loop) {}
  boost::asio::basic_socket_acceptor<Protocol, boost::asio::io_context::executor_type> socket;
  const HttpPort port;
  Timer pause;
};

HttpLoop::HttpLoop(EventLoop& event_loop, std::shared_ptr<HttpServerContext> context)
    : event_loop_(event_loop),
      context_(std::move(context)),
      tick_(event_loop),
      scratch_(kScratchSize),
      record_(context_->options.tls ? kTlsRecordSize : 0) {
  const auto& options = context_->options;
  timeouts_ = {0ms,
               options.header_timeout,
               options.idle_timeout,
               options.write_timeout,
               kLingerTimeout,
               std::min(options.header_timeout, options.write_timeout) / 2};
  const auto shortest = *std::min_element(timeouts_.begin() + 1, timeouts_.end());
  tick_interval_ = std::clamp<std::chrono::milliseconds>(shortest / 4, 1ms, 250ms);
}

HttpLoop::~HttpLoop() = default;

Result<Protocol::endpoint> HttpLoop::listen(const Protocol::endpoint& endpoint,
                                            const HttpPort& port) {
  using ReusePort = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
  auto acceptor = std::make_shared<Acceptor>(event_loop_, port);
  auto& socket = acceptor->socket;
  error_code error;
  socket.open(endpoint.protocol(), error);
  if (!error) socket.set_option(Protocol::acceptor::reuse_address(true), error);
  if (!error) socket.set_option(ReusePort(true), error);
  // IPv4 has an entry of its own in the list, so that neither takes the other's port.
  if (!error && endpoint.protocol() == Protocol::v6())
    socket.set_option(boost::asio::ip::v6_only(true), error);
  if (!error) socket.bind(endpoint, error);
  if (!error) socket.listen(Protocol::acceptor::max_listen_connections, error);
  if (error)
    return Error{ErrorCode::kSystem,
                 fmt::format("{}: cannot listen on {}: {}", context_->key_of(port),
                             to_text(endpoint), error.message())};
  acceptors_.push_back(std::move(acceptor));
  return socket.local_endpoint();
}

void HttpLoop::start() {
  if (is_stopping_) return;
  for (const auto& acceptor : acceptors_) accept_next(acceptor);
}

void HttpLoop::accept_next(const std::shared_ptr<Acceptor>& acceptor) {
  acceptor->socket.async_accept([weak = weak_from_this(), weak_acceptor = std::weak_ptr(acceptor)](
                                    const error_code& error, HttpConnection::Socket socket) {
    const auto self = weak.lock();
    const auto accepting = weak_acceptor.lock();
    if (!self || !accepting || self->is_stopping_) return;
    if (!error) {
      self->welcome(std::move(socket), accepting->port);
    } else if (error != boost::asio::error::connection_aborted) {
      self->context_->metrics.count_error("http", ErrorCode::kSystem);
      self->report(HttpCloseReason::kTooMany, "-", "a connection could not be accepted");
      accepting->pause.start(kAcceptPause, [weak, weak_acceptor] {
        const auto later = weak.lock();
        const auto again = weak_acceptor.lock();
        if (later && again && !later->is_stopping_) later->accept_next(again);
      });
      return;
    }
    self->accept_next(accepting);
  });
}

void HttpLoop::welcome(HttpConnection::Socket socket, const HttpPort& port) {
  error_code error;
  const auto remote = socket.remote_endpoint(error);
  if (error) return;  // Gone already.
  if (port.has_proxy_header && !context_->trusted_proxies.contain(remote.address())) {
    context_->closed[static_cast<std::size_t>(HttpCloseReason::kProxy)].increment();
    count_proxy_refusal(ProxyRefusal::kUntrusted, to_text(remote));
    return;
  }
  const bool has_room = port.has_proxy_header
                            ? context_->limits.try_add_unknown()
                            : context_->limits.try_add(limited_address(remote.address()));
  if (!has_room) {
    context_->closed[static_cast<std::size_t>(HttpCloseReason::kTooMany)].increment();
    report_too_many(to_text(remote));
    return;
  }
  adopt(std::move(socket), port, remote);
}

void HttpLoop::report_too_many(std::string_view remote_address) {
  context_->metrics.count_error("http", ErrorCode::kLimitExceeded);
  report(HttpCloseReason::kTooMany, remote_address, "too many connections, one is refused");
}

bool HttpLoop::try_make_known(const std::string& address, std::string_view remote_address) {
  if (context_->limits.try_make_known(address)) return true;
  report_too_many(remote_address);
  return false;
}

void HttpLoop::adopt(HttpConnection::Socket socket, const HttpPort& port,
                     const Protocol::endpoint& remote) {
  context_->connections.add(1);
  ++open_;
  const auto connection = std::make_shared<HttpConnection>(*this, std::move(socket), port, remote);
  auto& list = connections_[static_cast<std::size_t>(HttpDeadline::kNone)];
  const auto place = list.insert(list.end(), HttpWaiting{.connection = connection, .until = {}});
  connection->start(place);
  start_tick();
}

void HttpLoop::wait(Place place, HttpDeadline deadline) {
  auto& from = connections_[static_cast<std::size_t>(place->waits_for)];
  auto& to = connections_[static_cast<std::size_t>(deadline)];
  if (deadline != HttpDeadline::kNone)
    place->until = std::chrono::steady_clock::now() + timeouts_[static_cast<std::size_t>(deadline)];
  place->waits_for = deadline;
  to.splice(to.end(), from, place);
}

void HttpLoop::remove(Place place, const std::string& address, HttpCloseReason reason) {
  connections_[static_cast<std::size_t>(place->waits_for)].erase(place);
  --open_;
  if (address.empty())
    context_->limits.remove_unknown();
  else
    context_->limits.remove(address);
  context_->connections.add(-1);
  context_->closed[static_cast<std::size_t>(reason)].increment();
}

void HttpLoop::start_tick() {
  if (is_ticking_ || open_ == 0) return;
  is_ticking_ = true;
  tick_.start(tick_interval_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->on_tick();
  });
}

void HttpLoop::on_tick() {
  is_ticking_ = false;
  const auto now = std::chrono::steady_clock::now();
  for (std::size_t i = 1; i < kHttpDeadlines; ++i) {
    auto& list = connections_[i];
    while (!list.empty() && list.front().until <= now) {
      const auto connection = list.front().connection;
      connection->on_deadline(static_cast<HttpDeadline>(i));  // It ends, or waits anew.
    }
  }
  start_tick();
}

void HttpLoop::stop_accepting() {
  is_stopping_ = true;
  acceptors_.clear();
  std::vector<std::shared_ptr<HttpConnection>> open;
  for (const auto& list : connections_)
    for (const auto& waiting : list) open.push_back(waiting.connection);
  for (const auto& connection : open) connection->on_stopping();
}

void HttpLoop::destroy() {
  is_stopping_ = true;
  tick_.cancel();
  acceptors_.clear();
  for (auto& list : connections_) {
    for (auto& waiting : list) {
      waiting.connection->destroy();
      context_->connections.add(-1);
    }
    list.clear();
  }
}

const std::string& HttpLoop::date() {
  const auto now =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  if (now != date_second_) {
    date_second_ = now;
    date_ = http_date(now);
  }
  return date_;
}

void HttpLoop::count_request(std::string_view kind, int status) {
  for (auto& known : requests_)
    if (known.status == status && known.kind == kind) return known.counter.increment();
  requests_.push_back(
      {kind, status,
       context_->metrics.counter(
           "millrace_http_requests_total", "HTTP requests answered, by kind and status.",
           {{"kind", std::string(kind)}, {"status", std::to_string(status)}})});
  requests_.back().counter.increment();
}

void HttpLoop::count_proxy_refusal(ProxyRefusal refusal, std::string_view remote_address) {
  context_->proxy_refused[static_cast<std::size_t>(refusal)].increment();
  context_->metrics.count_error("http", error_of(refusal));
  report(HttpCloseReason::kProxy, remote_address,
         fmt::format("no PROXY header of a trusted proxy reason={}", to_string(refusal)));
}

void HttpLoop::count_version(HttpVersion version, bool is_tls, int by) {
  context_->versions[index_of(version, is_tls)].connections.add(by);
}

void HttpLoop::count_version_request(HttpVersion version, bool is_tls) {
  context_->versions[index_of(version, is_tls)].requests.increment();
}

void HttpLoop::report(HttpCloseReason reason, std::string_view remote_address,
                      std::string_view text) {
  auto& reports = reports_[static_cast<std::size_t>(reason)];
  const auto now = std::chrono::steady_clock::now();
  if (now < reports.next) {
    ++reports.left_out;
    return;
  }
  reports.next = now + kReportInterval;
  log::info("http", "{} remote={} not_logged={}", text, remote_address,
            std::exchange(reports.left_out, 0));
}

}  // namespace millrace::net
