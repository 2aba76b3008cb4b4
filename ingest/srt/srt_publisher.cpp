#include "ingest/srt/srt_publisher.h"

#include <utility>

#include "base/log.h"

namespace millrace::ingest {

SrtPublisher::SrtPublisher(Admission admission, std::string remote_address, Metrics& metrics)
    : admission_(std::move(admission)),
      remote_address_(std::move(remote_address)),
      metrics_(metrics),
      intake_(TsIntake::Framing::kMessages, {{"channel", admission_.channel}}, metrics, *this) {}

// --- The receiving thread -----------------------------------------------------------------------

void SrtPublisher::start() {
  admission_.loop->post([self = shared_from_this()] { self->attach(); });
}

bool SrtPublisher::receive(std::span<const std::uint8_t> message, TimePoint at) {
  return intake_.receive(message, at);
}

void SrtPublisher::flush() {
  if (intake_.wants_drain()) admission_.loop->post([self = shared_from_this()] { self->drain(); });
}

void SrtPublisher::lost(Error why) {
  admission_.loop->post([self = shared_from_this(), why = std::move(why)] {
    if (!self->feed_) return;
    self->drain();
    // What the demuxer holds was sent whole before the end.
    if (self->feed_ && !self->wants_close())
      if (const auto status = self->intake_.finish(); !status.has_value())
        self->metrics_.count_error("srt", status.error().code);
    log::info("ingest", "publisher gone channel={} remote={} reason=\"{}\"", self->channel(),
              self->remote_address_, why.message);
    if (self->feed_ && why.code == ErrorCode::kClosed && !self->wants_close())
      self->feed_->unpublish();
    self->finish_feed();
  });
}

// --- The channel's loop -------------------------------------------------------------------------

void SrtPublisher::attach() {
  auto feed = admission_.attach(*this);
  if (!feed.has_value()) return end(feed.error());
  feed_ = std::move(feed).value();
}

void SrtPublisher::drain() {
  if (const auto status = intake_.drain(); !status.has_value() && feed_) end(status.error());
  tell_unsupported();
}

void SrtPublisher::on_program(const Announcement& program) {
  if (feed_) feed_->announce(program);
}

Status SrtPublisher::on_packet(SourcePacket packet) {
  return feed_ && !wants_close() ? feed_->push(std::move(packet)) : ok();
}

void SrtPublisher::stop(std::string_view reason) {
  log::info("ingest", "publisher is cut off channel={} remote={} reason=\"{}\"", channel(),
            remote_address_, reason);
  wants_close_.store(true, std::memory_order_release);  // Then lost() comes.
}

void SrtPublisher::end(const Error& why) {
  metrics_.count_error("srt", why.code);
  log::warning("ingest", "publisher is cut off channel={} remote={} reason=\"{}\"", channel(),
               remote_address_, why.message);
  wants_close_.store(true, std::memory_order_release);
  finish_feed();
}

void SrtPublisher::finish_feed() {
  const auto feed = std::move(feed_);
  if (!feed) return;
  if (const auto status = feed->finish(); !status.has_value())
    metrics_.count_error("srt", status.error().code);
}

void SrtPublisher::tell_unsupported() {
  const auto streams = intake_.unsupported_streams();
  if (streams == std::exchange(told_unsupported_, streams)) return;
  log::warning("ingest",
               "some of the transport stream is left out: H.264, HEVC and the first AAC are taken "
               "channel={} streams={}",
               channel(), streams);
}

}  // namespace millrace::ingest
