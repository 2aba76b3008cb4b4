#include "transcode/worker/audio_stage.h"

namespace millrace::transcode::worker {

Status AudioStage::push(const EncodedPacket& packet) {
  ++taken_;
  bool is_answered = false;
  const Status status = converter_.push(packet, [&](const EncodedPacket& made) {
    is_answered = true;
    send(made);
  });
  if (!is_answered) {
    Statistics statistics;
    statistics.packets_taken = taken_;
    statistics.decode_errors = converter_.errors();
    writer_.write(write_statistics(statistics).span());
  }
  return status;
}

void AudioStage::finish() {
  converter_.drain([this](const EncodedPacket& made) { send(made); });
}

void AudioStage::send(const EncodedPacket& packet) {
  if (packet.track != sent_track_) {
    writer_.write(write_track(0, *packet.track).span());
    sent_track_ = packet.track;
  }
  const Bytes header = write_packet_header({.rung = 0, .packets_taken = taken_, .packet = packet});
  writer_.write(header.span(), packet.payload.span());
}

}  // namespace millrace::transcode::worker
