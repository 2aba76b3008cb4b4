#include "ingest/rtmp/rtmp_publisher.h"

#include <utility>

#include "base/log.h"
#include "ingest/rtmp/on_meta_data.h"

namespace millrace::ingest {
namespace {

// OBS shows it as a wrong stream key, GStreamer as "publish denied"; FFmpeg shows the description.
constexpr std::string_view kDenied = "NetStream.Publish.Denied";

}  // namespace

void RtmpPublisher::on_publish(const net::rtmp::PublishCommand& command) {
  PublishRequest request{"rtmp", command.name.substr(0, command.name.find('?')),
                         command.application, connection_.remote_address()};
  // The reply may come on any thread, and after the connection: it is looked at on this loop, where
  // the connection lives until then, and only if it still does.
  gate_.admit(std::move(request), [this, weak = connection_.weak(),
                                   loop = &connection_.loop()](Result<Admission> admission) {
    loop->post([this, weak, admission = std::move(admission)] {
      const auto connection = weak.lock();
      if (connection && connection->is_open()) on_admission(admission);
    });
  });
}

void RtmpPublisher::on_admission(const Result<Admission>& admission) {
  if (admission.has_value()) {
    channel_ = admission.value().channel;
    connection_.move_to(*admission.value().loop,
                        [this, granted = admission.value()] { attach(granted); });
    return;
  }
  const auto& error = admission.error();
  if (error.code == ErrorCode::kDenied) {
    connection_.refuse_publish(kDenied, "Invalid stream key.", error);
  } else {
    connection_.refuse_publish(kDenied, "The stream cannot be published now.", error);
  }
}

void RtmpPublisher::attach(const Admission& admission) {
  auto feed = admission.attach(*this);
  if (!feed.has_value()) {
    connection_.refuse_publish(kDenied, "The stream cannot be published now.", feed.error());
    return;
  }
  feed_ = std::move(feed).value();
  demuxer_.emplace();
  is_announced_ = false;
  connection_.count_received_on(metrics_.counter(
      "millrace_rtmp_received_bytes_total",
      "Bytes received over RTMP; without a channel before publish.", {{"channel", channel_}}));
  connection_.accept_publish();
}

Status RtmpPublisher::on_media(net::rtmp::MediaMessage message) {
  if (!feed_) return ok();
  switch (message.type) {
    case net::rtmp::MessageType::kVideo:
      return push(demuxer_->push_video(message.timestamp, message.payload, message.received_at));
    case net::rtmp::MessageType::kAudio:
      return push(demuxer_->push_audio(message.timestamp, message.payload, message.received_at));
    default:
      if (!is_announced_) {
        const auto announcement = parse_on_meta_data(message.payload.span());
        if (announcement) announce(*announcement);
      }
      return ok();
  }
}

Status RtmpPublisher::push(Result<std::optional<SourcePacket>> packet) {
  if (!packet.has_value()) return std::move(packet).error();
  if (!packet.value()) return ok();
  if (!is_announced_) announce({});  // Media came without a word.
  return feed_->push(std::move(*packet.value()));
}

void RtmpPublisher::announce(const Announcement& announcement) {
  is_announced_ = true;
  feed_->announce(announcement);
}

void RtmpPublisher::stop(std::string_view reason) {
  connection_.end(kDenied, reason, Error{ErrorCode::kClosed, std::string(reason)});
}

void RtmpPublisher::on_unpublish() {
  log::info("ingest", "publisher ended its stream channel={} remote={}", channel_,
            remote_address());
  finish_feed();
}

void RtmpPublisher::on_closed(const Status& how) {
  if (!how.has_value()) {
    log::warning("ingest", "publisher gone channel={} remote={} reason={}",
                 channel_.empty() ? "-" : channel_, remote_address(), how.error().message);
  }
  finish_feed();
}

void RtmpPublisher::finish_feed() {
  if (!feed_) return;
  const auto feed = std::move(feed_);
  if (const auto status = feed->finish(); !status.has_value()) {
    metrics_.count_error("rtmp", status.error().code);
    log::error("ingest", "channel did not finish channel={} reason={}", channel_,
               status.error().message);
  }
}

}  // namespace millrace::ingest
