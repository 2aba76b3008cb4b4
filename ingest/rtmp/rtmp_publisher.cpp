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
  PublishRequest request{"rtmp", command.name, command.application, connection_.remote_address()};
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
  is_denied_ = error.code == ErrorCode::kDenied;
  if (is_denied_) {
    connection_.refuse_publish(kDenied, "Invalid stream key: " + error.message + ".", error);
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
  has_told_problem_ = false;
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
      return tell_problem(
          demuxer_->push_video(message.timestamp, message.payload, message.received_at, take_));
    case net::rtmp::MessageType::kAudio:
      return tell_problem(
          demuxer_->push_audio(message.timestamp, message.payload, message.received_at, take_));
    default:
      if (!is_announced_) {
        const auto announcement = parse_on_meta_data(message.payload.span());
        if (announcement) announce(*announcement);
      }
      return ok();
  }
}

Status RtmpPublisher::push(SourcePacket packet) {
  if (!is_announced_) announce({});  // Media came without a word.
  return feed_->push(std::move(packet));
}

/// A further track that is left out is told once; the publisher goes on.
Status RtmpPublisher::tell_problem(Status status) {
  if (!has_told_problem_ && !demuxer_->problem().empty()) {
    has_told_problem_ = true;
    log::warning("ingest", "a further track is left out channel={} reason={}", channel_,
                 demuxer_->problem());
  }
  return status;
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
  if (feed_) feed_->unpublish();
  finish_feed();
}

void RtmpPublisher::on_closed(const Status& how) {
  if (!how.has_value() && is_denied_) {
    // The authority has written its line, or left it out as one too many of this address.
    log::debug("ingest", "publisher refused remote={} reason={}", remote_address(),
               how.error().message);
  } else if (!how.has_value()) {
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
