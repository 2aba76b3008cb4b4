#pragma once
// A channel's rendition, of which only the channel knows.
#include <memory>

#include "app/channel.h"
#include "app/last_pictures.h"
#include "media/sink.h"

namespace millrace::app {

/// A rendition's packager, and where it pushes.
struct Channel::Rendition {
  explicit Rendition(Sink<CmafChunk>& window) : last_pictures(window) {}

  LastPictures last_pictures;  ///< Of video.
  std::unique_ptr<Sink<EncodedPacket>> packager;
  std::unique_ptr<Sink<EncodedPacket>> older;  ///< Of what was promised of an encoded rung.
};

}  // namespace millrace::app
