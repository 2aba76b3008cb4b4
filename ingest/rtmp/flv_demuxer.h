#pragma once
// Makes source packets of a publisher's RTMP audio and video messages. One thread.
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ingest/ingest.h"
#include "ingest/rtmp/flv_tag.h"
#include "ingest/rtmp/timestamp_unwrapper.h"
#include "ingest/ts/audio_frames.h"

namespace millrace::ingest {

class FlvDemuxer {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Take = std::function<Status(SourcePacket)>;

  /// Of each kind; further ones are left out.
  static constexpr std::size_t kMaxTracks = 8;

  /// Gives the packets in `body`; none where it is a header, empty, or ahead of its codec's
  /// configuration. The encoder's track 0 has index 0, the others follow in the order in which they
  /// first come. A configuration that says the same again keeps the track's pointer. An error is
  /// take's, or one of the main track, clear to the person at the encoder.
  Status push_video(std::uint32_t timestamp, const Bytes& body, TimePoint received_at,
                    const Take& take);
  Status push_audio(std::uint32_t timestamp, const Bytes& body, TimePoint received_at,
                    const Take& take);

  /// Why a further track is left out, the first of them; empty: none is.
  const std::string& problem() const { return problem_; }

 private:
  struct Track {
    int number = -1;  ///< The encoder's; -1: this place is free.
    int index = 0;    ///< Ours.
    bool is_left_out = false;
    std::shared_ptr<const TrackInfo> info;
    std::unique_ptr<AudioFrames> frames;  ///< Of a codec whose frames say what they are.
    std::shared_ptr<const TrackInfo> unlabelled;
  };
  using Tracks = std::array<Track, kMaxTracks>;

  Status push(std::uint32_t timestamp, Result<std::vector<FlvTag>> tags, Tracks& tracks,
              TimePoint received_at, const Take& take);
  Status push_tag(std::uint32_t timestamp, FlvTag tag, Track& track, TimePoint received_at,
                  const Take& take);
  Status push_frames(MediaTime time, const FlvTag& tag, Track& track, TimePoint received_at,
                     const Take& take);
  Track* find_or_add(Tracks& tracks, int number);
  static Status configure(const FlvTag& tag, Track& track);
  void leave_out(Track& track, const std::string& why);

  Tracks video_;
  Tracks audio_;
  TimestampUnwrapper timestamps_;
  std::string problem_;
};

}  // namespace millrace::ingest
