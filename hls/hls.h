#pragma once
// The origin: what every channel's packagers make, as HLS and Low-Latency HLS over HTTP.
//
// Thread: a Channel's calls come from its loop; Origin::handle() from any loop. Between them stands
// one short lock per channel, never held while rendering for the wire, calling out or logging.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "media/cmaf_chunk.h"
#include "media/sink.h"
#include "net/event_loop.h"
#include "net/http_server.h"

namespace millrace::hls {

struct Options {
  MediaTime window = std::chrono::seconds(14);
  /// Media in memory, all channels together. Past it the channel that grows loses its oldest
  /// segments that the specification lets go; a gauge and a counter tell.
  std::size_t max_window_bytes = std::size_t{4} * 1024 * 1024 * 1024;
  std::size_t max_parked_requests = 100'000;  ///< Past it 503 at once.
  /// Names this start of the server in part and init URIs: no URL ever has two contents.
  std::string start_id;
};

struct RenditionOptions {
  std::string name;  ///< "source", "720p", "audio": a path segment.
  MediaKind kind = MediaKind::kVideo;
  std::int64_t declared_bits_per_second = 0;  ///< Of an encoder; 0: only measured.
};

struct RenditionStatus {
  std::string name;
  MediaKind kind = MediaKind::kVideo;
  std::string codecs;
  int width = 0;
  int height = 0;
  double frame_rate = 0;
  std::int64_t bits_per_second = 0;  ///< Measured average.
};

struct ChannelStatus {
  std::string name;
  bool is_playable = false;
  std::vector<RenditionStatus> renditions;
};

/// One channel's output. Outlives publishers.
class Channel {
 public:
  virtual ~Channel() = default;

  /// Where the rendition's packager pushes; the sink lives as long as the channel. Its finish()
  /// means: no media for now (segments that open meanwhile are gaps), not the end. A name that
  /// existed before goes on in its window. kInvalidData from push(): a part of a segment that was
  /// not opened.
  virtual Sink<CmafChunk>& add_rendition(RenditionOptions options) = 0;
  /// All renditions of the publisher have been added; those of an earlier one that were not leave
  /// the multivariant playlist. It is served once each has its init segment, or 2 s from now.
  virtual void renditions_complete() = 0;

  /// The pictures carry CEA-608 captions, which the multivariant playlist says from now on.
  virtual void declare_closed_captions() = 0;
  /// EXT-X-TARGETDURATION; playlists are served from then on. Whole seconds, once.
  virtual void promise_target_duration(MediaTime target) = 0;
  /// The timeline's decision, before any rendition's chunks of it: number N begins at `start`, so
  /// N-1 ends there (at a discontinuity: where its media ends). A rendition without media for a
  /// number lists it as EXT-X-GAP, at the latest when the next but one opens.
  virtual void open_segment(SegmentNumber number, MediaTime start, bool starts_discontinuity) = 0;

  /// The show is over: EXT-X-ENDLIST everywhere, parked requests answered; what the playlists list
  /// stays fetchable for as long as it lasts. A segment that opens afterwards begins another show,
  /// in an empty window, and its numbers go on.
  virtual void end() = 0;
  virtual ChannelStatus status() const = 0;  ///< Any thread.
};

class Origin {
 public:
  virtual ~Origin() = default;
  /// Any thread. The first discontinuity sequence number comes from the caller (state or clock).
  virtual std::shared_ptr<Channel> add_channel(const std::string& name,
                                               std::uint64_t first_discontinuity_sequence) = 0;
  /// Answers /live/NAME/… On the exchange's loop.
  virtual void handle(std::shared_ptr<net::HttpExchange> exchange) = 0;
};

std::unique_ptr<Origin> create_origin(Options options, net::EventLoopGroup& loops, Metrics& metrics,
                                      const Clock& clock);

}  // namespace millrace::hls
