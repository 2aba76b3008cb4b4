#include "transcode/worker/rung_stage.h"

#include "transcode/frame_thinner.h"
#include "transcode/worker/cpu_time.h"

namespace millrace::transcode::worker {
namespace {

/// Whether an encoder opened for one serves the other; the size is the rung's in any case.
bool is_same_encoding(const VideoParameters& a, const VideoParameters& b) {
  return a.frame_rate == b.frame_rate && a.longest_frame == b.longest_frame &&
         a.colour == b.colour && a.sample_aspect_ratio == b.sample_aspect_ratio;
}

}  // namespace

RungStage::RungStage(std::uint8_t index, const Configuration& configuration, Device* device,
                     MessageWriter& writer, const std::atomic<std::uint32_t>& packets_taken,
                     Priority& priority)
    : index_(index),
      rung_(configuration.rungs[index]),
      profile_(configuration.profile),
      part_target_(configuration.part_target),
      start_(configuration.starts[index]),
      is_still_(configuration.still.pictures > 0),
      device_(device),
      writer_(writer),
      packets_taken_(packets_taken),
      priority_(priority) {}

Status RungStage::run() {
  const Encoder::Handler on_packet = [this](const Encoder::Output& output) { write(output); };
  while (auto frame = queue_.pop()) {
    if (!is_wanted(frame->picture) || writer_.has_failed()) continue;
    priority_.apply();
    const auto began = std::chrono::steady_clock::now();
    RETURN_IF_ERROR(encode(*frame));
    busy_nanoseconds_ += (std::chrono::steady_clock::now() - began).count();
    cpu_nanoseconds_ = cpu_time(CLOCK_THREAD_CPUTIME_ID).count();
  }
  return encoder_ ? encoder_->drain(on_packet) : ok();
}

bool RungStage::is_wanted(const Picture& picture) {
  if (!has_started_)
    has_started_ = picture.pts > start_.after && (picture.opens_segment || !start_.at_opener);
  // A source whose times run back is the server's business; a picture out of order cannot be shown.
  const bool is_later = !newest_pts_ || picture.pts > *newest_pts_;
  if (has_started_ && is_later) newest_pts_ = picture.pts;
  return has_started_ && is_later;
}

Status RungStage::encode(const Frame& frame) {
  const bool is_on_device = device_ && device_->holds(*frame.planes);
  if (is_on_device) RETURN_IF_ERROR(device_->check(Device::Work::kEncode));
  if (!encoder_ || is_on_device != is_on_device_ ||
      (frame.source != source_ && !is_same_encoding(frame.source->video, source_->video)))
    RETURN_IF_ERROR(open(frame));
  source_ = frame.source;
  RETURN_IF_ERROR(encoder_->push(frame, [this](const auto& output) { write(output); }));
  ++frames_encoded_;
  return ok();
}

Status RungStage::open(const Frame& frame) {
  if (encoder_) RETURN_IF_ERROR(encoder_->drain([this](const auto& output) { write(output); }));
  const VideoParameters source = thinned(frame.source->video, rung_);
  EncoderSettings settings = encoder_settings(profile_, source, part_target_, rung_.codec);
  settings.is_still = is_still_;
  is_on_device_ = device_ && device_->holds(*frame.planes);
  const EncoderPlace place{
      .device = is_on_device_ ? device_ : nullptr, .profile = profile_, .like = frame.planes.get()};
  ASSIGN_OR_RETURN(encoder_, Encoder::create(rung_, settings, source, newest_end_,
                                             hdr_metadata_of(*frame.planes), place));
  writer_.write(write_track(index_, encoder_->track()).span());
  return ok();
}

void RungStage::write(const Encoder::Output& output) {
  // The payload is written from where the encoder left it; only its size goes into the header.
  PacketMessage message{.rung = index_, .packets_taken = packets_taken_, .packet = {}};
  message.packet.payload = Bytes::of_static(output.payload);
  message.packet.pts = output.picture.pts;
  message.packet.dts = output.dts;
  message.packet.duration = output.duration;
  message.packet.is_key_frame = output.is_key_frame;
  message.packet.follows_gap = output.picture.follows_gap;
  message.packet.opens_segment = output.picture.opens_segment;
  message.packet.starts_discontinuity = output.picture.starts_discontinuity;
  message.packet.received_at = output.picture.received_at;
  newest_end_ = output.dts + output.duration;
  writer_.write(write_packet_header(message).span(), output.payload);
}

RungStatistics RungStage::statistics() const {
  return {.frames_encoded = frames_encoded_,
          .frames_dropped = queue_.dropped(),
          .queue_length = static_cast<std::uint32_t>(queue_.size()),
          .busy = std::chrono::nanoseconds(busy_nanoseconds_),
          .cpu = std::chrono::nanoseconds(cpu_nanoseconds_)};
}

}  // namespace millrace::transcode::worker
