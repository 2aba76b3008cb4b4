#pragma once
// The encoded rungs while a still picture is shown: each one's group of pictures, repeated at the
// times and segments of the source rendition's. Costs no encoding.
//
// Thread: the channel's loop.
#include <cstddef>
#include <span>
#include <vector>

#include "media/encoded_packet.h"
#include "media/sink.h"
#include "transcode/transcode.h"

namespace millrace::app {

class StillLadder final : public Sink<EncodedPacket> {
 public:
  struct Rung {
    transcode::StillRung still;
    Sink<EncodedPacket>* output = nullptr;  ///< Outlives it.
  };
  explicit StillLadder(std::vector<Rung> rungs) : rungs_(std::move(rungs)) {}

  /// A packet of the timeline's fill, whose groups have as many pictures as the rungs'.
  Status push(EncodedPacket packet) override;
  Status finish() override;

 private:
  std::vector<Rung> rungs_;
  std::size_t picture_ = 0;  ///< Of the group, next.
};

}  // namespace millrace::app
