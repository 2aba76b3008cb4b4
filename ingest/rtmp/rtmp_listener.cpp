// create_rtmp_listener() of ingest/ingest.h: RTMP publishers, from net/rtmp/ to the Gate.
#include <utility>

#include "ingest/ingest.h"
#include "ingest/rtmp/rtmp_publisher.h"
#include "net/rtmp/server.h"

namespace millrace::ingest {
namespace {

class RtmpListener final : public Listener {
 public:
  explicit RtmpListener(std::unique_ptr<net::rtmp::Server> server) : server_(std::move(server)) {}
  std::vector<std::string> addresses() const override { return server_->addresses(); }
  void stop() override { server_->stop(); }

 private:
  std::unique_ptr<net::rtmp::Server> server_;
};

net::rtmp::ServerOptions to_server_options(RtmpOptions options) {
  net::rtmp::ServerOptions server;
  server.tls = options.tls;
  server.listen = std::move(options.tls ? options.listen_tls : options.listen);
  server.config_key = options.tls ? "rtmp.listen_tls" : "rtmp.listen";
  server.max_connections = options.max_connections;
  server.max_connections_per_address = options.max_connections_per_address;
  server.max_message_bytes = options.max_message_bytes;
  server.handshake_timeout = options.handshake_timeout;
  server.publish_timeout = options.publish_timeout;
  server.idle_timeout = options.idle_timeout;
  return server;
}

}  // namespace

Result<std::unique_ptr<Listener>> create_rtmp_listener(RtmpOptions options,
                                                       net::EventLoopGroup& loops, Gate& gate,
                                                       Metrics& metrics, const Clock& clock) {
  ASSIGN_OR_RETURN(
      auto server,
      net::rtmp::create_server(to_server_options(std::move(options)), loops, metrics, clock,
                               [&gate, &metrics](net::rtmp::Connection& connection) {
                                 return std::make_unique<RtmpPublisher>(connection, gate, metrics);
                               }));
  return std::make_unique<RtmpListener>(std::move(server));
}

}  // namespace millrace::ingest
