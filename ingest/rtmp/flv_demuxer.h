#pragma once
// Makes source packets of a publisher's RTMP audio and video messages. One thread.
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "ingest/ingest.h"
#include "ingest/rtmp/flv_tag.h"
#include "ingest/rtmp/timestamp_unwrapper.h"

namespace millrace::ingest {

class FlvDemuxer {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// The packet in `body`; nothing where it is a header, empty, or ahead of its codec's
  /// configuration. A configuration that says the same again keeps the track's pointer. An error
  /// is clear to the person at the encoder.
  Result<std::optional<SourcePacket>> push_video(std::uint32_t timestamp, const Bytes& body,
                                                 TimePoint received_at);
  Result<std::optional<SourcePacket>> push_audio(std::uint32_t timestamp, const Bytes& body,
                                                 TimePoint received_at);

 private:
  Result<std::optional<SourcePacket>> push(std::uint32_t timestamp, FlvTag tag,
                                           std::shared_ptr<const TrackInfo>& track,
                                           TimePoint received_at);
  static Status configure(const FlvTag& tag, std::shared_ptr<const TrackInfo>& track);

  std::shared_ptr<const TrackInfo> video_;
  std::shared_ptr<const TrackInfo> audio_;
  TimestampUnwrapper timestamps_;
};

}  // namespace millrace::ingest
