#pragma once
// The worker in the place of a ladder's: converts what it is sent, one packet after the other, on
// the thread that reads.
#include <atomic>
#include <memory>

#include "transcode/audio_converter.h"
#include "transcode/worker/message_writer.h"
#include "transcode/worker/protocol.h"

namespace millrace::transcode::worker {

class AudioStage {
 public:
  AudioStage(const Configuration& configuration, MessageWriter& writer)
      : converter_(configuration.audio_codec, configuration.audio_bits_per_second),
        writer_(writer) {}

  /// Each packet is answered: by what comes out, or by statistics.
  Status push(const EncodedPacket& packet);
  void finish();

 private:
  void send(const EncodedPacket& packet);

  AudioConverter converter_;
  MessageWriter& writer_;
  std::shared_ptr<const TrackInfo> sent_track_;
  std::uint32_t taken_ = 0;
};

}  // namespace millrace::transcode::worker
