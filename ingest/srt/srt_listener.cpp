// create_srt_listener() of ingest/ingest.h: SRT publishers, from net/srt/ to the Gate.
#include <utility>

#include "ingest/ingest.h"
#include "ingest/srt/listener_address.h"
#include "ingest/srt/srt_publisher.h"
#include "ingest/srt/stream_id.h"
#include "net/srt/server.h"

namespace millrace::ingest {
namespace {

class SrtListener final : public Listener {
 public:
  explicit SrtListener(std::unique_ptr<net::srt::Server> server) : server_(std::move(server)) {}
  std::vector<std::string> addresses() const override { return server_->addresses(); }
  void stop() override { server_->stop(); }

 private:
  std::unique_ptr<net::srt::Server> server_;
};

net::srt::Encryption to_encryption(SrtEncryption encryption) {
  return {.passphrase = std::move(encryption.passphrase), .key_length = encryption.key_length};
}

Result<net::srt::ServerOptions> to_server_options(SrtOptions options) {
  net::srt::ServerOptions server;
  for (const auto& entry : options.listen) {
    ASSIGN_OR_RETURN(auto listener, parse_srt_listener(entry));
    server.listen.push_back({.address = std::string(listener.address),
                             .encryption = to_encryption(std::move(listener.encryption))});
  }
  server.latency = options.latency;
  server.latency_round_trips = options.latency_round_trips;
  server.encryption = to_encryption(std::move(options.encryption));
  server.max_connections = options.max_connections;
  server.max_connections_per_address = options.max_connections_per_address;
  server.peer_timeout = options.peer_timeout;
  server.idle_timeout = options.idle_timeout;
  return server;
}

net::srt::Verdict refused(net::srt::Refusal refusal, std::string why) {
  net::srt::Verdict verdict;
  verdict.refusal = refusal;
  verdict.why = std::move(why);
  return verdict;
}

net::srt::Verdict to_verdict(Result<Admission> admission, const std::string& remote_address,
                             Metrics& metrics) {
  if (!admission.has_value()) {
    const Error& error = admission.error();
    return refused(error.code == ErrorCode::kDenied ? net::srt::Refusal::kUnauthorized
                                                    : net::srt::Refusal::kOverload,
                   error.message);
  }
  net::srt::Verdict verdict;
  verdict.encryption = to_encryption(admission.value().srt);
  verdict.channel = admission.value().channel;
  verdict.receiver =
      std::make_shared<SrtPublisher>(std::move(admission).value(), remote_address, metrics);
  return verdict;
}

}  // namespace

Result<std::unique_ptr<Listener>> create_srt_listener(SrtOptions options, Gate& gate,
                                                      Metrics& metrics, const Clock& clock) {
  const auto decide = [&gate, &metrics](const net::srt::Handshake& handshake,
                                        std::function<void(net::srt::Verdict)> reply) {
    StreamId id;
    StreamIdError error;
    if (!parse_stream_id(handshake.stream_id, id, error))
      return reply(refused(error.refusal, error.message));
    gate.admit({.protocol = "srt",
                .key = id.key,
                .application = "live",
                .remote_address = handshake.remote_address,
                .cannot_wait = true},
               [&metrics, remote = handshake.remote_address,
                reply = std::move(reply)](Result<Admission> admission) {
                 reply(to_verdict(std::move(admission), remote, metrics));
               });
  };
  ASSIGN_OR_RETURN(auto server_options, to_server_options(std::move(options)));
  ASSIGN_OR_RETURN(auto server,
                   net::srt::create_server(std::move(server_options), metrics, clock, decide));
  return std::make_unique<SrtListener>(std::move(server));
}

}  // namespace millrace::ingest
