#pragma once
// One RTMP connection as ingest sees it: asks the Gate, attaches to the channel, feeds it.
//
// Thread: the connection's loop, which is the channel's once it is attached.
#include <memory>
#include <optional>
#include <string>

#include "ingest/ingest.h"
#include "ingest/rtmp/flv_demuxer.h"
#include "net/rtmp/server.h"

namespace millrace::ingest {

class RtmpPublisher final : public Publisher, public net::rtmp::ConnectionEvents {
 public:
  /// All of them outlive it.
  RtmpPublisher(net::rtmp::Connection& connection, Gate& gate, Metrics& metrics)
      : connection_(connection), gate_(gate), metrics_(metrics) {}

  /// Nothing is pushed any more; finish() comes soon, never inside this call.
  void stop(std::string_view reason) override;
  std::string protocol() const override { return "rtmp"; }
  std::string remote_address() const override { return connection_.remote_address(); }

  void on_publish(const net::rtmp::PublishCommand& command) override;
  Status on_media(net::rtmp::MediaMessage message) override;
  void on_unpublish() override;
  void on_closed(const Status& how) override;

 private:
  void on_admission(const Result<Admission>& admission);
  void attach(const Admission& admission);
  Status push(SourcePacket packet);
  Status tell_problem(Status status);
  void announce(const Announcement& announcement);
  void finish_feed();

  net::rtmp::Connection& connection_;
  Gate& gate_;
  Metrics& metrics_;
  std::string channel_;  // Empty before admission.
  std::unique_ptr<Feed> feed_;
  std::optional<FlvDemuxer> demuxer_;  // One for each publish.
  const FlvDemuxer::Take take_ = [this](SourcePacket packet) { return push(std::move(packet)); };
  bool is_announced_ = false;
  bool has_told_problem_ = false;
  bool is_denied_ = false;  // By the gate.
};

}  // namespace millrace::ingest
