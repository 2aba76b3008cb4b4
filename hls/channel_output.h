#pragma once
// hls.h's Channel: its windows behind one lock, and the requests that wait for what comes.
//
// Thread: Channel's calls on the channel's loop, answer() on the exchange's, the rest on any. The
// lock is held for moving references about; rendering, answering and logging happen outside it.
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "hls/channel_windows.h"
#include "hls/dvr/dvr_playlist.h"
#include "hls/dvr/dvr_store.h"
#include "hls/hls.h"
#include "hls/media_path.h"
#include "hls/parked_requests.h"
#include "hls/playlist_snapshot.h"
#include "hls/ts/ts_cache.h"
#include "hls/ts/ts_playlist.h"

namespace millrace::hls {

/// What all channels of an origin share; outlives them.
struct OriginContext {
  OriginContext(Options its_options, Metrics& its_metrics, const Clock& its_clock);

  /// Counts another request that waits. False: there is no room for it.
  bool make_room();
  /// They wait no more.
  void count_let_go(std::size_t requests);
  /// Whether it may have been on air before this start, and may still come back.
  bool is_expected(std::string_view channel) const;

  const Options options;
  Metrics& metrics;
  const Clock& clock;
  PlaylistCounters playlists;
  Gauge window_bytes_gauge;
  Counter trimmed_segments;
  Gauge parked_gauge;
  Histogram parked_seconds;
  TsCache ts_cache;
  std::atomic<std::size_t> window_bytes = 0;
  std::atomic<std::size_t> parked = 0;
  const std::chrono::steady_clock::time_point expected_until;
};

/// How long who waits for a playlist of a channel that has none yet is kept.
constexpr std::chrono::seconds kBeginningPatience(6);

class ChannelOutput final : public Channel, public std::enable_shared_from_this<ChannelOutput> {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// `found`: what the disk has of it from earlier starts.
  ChannelOutput(std::string name, OriginContext& context, const std::vector<DvrFound>& found = {});
  ~ChannelOutput() override;

  Sink<CmafChunk>& add_rendition(RenditionOptions options) override;
  Sink<CmafChunk>& promised(std::string_view rendition) override;
  void renditions_complete() override;
  void set_holding(bool is_holding) override;
  void refuse(std::string_view rendition, bool is_refused) override;
  void declare_closed_captions() override;
  void promise_target_duration(MediaTime target) override;
  void open_segment(SegmentNumber number, MediaTime start, bool starts_discontinuity) override;
  void end() override;
  void interrupt() override;
  ChannelStatus status() const override;
  TimePoint last_request() const override { return last_request_.load(std::memory_order_relaxed); }
  Demand demand(std::string_view rendition) const override;
  void on_awaited(std::function<void()> handler) override { on_awaited_ = std::move(handler); }

  /// It has a publisher: the first discontinuity sequence number, before the first segment.
  void begin(std::uint64_t discontinuity_sequence);
  /// A GET or HEAD of one of the channel's objects, whose path this is. `came_at`: that of a
  /// request which has waited already; empty: now.
  void answer(const std::shared_ptr<net::HttpExchange>& exchange, const MediaPath& path,
              std::optional<TimePoint> came_at = std::nullopt);
  /// Time has passed: requests that waited too long are given up, old media is let go.
  void tick();

 private:
  using Rendition = ChannelWindows::Rendition;
  /// A rendition's packager pushes here; with it what waits and what is rendered.
  struct Output;
  /// A parked request that has its answer.
  struct Woken {
    /// kAgain: what it waits for may be there, or will not come.
    enum class Why { kPlaylist, kPart, kAgain, kTooLate, kInterrupted };
    ParkedRequest request;
    Why why = Why::kPlaylist;
    Output* output = nullptr;
    std::uint64_t part = 0;
    std::vector<Bytes> bytes;
  };
  using WokenList = std::vector<Woken>;
  /// What is answered with media.
  struct Media {
    MediaObject object = MediaObject::kSegment;
    MediaKind kind = MediaKind::kVideo;
    std::string start_id;
    std::uint64_t number = 0;  ///< As in MediaPath.
    std::uint64_t target_seconds = 0;
  };
  struct Multivariant {
    std::shared_ptr<const PlaylistText> text;
    std::uint64_t version = 0;
  };
  /// What a request came to, to be said outside the lock.
  struct Refusal {
    int status = 404;
    std::string_view why;
  };

  Status push(Output& output, CmafChunk chunk);
  Status rest(Output& output);
  Status keep_promise(Output& output, CmafChunk chunk);
  Status break_promises(Output& output);

  /// The playlist has no whole segment yet.
  bool is_too_early(const DeliveryDirectives& asked, const Output& output) const REQUIRES(mutex_);
  /// Of a rendition that is idle: the request waits for its media. `promises`: it takes a playlist
  /// whose older segments are still to come.
  ReloadDecision decide_idle(const DeliveryDirectives& asked, Output& output, bool promises)
      REQUIRES(mutex_);
  /// No playlist is served yet: the request waits for the first one. Nothing, and why, where there
  /// will be none.
  std::optional<ParkedRequests::Key> wait_for_beginning(
      const std::shared_ptr<net::HttpExchange>& exchange, TimePoint since, Refusal& refusal)
      REQUIRES(mutex_);
  Refusal no_room() const REQUIRES(mutex_);
  void answer_again(const ParkedRequest& request);
  Output* find_output(std::string_view rendition) REQUIRES(mutex_);
  std::shared_ptr<const PlaylistSnapshot> snapshot(Output& output, bool wants_dvr) REQUIRES(mutex_);
  void answer_multivariant(const std::shared_ptr<net::HttpExchange>& exchange, TimePoint came_at);
  void answer_playlist(const std::shared_ptr<net::HttpExchange>& exchange, const MediaPath& path,
                       TimePoint came_at);
  void answer_media(const std::shared_ptr<net::HttpExchange>& exchange, const MediaPath& path,
                    TimePoint came_at);
  void answer_woken(const Woken& woken);
  // MPEG-TS (channel_ts.cpp).
  void answer_ts(const std::shared_ptr<net::HttpExchange>& exchange, const MediaPath& path,
                 TimePoint came_at);
  void answer_ts_multivariant(const std::shared_ptr<net::HttpExchange>& exchange,
                              TimePoint came_at);
  void answer_ts_playlist(const std::shared_ptr<net::HttpExchange>& exchange, const MediaPath& path,
                          TimePoint came_at);
  void answer_ts_segment(net::HttpExchange& exchange, const MediaPath& path);
  static Refusal no_ts_yet() { return {503, "the first segment is not complete yet"}; }
  /// Null where there is nothing to list yet.
  std::shared_ptr<const TsPlaylist> ts_playlist(Output& output) REQUIRES(mutex_);
  void respond_ts(net::HttpExchange& exchange, const TsPlaylist& playlist);
  /// Of the show that ended last: its multivariant playlist, or where that of a rendition is.
  void answer_vod(net::HttpExchange& exchange, MediaObject object);
  void answer_vod_playlist(const std::shared_ptr<net::HttpExchange>& exchange,
                           const MediaPath& path);
  /// Media on disk.
  std::optional<DvrPast::Media> find_kept(const MediaPath& path) const REQUIRES(mutex_);
  void answer_kept(const std::shared_ptr<net::HttpExchange>& exchange, Media media,
                   std::shared_ptr<const DvrPlace> place);
  void respond_media(net::HttpExchange& exchange, const Media& media,
                     std::vector<Bytes> body) const;
  void respond(const std::shared_ptr<net::HttpExchange>& exchange,
               std::shared_ptr<const PlaylistSnapshot> playlist, bool wants_delta,
               bool is_blocking);
  using MakeText = std::function<std::shared_ptr<const PlaylistText>()>;
  /// Answers with what `make` gives, which a reader's thread of the store runs: of a long playlist
  /// of which most is not made yet, an event loop would stand for up to 50 ms.
  void respond_later(const std::shared_ptr<net::HttpExchange>& exchange, MediaObject object,
                     MakeText make, const CacheRule& rule);
  static bool is_compressed_for(net::HttpExchange& exchange);
  void decline(net::HttpExchange& exchange, MediaObject object, const Refusal& refusal) const;

  /// Nothing where there is no room for it.
  std::optional<ParkedRequests::Key> park(ParkedRequests& place, const PlaylistPosition& wait_for,
                                          ParkedRequest request) REQUIRES(mutex_);
  /// `place`: of this channel.
  void forget_when_aborted(net::HttpExchange& exchange, ParkedRequests* place,
                           const ParkedRequests::Key& key);
  void abort(ParkedRequests& place, const ParkedRequests::Key& key);
  /// Who waits for what is there now.
  void collect(WokenList& woken) REQUIRES(mutex_);
  void collect_beginners(WokenList& woken) REQUIRES(mutex_);
  /// The hinted part is there, or, without bytes, will never be.
  void collect_parts(Output& output, std::uint64_t part, const std::vector<Bytes>& bytes,
                     WokenList& woken) REQUIRES(mutex_);
  /// `output`: null of those who wait for the channel to begin.
  void take(std::vector<ParkedRequest> requests, Woken::Why why, Output* output, WokenList& woken)
      REQUIRES(mutex_);
  /// What came of a call, once its lock is released: answers, and what the disk gets.
  void let_out(WokenList woken);
  void wake(WokenList woken);
  void account() REQUIRES(mutex_);

  const std::string name_;
  OriginContext& context_;
  const bool has_ts_;
  Histogram publish_latency_;
  Counter late_parts_;
  std::atomic<TimePoint> last_request_{TimePoint()};
  std::function<void()> on_awaited_;

  mutable Mutex mutex_;
  ChannelWindows windows_ GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Output>> outputs_ GUARDED_BY(mutex_);  ///< Never removed.
  Multivariant multivariant_ GUARDED_BY(mutex_);
  Multivariant dvr_multivariant_ GUARDED_BY(mutex_);
  ParkedRequests beginners_ GUARDED_BY(mutex_);    ///< For any playlist of a channel without one.
  bool has_publisher_ GUARDED_BY(mutex_) = false;  ///< Or had one, in this start of the server.
  bool is_interrupted_ GUARDED_BY(mutex_) = false;
  Multivariant ts_multivariant_ GUARDED_BY(mutex_);
  struct VodMultivariant {
    std::string file;  ///< That it leads to.
    std::shared_ptr<const PlaylistText> text;
  };
  VodMultivariant vod_multivariant_ GUARDED_BY(mutex_);
  /// Of finished shows, as they were asked for, by RENDITION/FILE; until something of them goes.
  static constexpr std::size_t kMostVodPlaylists = 32;
  std::map<std::string, std::shared_ptr<const ShowPlaylist>> vod_ GUARDED_BY(mutex_);
  std::size_t accounted_bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace millrace::hls
