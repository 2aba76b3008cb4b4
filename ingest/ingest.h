#pragma once
// Every way a channel comes in, and its clock.
//
// A listener authenticates a publisher at the Gate, moves its connection to the channel's loop and
// pushes what it sends into the Feed that the channel gave it. The channel's Timeline maps that
// onto the server's clock and decides the segment boundaries.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "media/encoded_packet.h"
#include "media/sink.h"
#include "net/event_loop.h"

namespace millrace::ingest {

/// One access unit as the source sent it: times on the source's own clock, any origin, unwrapped.
struct SourcePacket {
  std::shared_ptr<const TrackInfo> track;  ///< Another pointer than before: new parameters.
  Bytes payload;                           ///< As in EncodedPacket.
  MediaTime dts{};
  MediaTime pts{};
  bool is_key_frame = false;
  std::chrono::steady_clock::time_point received_at;
};

/// What the source says of itself before its media (onMetaData); all of it may be absent or wrong.
struct Announcement {
  bool has_video = true;
  bool has_audio = true;
  double frame_rate = 0;  ///< 0: not said.
  std::string encoder;    ///< "obs-output module (libobs version 29.0.2)"
};

/// Where one publisher's media goes: the channel. Every call on the channel's loop; finish() when
/// the publisher has gone, nothing follows. An error of push() ends the publisher.
class Feed : public Sink<SourcePacket> {
 public:
  virtual void announce(const Announcement& announcement) = 0;
};

/// The channel's handle on a publisher. On the channel's loop.
class Publisher {
 public:
  virtual ~Publisher() = default;
  /// Ends the connection soon; its Feed gets finish(). `reason` goes to the log and, where the
  /// protocol can say it, to the encoder.
  virtual void stop(std::string_view reason) = 0;
  virtual std::string protocol() const = 0;        ///< "rtmp"
  virtual std::string remote_address() const = 0;  ///< "192.0.2.7:51423"
};

struct PublishRequest {
  std::string protocol;
  std::string key;  ///< A secret: never logged.
  std::string application;
  std::string remote_address;
};

/// A publisher that was let in.
struct Admission {
  std::string channel;
  net::EventLoop* loop = nullptr;  ///< The channel's; the connection moves to it.
  /// Called on `loop`, once; a running publisher of the channel is taken over by it. `publisher`
  /// is valid until the feed's finish().
  std::function<Result<std::unique_ptr<Feed>>(Publisher& publisher)> attach;
  /// SRT only: what its packets are encrypted with. Empty: the listener's. A secret.
  std::string srt_passphrase = {};
};

class Gate {
 public:
  virtual ~Gate() = default;
  /// Never blocks. `reply` is called exactly once, inside this call or later, on any thread. An
  /// error's message is for the log; kDenied: wrong key.
  virtual void admit(PublishRequest request, std::function<void(Result<Admission>)> reply) = 0;
};

// --- RTMP -----------------------------------------------------------------------------------

struct RtmpOptions {
  std::vector<std::string> listen;  ///< "ADDRESS:PORT"
  std::size_t max_connections = 4'000;
  std::size_t max_connections_per_address = 1'000;
  std::size_t max_message_bytes =
      8 * 1024 * 1024;  ///< One access unit; past it the connection ends.
  std::chrono::milliseconds handshake_timeout{5'000};  ///< From accept to the end of the handshake.
  std::chrono::milliseconds publish_timeout{10'000};   ///< From accept to an accepted publish.
  std::chrono::milliseconds idle_timeout{30'000};      ///< A publisher that sends nothing.
};

class Listener {
 public:
  virtual ~Listener() = default;
  virtual std::vector<std::string> addresses() const = 0;  ///< With their real ports.
  /// Closes the listening sockets and every connection; their feeds get finish(). Any thread.
  virtual void stop() = 0;
};

Result<std::unique_ptr<Listener>> create_rtmp_listener(RtmpOptions options,
                                                       net::EventLoopGroup& loops, Gate& gate,
                                                       Metrics& metrics, const Clock& clock);

// --- SRT ------------------------------------------------------------------------------------

/// Live mode, MPEG-TS. A caller says its key in the stream id (docs/operations.md).
struct SrtOptions {
  std::vector<std::string> listen;  ///< "ADDRESS:PORT"; libsrt receives each port on one thread.
  /// How long packets are held back for lost ones to come again; the caller may ask for more.
  std::chrono::milliseconds latency{120};
  std::string passphrase;  ///< 10 to 79 bytes; empty: callers need none. A secret.
  std::size_t max_connections = 1'000;
  std::size_t max_connections_per_address = 100;
  std::chrono::milliseconds peer_timeout{5'000};   ///< Without a sign of life of the caller.
  std::chrono::milliseconds idle_timeout{30'000};  ///< A publisher that sends nothing.
};

Result<std::unique_ptr<Listener>> create_srt_listener(SrtOptions options, Gate& gate,
                                                      Metrics& metrics, const Clock& clock);

// --- Pull sources (GStreamer) ---------------------------------------------------------------

struct PullOptions {
  /// A GStreamer pipeline whose appsinks are named "video" (H.264, avc, au) and "audio" (raw AAC).
  std::string pipeline;
  std::string channel;  ///< For metrics and the log.
};

/// Starts the pipeline; its packets are pushed into the feed on `loop` by way of one bounded queue.
/// The feed is gotten from `attach` as a publisher's is. A pipeline that fails is started again
/// with back-off. Destroy it on `loop`.
Result<std::unique_ptr<Publisher>> create_pull_source(
    PullOptions options, net::EventLoop& loop,
    std::function<Result<std::unique_ptr<Feed>>(Publisher&)> attach, Metrics& metrics);

/// The built-in demo: moving picture, clock, tone.
PullOptions demo_source();

// --- Timeline -------------------------------------------------------------------------------

struct TimelineOptions {
  std::string channel;  ///< For metrics and the log.
  MediaTime segment_target = std::chrono::seconds(2);
  MediaTime part_target = std::chrono::milliseconds(200);  ///< A hole longer than a part is a jump.
  /// The first segment's number; from the wall clock where no state says more.
  SegmentNumber first_segment = 0;
  /// A promise remembered from an earlier show; zero: none.
  MediaTime promised_target{};
};

/// Segment `number` begins at `start` (presentation time) in every rendition.
struct SegmentStart {
  SegmentNumber number = 0;
  MediaTime start{};
  bool starts_discontinuity = false;
};

/// The tracks of the source that is about to be heard; either may be null, not both.
struct SourceTracks {
  std::shared_ptr<const TrackInfo> video;
  std::shared_ptr<const TrackInfo> audio;
};

/// What a timeline tells its channel. Calls come from inside Timeline's, on the channel's loop.
class TimelineEvents {
 public:
  virtual ~TimelineEvents() = default;
  /// Before the first packet of a source, and whenever its tracks change: what follows begins with
  /// a segment, and with a discontinuity unless it is the channel's first.
  virtual void on_tracks(const SourceTracks& tracks) = 0;
  /// The longest segment from now on, in whole seconds (EXT-X-TARGETDURATION); once per channel.
  virtual void on_target_duration(MediaTime target) = 0;
  /// The source's pictures carry closed captions; once per source, when the first is seen.
  virtual void on_closed_captions() = 0;
  /// Before the first packet of the segment is pushed, in any track.
  virtual void on_segment(const SegmentStart& segment) = 0;
};

/// Maps publishers, one after the other, onto the channel's clock (design.md §2). Outlives them.
class Timeline {
 public:
  virtual ~Timeline() = default;
  /// A publisher has come: the next packets are its own.
  virtual void begin_source(const Announcement& announcement) = 0;
  virtual Status push(SourcePacket packet) = 0;
  /// The publisher has gone; what is held back is handed on.
  virtual Status end_source() = 0;
  /// Time passes without packets: timeouts of design.md §2. Call some ten times a second.
  virtual Status tick() = 0;
};

/// First number by the wall clock: steps of 500 ms since 2024-01-01 (design.md §2).
SegmentNumber segment_number_at(std::chrono::nanoseconds wall_time);

/// `packets` gets both tracks' packets. All references outlive the timeline.
std::unique_ptr<Timeline> create_timeline(TimelineOptions options, Sink<EncodedPacket>& packets,
                                          TimelineEvents& events, Metrics& metrics,
                                          const Clock& clock);

}  // namespace millrace::ingest
