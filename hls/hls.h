#pragma once
// The origin: what every channel's packagers make, as HLS and Low-Latency HLS over HTTP.
//
// Thread: a Channel's calls come from its loop; Origin::handle() from any loop. Between them stands
// one short lock per channel, never held while rendering for the wire, calling out or logging.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "hls/cache_lifetimes.h"
#include "hls/dvr/dvr_options.h"
#include "hls/playback/playback_options.h"
#include "hls/ts/ts_options.h"
#include "media/cmaf_chunk.h"
#include "media/sink.h"
#include "net/event_loop.h"
#include "net/http_server.h"

namespace millrace::hls {

/// What is kept on disk for rewinding (dvr/dvr_store.h).
class DvrStore;

/// Takes the folder for this server alone, and reads what is in it. kSystem: it cannot be written;
/// kDenied: another server has it. The event loops outlive it; so do `metrics` and `clock`.
Result<std::shared_ptr<DvrStore>> open_dvr(DvrOptions options, Metrics& metrics,
                                           const Clock& clock);

struct Options {
  MediaTime window = std::chrono::seconds(14);
  /// Media in memory, all channels together. Past it the channel that grows loses its oldest
  /// segments that the specification lets go; a gauge and a counter tell.
  std::size_t max_window_bytes = std::size_t{4} * 1024 * 1024 * 1024;
  std::size_t max_parked_requests = 100'000;  ///< Past it 503 at once.
  /// Whether the multivariant playlist has a variant without pictures beside those that have some.
  bool audio_only = false;
  CacheLifetimes cache{};
  PlaybackOptions playback{};
  std::shared_ptr<DvrStore> dvr = nullptr;  ///< Null: nothing is kept.
  /// Channels that may have been on air when the server stopped. Who asks for a playlist of one
  /// waits for it to be back, in the first `expected_for` of this start.
  std::set<std::string, std::less<>> expected{};
  std::chrono::seconds expected_for{0};
  TsOptions ts{};
  /// Names this start of the server in part and init URIs: no URL ever has two contents.
  std::string start_id;
};

struct RenditionOptions {
  std::string name;  ///< "source", "720p", "audio": a path segment.
  MediaKind kind = MediaKind::kVideo;
  std::int64_t declared_bits_per_second = 0;  ///< Of an encoder; 0: only measured.
  /// Of a rendition that has media only while somebody asks for it: what it will be. It is listed
  /// from the start. While it rests and the others do not, what asks for its playlist waits for its
  /// media (Demand). Null: what it is comes with its first chunk.
  std::shared_ptr<const InitSegment> init = nullptr;
};

struct RenditionStatus {
  std::string name;
  MediaKind kind = MediaKind::kVideo;
  std::string codecs;
  int width = 0;
  int height = 0;
  double frame_rate = 0;
  std::int64_t bits_per_second = 0;  ///< Measured average.
  bool is_idle = false;              ///< Nobody asks for it, so that it has no media.
  bool is_refused = false;           ///< Channel::refuse().
};

/// What players want of a rendition.
struct Demand {
  /// When its playlist was last asked for, or such a request was last answered; now, while one
  /// waits. The epoch: never.
  std::chrono::steady_clock::time_point last_request;
  /// It is idle and awaited, and its media is taken from this segment on. 0: it is not.
  SegmentNumber from = 0;
  /// From this one up to `from` segments are listed whose media is still to come, through
  /// Channel::promised(). 0: none.
  SegmentNumber promised = 0;
};

struct ChannelStatus {
  std::string name;
  bool is_playable = false;  ///< Playlists are served; those of a show that has ended too.
  bool has_ended = false;
  std::vector<RenditionStatus> renditions;
};

/// One channel's output. Outlives publishers.
class Channel {
 public:
  virtual ~Channel() = default;

  /// Where the rendition's packager pushes; the sink lives as long as the channel. Its finish()
  /// means: no media for now (segments that open meanwhile are gaps), not the end. A name that
  /// existed before goes on in its window. kInvalidData from push(): a part of a segment that was
  /// not opened. The first one of sound is what MPEG-TS has beside each picture.
  virtual Sink<CmafChunk>& add_rendition(RenditionOptions options) = 0;
  /// Where the media of segments goes that were promised (Demand), in their order; of others it is
  /// passed over. Who asks for one of them meanwhile waits. finish(): there will be no more, and
  /// what is missing is a gap. Of a rendition that was added; as that one's sink otherwise.
  virtual Sink<CmafChunk>& promised(std::string_view rendition) = 0;
  /// All renditions of the publisher have been added; those of an earlier one that were not leave
  /// the multivariant playlist. It is served once each has its init segment, or 2 s from now.
  virtual void renditions_complete() = 0;

  /// Whether a held picture comes, whose bit rate tells nothing of what players have to expect: it
  /// is not measured.
  virtual void set_holding(bool is_holding) = 0;
  /// Whether there will be no media for it though somebody asks: the multivariant playlist leaves
  /// it out, and its own playlist goes on with gaps. Of a rendition that was added.
  virtual void refuse(std::string_view rendition, bool is_refused) = 0;
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
  /// The server stops, but the show is not over: who waits is told to come again, and nobody waits
  /// any more.
  virtual void interrupt() = 0;
  virtual ChannelStatus status() const = 0;  ///< Any thread.
  /// When a player or a cache last asked for anything of it; the epoch: never. Any thread.
  virtual std::chrono::steady_clock::time_point last_request() const = 0;
  virtual Demand demand(std::string_view rendition) const = 0;  ///< Any thread.
  /// Called on the loop of a request for which an idle rendition is awaited from now on. Once,
  /// before the first rendition; it outlives all requests.
  virtual void on_awaited(std::function<void()> handler) = 0;
};

class Origin {
 public:
  virtual ~Origin() = default;
  /// Any thread. The first discontinuity sequence number comes from the caller (state or clock).
  virtual std::shared_ptr<Channel> add_channel(const std::string& name,
                                               std::uint64_t first_discontinuity_sequence) = 0;
  /// Answers what is_origin_path() says. On the exchange's loop.
  virtual void handle(std::shared_ptr<net::HttpExchange> exchange) = 0;
  /// Channel::interrupt() for all of them, and for who waits for one that is not back. Any thread.
  virtual void interrupt() = 0;
};

std::unique_ptr<Origin> create_origin(Options options, net::EventLoopGroup& loops, Metrics& metrics,
                                      const Clock& clock);

}  // namespace millrace::hls
