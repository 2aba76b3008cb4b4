#include "app/still_ladder.h"

#include <utility>

#include "base/check.h"

namespace millrace::app {

Status StillLadder::push(EncodedPacket packet) {
  if (packet.is_key_frame) picture_ = 0;
  for (const Rung& rung : rungs_) {
    CHECK(picture_ < rung.still.pictures.size());
    EncodedPacket of_rung = packet;
    of_rung.track = rung.still.track;
    of_rung.payload = rung.still.pictures[picture_];
    RETURN_IF_ERROR(rung.output->push(std::move(of_rung)));
  }
  ++picture_;
  return ok();
}

Status StillLadder::finish() {
  for (const Rung& rung : rungs_) RETURN_IF_ERROR(rung.output->finish());
  return ok();
}

}  // namespace millrace::app
