#include "ingest/srt/srt_publisher.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace millrace::ingest {

SrtPublisher::SrtPublisher(Admission admission, std::string remote_address, Metrics& metrics)
    : admission_(std::move(admission)),
      remote_address_(std::move(remote_address)),
      metrics_(metrics),
      demuxer_({}, *this) {}

// --- The receiving thread -----------------------------------------------------------------------

void SrtPublisher::start() {
  admission_.loop->post([self = shared_from_this()] { self->attach(); });
}

bool SrtPublisher::receive(std::span<const std::uint8_t> message, TimePoint at) {
  const MutexLock lock(mutex_);
  if (inbox_.bytes.size() + message.size() > kMaxInboxBytes) return false;
  inbox_.bytes.insert(inbox_.bytes.end(), message.begin(), message.end());
  inbox_.messages.push_back({message.size(), at});
  return true;
}

void SrtPublisher::flush() {
  {
    const MutexLock lock(mutex_);
    if (inbox_.messages.empty() || std::exchange(is_drain_posted_, true)) return;
  }
  admission_.loop->post([self = shared_from_this()] { self->drain(); });
}

void SrtPublisher::lost(Error why) {
  admission_.loop->post([self = shared_from_this(), why = std::move(why)] {
    if (!self->feed_) return;
    self->drain();
    // What the demuxer holds was sent whole before the end.
    if (self->feed_ && !self->wants_close())
      if (const auto status = self->demuxer_.finish(); !status.has_value())
        self->metrics_.count_error("srt", status.error().code);
    log::info("ingest", "publisher gone channel={} remote={} reason=\"{}\"", self->channel(),
              self->remote_address_, why.message);
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
  {
    const MutexLock lock(mutex_);
    is_drain_posted_ = false;
    std::swap(inbox_, work_);
  }
  std::size_t at = 0;
  for (const auto& message : work_.messages) {
    if (!feed_ || wants_close()) break;
    const auto bytes = std::span(work_.bytes).subspan(at, message.size);
    at += message.size;
    if (const auto status = demux(bytes, message.at); !status.has_value()) {
      end(status.error());
      break;
    }
  }
  work_.bytes.clear();
  work_.messages.clear();
  count_faults();
}

Status SrtPublisher::demux(std::span<const std::uint8_t> message, TimePoint at) {
  RETURN_IF_ERROR(demuxer_.push(message, at));
  if (message.size() < full_message_) return demuxer_.end_short_message();
  full_message_ = message.size();
  return ok();
}

void SrtPublisher::on_program(const Announcement& program) {
  if (feed_) feed_->announce(program);
}

Status SrtPublisher::on_packet(SourcePacket packet) {
  return feed_ ? feed_->push(std::move(packet)) : ok();
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

void SrtPublisher::count_faults() {
  const TsCounts& now = demuxer_.counts();
  if (now.unsupported_streams > counted_.unsupported_streams)
    log::warning("ingest",
                 "some of the transport stream is left out: H.264, HEVC and the first AAC are "
                 "taken channel={} streams={}",
                 channel(), now.unsupported_streams);
  const auto count = [&](const char* kind, std::uint64_t TsCounts::*member) {
    if (now.*member == counted_.*member) return;
    metrics_
        .counter("millrace_ts_faults_total",
                 "What was wrong with a publisher's transport stream, by kind.",
                 {{"channel", channel()}, {"kind", kind}})
        .increment(static_cast<double>(now.*member - counted_.*member));
  };
  count("lost_sync", &TsCounts::lost_sync);
  count("continuity", &TsCounts::continuity_errors);
  count("transport_error", &TsCounts::transport_errors);
  count("bad_section", &TsCounts::bad_sections);
  count("dropped_unit", &TsCounts::dropped_units);
  count("unsupported_stream", &TsCounts::unsupported_streams);
  counted_ = now;
}

}  // namespace millrace::ingest
