#pragma once
// Sound and picture whose clocks have nothing to do with each other: the track that comes second is
// moved to the first by what arrives together. On the channel's loop.
#include <chrono>
#include <optional>

#include "ingest/ingest.h"

namespace millrace::ingest {

class TrackAligner {
 public:
  /// Tracks that are no farther apart are one clock's: what is between them is meant, or a
  /// multiplexer's buffer (ISO/IEC 13818-1 2.4.2.6: a second).
  static constexpr MediaTime kFarthestApart = std::chrono::seconds(1);

  /// Puts the packet's times on the clock of the track that came first. True for the packet that
  /// shows that the clocks disagree; at most once. Tracks beside the main ones have their clocks.
  bool align(SourcePacket& packet);

 private:
  struct Track {
    MediaTime newest_dts{};
    MediaTime first_lead{};  ///< The first packet's time less that of its arrival.
  };

  std::optional<Track> video_;
  std::optional<Track> audio_;
  MediaTime video_shift_{};
  MediaTime audio_shift_{};
};

}  // namespace millrace::ingest
