#pragma once
// One channel: its publisher, timeline, packagers, ladder and output, wired together. Outlives its
// publishers.
//
// Thread: everything on the channel's loop, but for what says otherwise.
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config.h"
#include "app/state_store.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "hls/hls.h"
#include "ingest/ingest.h"
#include "media/encoded_packet.h"
#include "net/event_loop.h"

namespace millrace::app {

/// What all channels share. Outlives them.
struct ChannelContext {
  const Config& config;
  const Clock& clock;
  Metrics& metrics;
  StateStore& state;
  hls::Origin& origin;
  std::string worker_path;
};

/// What the API says of a channel.
struct ChannelStatus {
  enum class State { kWaiting, kLive, kEnded };
  State state = State::kWaiting;
  std::chrono::steady_clock::time_point live_since;
  std::string protocol;
  std::string remote_address;
};

class Channel final : private ingest::TimelineEvents, private Sink<EncodedPacket> {
 public:
  /// Any thread; what follows is on `loop`.
  Channel(std::string name, net::EventLoop& loop, const ChannelContext& context);
  ~Channel() override;

  const std::string& name() const { return name_; }
  net::EventLoop& loop() { return loop_; }

  /// A publisher takes the channel; one that is there is stopped. Never fails.
  std::unique_ptr<ingest::Feed> attach(ingest::Publisher& publisher);
  /// Ten times a second.
  void tick();
  /// The server stops: the ladder and what is held back are let go, the playlists end.
  void close();

  ChannelStatus status() const;                  ///< Any thread.
  std::shared_ptr<hls::Channel> output() const;  ///< Any thread; null before the first publisher.

 private:
  class PublisherFeed;
  struct Rendition;

  void begin_source(const ingest::Announcement& announcement);
  Status push_source(ingest::SourcePacket packet);
  void end_source();
  void publisher_gone(std::uint64_t session);
  void end_show();
  void create_timeline();
  Rendition& rendition(const std::string& rendition_name, MediaKind kind,
                       std::int64_t bits_per_second);
  void build_ladder(const TrackInfo& video);
  void record_state(SegmentNumber used);
  void set_status(ChannelStatus status);

  void on_tracks(const ingest::SourceTracks& tracks) override;
  void on_target_duration(MediaTime target) override;
  void on_closed_captions() override { output_->declare_closed_captions(); }
  void on_segment(const ingest::SegmentStart& segment) override;
  Status push(EncodedPacket packet) override;
  Status finish() override { return ok(); }

  const std::string name_;
  net::EventLoop& loop_;
  const ChannelContext& context_;

  std::shared_ptr<hls::Channel> output_;
  std::unique_ptr<ingest::Timeline> timeline_;
  std::map<std::string, std::unique_ptr<Rendition>> renditions_;
  Rendition* source_rendition_ = nullptr;  ///< Null: the source has no video, or is not passed on.
  Rendition* audio_rendition_ = nullptr;
  std::vector<transcode::Rung> rungs_;
  std::unique_ptr<Sink<EncodedPacket>> ladder_;
  bool ladder_is_draining_ = false;  ///< Told that nothing follows; the next source gets another.

  ingest::Publisher* publisher_ = nullptr;
  std::uint64_t session_ =
      0;  ///< Counts publishers: a stopped one's late packets are not the next's.
  bool source_has_begun_ = false;
  net::Timer grace_;

  ChannelState recorded_;
  MediaTime longest_gop_{};
  std::optional<MediaTime> last_segment_start_;

  Gauge publishers_;
  Counter bytes_;
  Counter video_packets_;
  Counter audio_packets_;
  Counter frames_;

  mutable Mutex mutex_;
  ChannelStatus status_ GUARDED_BY(mutex_);
};

}  // namespace millrace::app
