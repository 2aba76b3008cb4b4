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
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/result.h"
#include "media/encoded_packet.h"
#include "media/passthrough_limits.h"
#include "media/sink.h"
#include "net/event_loop.h"
#include "net/tls_context.h"

namespace millrace::net {
class HttpClient;
}
namespace millrace::net::srt {
class Callers;
}

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
  std::size_t tracks = 0;  ///< How many there are in all, where it is said.
  double frame_rate = 0;   ///< 0: not said.
  std::string encoder;     ///< "obs-output module (libobs version 29.0.2)"
};

/// Where one publisher's media goes: the channel. Every call on the channel's loop; finish() when
/// the publisher has gone, nothing follows. An error of push() ends the publisher.
class Feed : public Sink<SourcePacket> {
 public:
  virtual void announce(const Announcement& announcement) = 0;
  /// The publisher has said that its stream ends: the finish() that follows is no accident.
  virtual void unpublish() = 0;
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
  /// A source that we pull: whoever publishes takes over, whatever the channel's rule.
  virtual bool gives_way() const { return false; }
};

struct PublishRequest {
  std::string protocol;
  /// What was typed in the key's place, with its query ("shop?key=s3cret"). A secret: never logged.
  std::string key;
  std::string application;
  std::string remote_address;
  bool cannot_wait = false;  ///< SRT: who is slowed down is refused at once instead.
};

/// What SRT callers must encrypt with.
struct SrtEncryption {
  std::string passphrase;  ///< 10 to 79 bytes; empty: none is asked for. A secret.
  int key_length = 0;      ///< At least so many bytes: 16, 24 or 32; 0: any.
  friend bool operator==(const SrtEncryption&, const SrtEncryption&) = default;
};

/// A publisher that was let in.
struct Admission {
  std::string channel;
  net::EventLoop* loop = nullptr;  ///< The channel's; the connection moves to it.
  /// Called on `loop`, once; a running publisher of the channel is taken over by it. `publisher`
  /// is valid until the feed's finish().
  std::function<Result<std::unique_ptr<Feed>>(Publisher& publisher)> attach;
  SrtEncryption srt = {};  ///< Without a passphrase: the listener's.
};

class Gate {
 public:
  virtual ~Gate() = default;
  /// Never blocks. `reply` is called exactly once, inside this call or later, on any thread. An
  /// error's message is for the log; kDenied: wrong key, and the message is shown to the encoder.
  virtual void admit(PublishRequest request, std::function<void(Result<Admission>)> reply) = 0;
};

// --- Who may publish ------------------------------------------------------------------------

/// What one publisher may send; past it, it is cut off with a reason. Zero: no limit.
struct PublishLimits {
  std::int64_t bits_per_second = 0;  ///< Media payload, averaged over some seconds.
  int width = 0;                     ///< Of the larger side of the picture,
  int height = 0;                    ///< and of the smaller.
  double frame_rate = 0;
  std::chrono::seconds session{0};  ///< From its admission.
  friend bool operator==(const PublishLimits&, const PublishLimits&) = default;
};

/// What a publisher was let in to.
struct Grant {
  std::string channel;  ///< A valid channel name.
  std::string ladder;   ///< Name of a ladder template; empty: the channel's own.
  PublishLimits limits;
  SrtEncryption srt = {};  ///< Of the key; without a passphrase: the channel's.
  friend bool operator==(const Grant&, const Grant&) = default;
};

/// Decides who may publish what: keys, signed keys, a webhook. Any thread.
class Authority {
 public:
  virtual ~Authority() = default;
  /// Never blocks. `reply` is called exactly once, inside this call or later, on any thread. An
  /// error's message is for the log and never has the key in it; kDenied: may not publish, and the
  /// message is shown to the encoder as well.
  virtual void authorize(const PublishRequest& request,
                         std::function<void(Result<Grant>)> reply) = 0;
};

/// Who may publish to a channel that is configured.
struct ChannelAccess {
  std::vector<std::string> keys;  ///< KEY, sha256:HEX or sha256:SALT:HEX. Secrets.
  PublishLimits limits;           ///< Zero: as KeyOptions::limits.
};

struct KeyOptions {
  bool open =
      false;  ///< Any channel name that has no key of its own opens the channel of its name.
  std::map<std::string, ChannelAccess> channels;
  PublishLimits limits;  ///< Of every publisher whose channel does not say else.
  std::string key_file;  ///< Lines of "KEY CHANNEL… [LIMIT=VALUE…] [passphrase=…]"; empty: none.
  std::vector<std::string> signing_keys;  ///< Any of them signs; the first one is in use. Secrets.
};

/// Static and signed keys, the open mode, then `next`. Slows down addresses that guess.
class KeyAuthority : public Authority {
 public:
  /// Reads the key file again if it has changed, and gives the answers whose delay is over. It
  /// touches the disk: on a thread of its own, some ten times a second.
  virtual void maintain() = 0;
  /// Refuses what is still delayed; nothing is delayed any more. Before what the replies refer to
  /// ends.
  virtual void stop() = 0;
};

/// `next` is asked where no key decides; null: nobody. All of them outlive it. The error names the
/// line of the key file. Metrics: millrace_auth_denied_total{why}, millrace_auth_delayed,
/// millrace_auth_addresses, millrace_auth_keys, millrace_auth_key_file_errors_total.
Result<std::unique_ptr<KeyAuthority>> create_key_authority(KeyOptions options, Authority* next,
                                                           Metrics& metrics, const Clock& clock);

/// Whom to let in while the webhook cannot be asked.
enum class WhenDown {
  kAllowKnown,  ///< Whom it let in before, as it did then.
  kDeny,
};

struct WebhookOptions {
  std::string url;           ///< Of check_http_url().
  std::string secret;        ///< Signs what is asked; empty: nothing does.
  std::string ca_file = {};  ///< PEM, of its authorities; empty: the system's.
  std::chrono::milliseconds timeout{3'000};
  std::chrono::seconds cache{30};  ///< An answer stands for so long where it says nothing of it.
  std::chrono::seconds negative_cache{5};
  WhenDown when_down = WhenDown::kAllowKnown;
  std::chrono::seconds known_for{std::chrono::hours(24)};
  std::set<std::string> ladders;  ///< That an answer may name.
};

/// Asks an HTTP server of the operator's (docs/publishing.md), the same question of many publishers
/// once. While it does not answer, or answers what is no answer, the error is not kDenied. All
/// references outlive it, but `client` is stopped before it is destroyed. Metrics:
/// millrace_auth_webhook_requests_total{outcome}, millrace_auth_webhook_cache_hits_total{kind},
/// millrace_auth_webhook_seconds, millrace_auth_webhook_breaker_open.
std::unique_ptr<Authority> create_webhook_authority(WebhookOptions options, net::HttpClient& client,
                                                    Metrics& metrics, const Clock& clock);

/// What is wrong with an entry of ChannelAccess::keys, without showing it.
Status check_key(std::string_view entry);

/// Lower-case letters, digits, '_' and '-', 64 at most, the first a letter or digit.
bool is_channel_name(std::string_view text);

/// "sha256:HEX", or "sha256:SALT:HEX" where there is a salt (hexadecimal digits).
std::string hash_key(std::string_view key, std::string_view salt);

/// The signed key "CHANNEL?expires=…&sig=…": good until `expires` (since the Unix epoch), under
/// those of `limits` that are set.
std::string sign_key(const std::string& channel, std::chrono::seconds expires,
                     const PublishLimits& limits, const std::string& signing_key);

/// `feed` under `limits`; past one the publisher is stopped and millrace_publish_limited_total
/// {channel,limit} counts it. The feed itself where there is no limit. `publisher` and `metrics`
/// outlive it.
std::unique_ptr<Feed> limit_feed(std::unique_ptr<Feed> feed, Publisher& publisher,
                                 const Grant& grant,
                                 std::chrono::steady_clock::time_point admitted_at,
                                 Metrics& metrics);

// --- RTMP -----------------------------------------------------------------------------------

struct RtmpOptions {
  std::vector<std::string> listen;      ///< "ADDRESS:PORT"
  std::vector<std::string> listen_tls;  ///< Of RTMPS, likewise.
  /// Outlives the listener, which is one of RTMPS on `listen_tls`. Null: of RTMP on `listen`.
  net::TlsContext* tls = nullptr;
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
  /// "ADDRESS:PORT[?passphrase=…&key_length=…]", where these hold in the place of `encryption`;
  /// libsrt receives each port on one thread. Have secrets in them.
  std::vector<std::string> listen;
  /// How long packets are held back for lost ones to come again; the caller may ask for more.
  std::chrono::milliseconds latency{120};
  std::size_t latency_round_trips = 4;  ///< And at least so many of those measured; 0: none.
  SrtEncryption encryption;
  std::size_t max_connections = 1'000;
  std::size_t max_connections_per_address = 100;
  std::chrono::milliseconds peer_timeout{5'000};   ///< Without a sign of life of the caller.
  std::chrono::milliseconds idle_timeout{30'000};  ///< A publisher that sends nothing.
};

/// What is wrong with an entry of SrtOptions::listen, but for its address; without showing it.
Status check_srt_listener(std::string_view entry);

Result<std::unique_ptr<Listener>> create_srt_listener(SrtOptions options, Gate& gate,
                                                      Metrics& metrics, const Clock& clock);

// --- Pull sources ---------------------------------------------------------------------------

/// When a source is given up, tried again and gone back to.
struct PullTiming {
  std::chrono::milliseconds start_timeout{10'000};   ///< From its start to its first packet.
  std::chrono::milliseconds silence_timeout{5'000};  ///< Without a packet: it is dead.
  std::chrono::milliseconds retry{500};              ///< After the first failure; then doubled,
  std::chrono::milliseconds longest_retry{30'000};   ///< up to this.
  std::chrono::milliseconds return_after{10'000};    ///< A better source must deliver for so long.
};

struct PullOptions {
  std::string channel;            ///< For metrics and the log.
  std::vector<std::string> urls;  ///< The best first; docs/operations.md. Have secrets in them.
  PullTiming timing;
};

/// What pull sources ask of their channel, on its loop. Outlives them.
class PullTarget {
 public:
  virtual ~PullTarget() = default;
  /// Whether a publisher has the channel, while none of the sources is on air.
  virtual bool is_taken() const = 0;
  virtual std::unique_ptr<Feed> attach(Publisher& publisher) = 0;
};

class PullSources {
 public:
  virtual ~PullSources() = default;
  /// Takes everything down without waiting, the feed gets finish(), then `done` is called; after
  /// that destroying it does not wait. On the channel's loop, once.
  virtual void stop(std::function<void()> done) = 0;
};

/// kInvalidData: why a URL cannot be a source, without the URL. Any thread.
Status check_source_url(std::string_view url);

/// Starts the sources on `loop`: one is on air at a time, the first that is good, by way of one
/// bounded queue each. Sources that fail are tried again for as long as this lives, so that they
/// never end their channel; a publisher that comes is given way to until it has gone. May block
/// while GStreamer loads plug-ins: not on a loop. Destroyed on `loop`, or when it has stopped.
Result<std::unique_ptr<PullSources>> create_pull_sources(PullOptions options, net::EventLoop& loop,
                                                         PullTarget& target,
                                                         net::srt::Callers& callers,
                                                         Metrics& metrics, const Clock& clock);

// --- Report ---------------------------------------------------------------------------------

/// One thing that is wrong, or worth knowing, about what a publisher sends.
struct Finding {
  enum class Severity { kNote, kWarning, kProblem };
  std::string code;  ///< "key_frame_interval"; a metric's label, never reworded.
  Severity severity = Severity::kNote;
  std::string text;    ///< A sentence with its figure, for the streamer.
  std::string remedy;  ///< What to change in the encoder.
  double value = 0;    ///< The figure in the sentence.
  std::chrono::steady_clock::time_point since;
};

/// How the codes of findings begin that say why a source does not keep its channel's limits of a
/// passthrough rung: "unqualified_codec", and so on.
inline constexpr std::string_view kUnqualified = "unqualified_";

/// Why a source of these parameters does not keep `limits`, with a tenth of tolerance for rates;
/// what they do not say is judged by a StreamReport, which measures. `since` is left alone.
std::vector<Finding> check_passthrough(const PassthroughLimits& limits, const TrackInfo& video);

/// What a channel's publisher sends, judged: its figures as metrics, its faults in plain words. On
/// the channel's loop, but for findings().
class StreamReport {
 public:
  virtual ~StreamReport() = default;
  /// A publisher has come, who is to keep `limits`; what was known of the one before is forgotten.
  virtual void begin(std::string protocol, const PassthroughLimits& limits) = 0;
  virtual void announce(const Announcement& announcement) = 0;
  /// Before the timeline has it. Of the main tracks; allocates nothing but where one is new.
  virtual void add(const SourcePacket& packet) = 0;
  /// A ready-made rung could not open a segment.
  virtual void add_unaligned_rung() = 0;
  /// Time passes; judged once a second.
  virtual void tick() = 0;
  /// The publisher has gone.
  virtual void end() = 0;
  /// The newest judgement, worst first; empty without a publisher. Never null. Any thread.
  virtual std::shared_ptr<const std::vector<Finding>> findings() const = 0;
};

/// Metrics: millrace_ingest_key_frame_interval_seconds, millrace_ingest_frame_rate,
/// millrace_ingest_bits_per_second, millrace_ingest_av_skew_seconds {channel},
/// millrace_ingest_findings {channel,code}. `metrics` and `clock` outlive it.
std::unique_ptr<StreamReport> create_stream_report(std::string channel, Metrics& metrics,
                                                   const Clock& clock);

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
  bool is_fill = false;  ///< Of begin_fill(), not of a publisher.
  /// Of an index above 0: alternate sound, ready-made rungs.
  std::vector<std::shared_ptr<const TrackInfo>> others = {};
};

/// A still picture while the source is away: repeated, group after group. No track: the channel has
/// no picture.
struct FillVideo {
  std::shared_ptr<const TrackInfo> track;
  std::vector<Bytes> pictures;  ///< A key frame and what follows it, none shown out of order.
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
  /// A ready-made rung has no picture with which to open a segment: its key frames are elsewhere
  /// than the main picture's. It has a gap there.
  virtual void on_unaligned_rung(int index) = 0;
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
  /// Nothing has come for a while, though the publisher has not gone: what is held back is handed
  /// on. What it sends from now on is taken from its first key frame on that does not lie behind
  /// the channel's media, behind a discontinuity.
  virtual Status suspend_source() = 0;
  /// Without a source, or with a suspended one: the channel's media goes on with a still picture
  /// and with silence, behind a discontinuity and without a hole, close behind the wall clock by
  /// tick(), until a source is running again or end_fill(). Where nobody saw the channel's last
  /// media, the fill begins near the wall clock. Told by on_tracks().
  virtual Status begin_fill(FillVideo video) = 0;
  virtual Status end_fill() = 0;
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
