#pragma once
// One channel: its publisher, timeline, packagers, ladder and output, wired together. Outlives its
// publishers.
//
// Thread: everything on the channel's loop, but for what says otherwise.
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "app/config.h"
#include "app/hold.h"
#include "app/qualification.h"
#include "app/report_teller.h"
#include "app/rung_admission.h"
#include "app/sound_intake.h"
#include "app/source_changes.h"
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
  transcode::Capacity& capacity;
  transcode::Devices& devices;
  std::function<void(transcode::WorkerCrash)> on_worker_crash;  ///< Empty: nobody is told.
  std::string worker_path;
  std::string device_worker_path;
  transcode::RemoteHosts* remote_hosts = nullptr;   ///< Null: ladders are encoded here.
  net::HttpClient* events_client = nullptr;         ///< Null: no events are told.
  std::atomic<std::size_t>* worker_turn = nullptr;  ///< Of transcode::Options.
};

/// What the API says of a channel.
struct ChannelStatus {
  enum class State { kWaiting, kLive, kEnded };
  State state = State::kWaiting;
  std::chrono::steady_clock::time_point live_since;
  std::string protocol;
  std::string remote_address;
  bool is_holding = false;  ///< Viewers see a held picture: the source is away.
};

class Channel final : private ingest::TimelineEvents, private Sink<EncodedPacket> {
 public:
  /// Any thread; what follows is on `loop`.
  Channel(std::string name, net::EventLoop& loop, const ChannelContext& context);
  ~Channel() override;

  const std::string& name() const { return name_; }
  net::EventLoop& loop() { return loop_; }

  /// A publisher takes the channel; one that is there is stopped. `ladder`: a template for this
  /// publisher; empty, or one that is not configured: the channel's own. Never fails.
  std::unique_ptr<ingest::Feed> attach(ingest::Publisher& publisher,
                                       const std::string& ladder = {});
  /// kDenied where takeover is off and the publisher that is there sends.
  Status check_takeover() const;
  /// When a rung is encoded, and whether the operator has said so.
  struct Encode {
    transcode::RungMode mode{};
    bool is_override = false;
  };
  /// Empty: there is no encoded rung of that name.
  std::optional<Encode> encode_of(const std::string& rung) const;
  /// The operator's word, over the configuration's; empty takes it back. `off` ends a rung that is
  /// listed like one that does not fit; other sources' ladders do not have it. One that is off by
  /// the configuration begins with the next source.
  void set_encode(const std::string& rung, std::optional<transcode::RungMode> mode);
  /// Ten times a second.
  void tick();
  /// The server stops: the ladder and what is held back are let go. With limits.end_on_stop the
  /// playlists end.
  void close();

  ChannelStatus status() const;                  ///< Any thread.
  std::shared_ptr<hls::Channel> output() const;  ///< Any thread; null before the first publisher.
  /// What is wrong with what the publisher sends. Any thread; never null.
  std::shared_ptr<const std::vector<ingest::Finding>> findings() const {
    return report_->findings();
  }

 private:
  class PublisherFeed;
  struct Rendition;

  void begin_source(const ingest::Announcement& announcement);
  Status push_source(ingest::SourcePacket packet);
  void refuse_publisher(const std::optional<std::string>& reason);
  void end_source();
  void finish_source_renditions();
  void publisher_gone(std::uint64_t session);
  void end_show();

  void hold_if_silent();
  bool is_watched() const;
  bool is_drained() const;
  void prepare_hold();
  void begin_fill();
  void forget_hold();

  void create_timeline();
  Rendition& rendition(const std::string& rendition_name, MediaKind kind,
                       std::int64_t bits_per_second,
                       std::shared_ptr<const InitSegment> init = nullptr);
  void add_others(const std::vector<std::shared_ptr<const TrackInfo>>& tracks);
  std::string name_of_rung(const TrackInfo& track) const;
  void end_passthrough(Rendition& source);
  void build_ladder(const Ladder& ladder, const TrackInfo& video);
  /// The init segment of a rung on demand; null, and it is encoded always, where it cannot be told.
  std::shared_ptr<const InitSegment> describe(transcode::Rung& rung, const TrackInfo& video) const;
  void finish(Sink<EncodedPacket>& packager);
  void drop_ladder();
  Ladder with_overrides(Ladder ladder) const;
  bool is_off(const transcode::Rung& rung) const;
  std::vector<bool> rungs_in_demand() const;
  /// What is in demand, as far as it fits on the machine; viewers are told of what does not.
  std::vector<bool> admitted_rungs();
  void on_drained();
  void follow_demand();
  std::vector<EncodedPacket> backlog(SegmentNumber first) const;
  void remember(const EncodedPacket& packet);
  void record_state(SegmentNumber used);
  void set_status(ChannelStatus status);
  void set_holding(bool is_holding);

  void on_tracks(const ingest::SourceTracks& tracks) override;
  void on_target_duration(MediaTime target) override;
  void on_closed_captions() override { output_->declare_closed_captions(); }
  void on_unaligned_rung(int index) override;
  void on_segment(const ingest::SegmentStart& segment) override;
  Status push(EncodedPacket packet) override;
  Status finish() override { return ok(); }

  const std::string name_;
  net::EventLoop& loop_;
  const ChannelContext& context_;
  const PublisherRules rules_;

  std::shared_ptr<hls::Channel> output_;
  const std::unique_ptr<ingest::StreamReport> report_;
  ReportTeller report_teller_;
  Qualification qualification_;
  SourceChanges changes_;
  std::unique_ptr<ingest::Timeline> timeline_;
  std::map<std::string, std::unique_ptr<Rendition>> renditions_;
  Rendition* source_rendition_ = nullptr;  ///< Null: the source has no video, or is not passed on.
  Rendition* audio_rendition_ = nullptr;
  std::shared_ptr<const TrackInfo> source_track_;  ///< The source's video; null: none.
  const Ladder* template_;                         ///< Of the running publisher, or the one before.
  std::map<std::string, transcode::RungMode> encode_overrides_;  ///< By rung: the operator's.
  std::vector<transcode::Rung> rungs_;                           ///< That are encoded here.
  RungAdmission admission_;                                      ///< Of `rungs_`.
  std::vector<transcode::Rung> ready_made_;  ///< That the source brings; then none is encoded.
  std::vector<transcode::Rung> held_rungs_;  ///< The ones or the others, while it is away.
  /// Alternate sound, and the ready-made rungs.
  std::map<std::pair<MediaKind, int>, Rendition*> others_;
  std::set<int> unaligned_;  ///< Ready-made rungs of the source that the log has told.
  std::unique_ptr<Sink<EncodedPacket>> ladder_;
  transcode::Ladder* encoding_ = nullptr;  ///< `ladder_`, where it is no held picture's.
  /// The source's packets of the part that has not ended: not in its window yet.
  std::vector<EncodedPacket> open_part_;
  bool ladder_is_draining_ = false;  ///< Told that nothing follows; the next source gets another.
  std::chrono::steady_clock::time_point draining_since_;
  bool is_drained_ = false;

  ingest::Publisher* publisher_ = nullptr;
  std::uint64_t session_ =
      0;  ///< Counts publishers: a stopped one's late packets are not the next's.
  bool source_has_begun_ = false;
  bool has_unpublished_ = false;  ///< It has said goodbye.
  bool is_on_air_ = false;        ///< Segments have opened, and the show has not ended.
  std::chrono::steady_clock::time_point newest_media_at_;
  net::Timer grace_;

  SoundIntake sound_;
  Hold hold_;

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
