#pragma once
// One channel's encoded rungs, made by a worker process (`millrace-transcoder`) that is fed and
// drained over a socket pair: a decoder that crashes takes down this ladder for a GOP and nothing
// else.
//
// Thread: every call on the channel's loop; rungs' packets are pushed there too.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "media/encoded_packet.h"
#include "media/sink.h"
#include "net/event_loop.h"

namespace millrace::transcode {

/// Bytes of memory that a worker may have where nothing else is said.
inline constexpr std::size_t kWorkerMemory = std::size_t{2} * 1024 * 1024 * 1024;

/// A rung has every eighth picture of its source at least.
inline constexpr int kMaxThinning = 8;

/// When a rung is encoded.
enum class RungMode { kOnDemand, kAlways, kOff };

/// A line of a ladder template.
struct RungTemplate {
  std::string name;
  bool passthrough = false;
  int height = 0;  ///< Of the landscape picture: the shorter side of a portrait one.
  std::int64_t bits_per_second = 0;
  Codec codec = Codec::kH264;                   ///< Or kHevc, kAv1.
  int max_frame_rate = 0;                       ///< Pictures per second; 0: as many as the source.
  std::optional<RungMode> mode = std::nullopt;  ///< Absent: the channel's.
};

/// What encoders are set to. One that holds back as much as a part or more is not used: the next
/// one down is.
enum class Profile { kRealtime, kBalanced, kQuality };

/// A rung for a given source: even sizes, aspect ratio kept.
struct Rung {
  std::string name;
  int width = 0;
  int height = 0;
  std::int64_t bits_per_second = 0;
  Codec codec = Codec::kH264;  ///< Or kHevc, kAv1.
  int every = 1;               ///< Every n-th picture of the source.
  bool is_on_demand = false;   ///< Of the channel's concern, not of a worker's.
  friend bool operator==(const Rung&, const Rung&) = default;
};

/// The encoded rungs of a template for this source, largest first: never upscaled, none of nearly
/// the source's own size where the source is passed through, none that is off. `mode`: of those
/// that say none.
std::vector<Rung> plan_ladder(const std::vector<RungTemplate>& ladder, const TrackInfo& source,
                              RungMode mode = RungMode::kAlways);

/// A rung of the source's own codec and size, for still pictures.
Rung rung_like(const TrackInfo& source);

/// What the rung's packets will be, before there are any: an encoder is opened, which gives its
/// parameter sets, and closed; some milliseconds. kUnsupported: none can be had, or the picture is
/// larger than 4096x2304, which is left to a worker.
Result<TrackInfo> describe_rung(const Rung& rung, Profile profile, const TrackInfo& source,
                                MediaTime part_target);

// --- What fits on the machine -----------------------------------------------------------------

struct CapacityOptions {
  double cores = 0;  ///< 0: what this process may use.
  /// Share of the cores, 0 to 1, that may be in use, by whatever, when a rung is admitted. 0: every
  /// rung is admitted, and none is shed.
  double limit = 0;
};

struct Work;  // A kind of it: see capacity.h.

/// A rung that somebody wants.
struct RungRequest {
  std::string channel;
  int priority = 0;  ///< Of the channel.
  Rung rung;
  std::shared_ptr<const TrackInfo> source;
  Profile profile = Profile::kBalanced;
  MediaTime part_target{};
};

struct CapacityStatus {
  struct Share {
    std::string channel;
    std::string rung;
    double cores = 0;  ///< Without the decoder.
  };
  double cores = 0;
  double limit = 0;    ///< In cores; 0: none.
  double others = 0;   ///< In cores: what is in use besides the workers.
  double charged = 0;  ///< In cores: what the admitted rungs and their decoders need.
  std::vector<Share> rungs;
  std::map<std::string, double> seconds_per_picture;  ///< By kind of work, as learned.
};

/// What encoding costs here, learned from the workers' reports, and how much of it fits beside what
/// everything else uses just now. When it gets tight rungs are shed: of channels with the lowest
/// priority first, of these the tallest rungs first, of these the newest first. Any thread.
class Capacity {
 public:
  /// A rung's share. Destroying it gives it back.
  class Place {
   public:
    virtual ~Place() = default;
    /// It is to end: something else needs its share.
    virtual bool is_shed() const = 0;
  };

  virtual ~Capacity() = default;
  /// kLimitExceeded: it does not fit, nor would it if all of lower priority were shed.
  virtual Result<std::unique_ptr<Place>> admit(const RungRequest& request) = 0;
  virtual bool would_fit(const RungRequest& request) const = 0;
  /// Looks at the machine, and sheds what does not fit any more. Once a second.
  virtual void measure() = 0;
  virtual CapacityStatus status() const = 0;

  /// What a worker has done since its last report.
  virtual void observe(const Work& work, std::uint64_t pictures, std::chrono::nanoseconds cpu) = 0;
  /// A worker has dropped pictures that were late.
  virtual void observe_drops() = 0;
};

std::unique_ptr<Capacity> create_capacity(CapacityOptions options, Metrics& metrics);

// --- Encoded rungs ------------------------------------------------------------------------------

/// What a worker was doing that ended by itself, hung or broke the protocol.
struct WorkerCrash {
  std::string channel;
  std::string why;           ///< "signal 11", "takes no packets".
  std::vector<Bytes> input;  ///< What it was sent, from a key frame on. Payloads are shared.
};

struct Options {
  std::string channel;      ///< For metrics and the log.
  std::string worker_path;  ///< The millrace-transcoder binary.
  Profile profile = Profile::kBalanced;
  std::vector<Rung> rungs;
  /// Of the channel, in media time: the latency budget of a profile.
  MediaTime part_target{};
  /// Called on the loop when finish() has drained the ladder, behind the outputs' finish(). It must
  /// not destroy the ladder. May be empty.
  std::function<void()> on_drained = {};
  std::size_t worker_memory = kWorkerMemory;  ///< Bytes; a worker that needs more ends. 0: any.
  std::function<void(WorkerCrash)> on_crash = {};  ///< Called on the loop. May be empty.
  Capacity* capacity = nullptr;  ///< Learns what the rungs cost; null: nobody does. Outlives it.
};

/// The encoded rungs of a channel, each of them only while it is wanted. The source's video goes in
/// (push), rung i's packets come out at outputs[i]: opens_segment and starts_discontinuity are the
/// source's, on pictures of the same pts.
class Ladder : public Sink<EncodedPacket> {
 public:
  /// One for each rung; none is at first. A rung that is wanted anew begins with `backlog`: all
  /// packets of the source from one that opens a segment up to the newest pushed; where that is
  /// empty, with the next picture that opens a segment. One that is wanted no more ends where the
  /// next segment opens: its output gets finish(). Without a wanted rung no worker runs.
  virtual void want(std::vector<bool> wanted, std::vector<EncodedPacket> backlog) = 0;
  /// Of want().
  virtual const std::vector<bool>& wanted() const = 0;
};

/// Killing a worker interrupts outputs up to the next key frame; the first packet behind it has
/// follows_gap. push() never blocks: when a worker lags by 1.5 s or 8 MB, packets are dropped up to
/// the next key frame (millrace_transcode_dropped_total). A new source track restarts the decoder
/// in order. outputs and references outlive the ladder. finish() drains: the outputs get finish()
/// when all is out, on the loop.
Result<std::unique_ptr<Ladder>> create(Options options,
                                       const std::vector<Sink<EncodedPacket>*>& outputs,
                                       net::EventLoop& loop, Metrics& metrics);

// --- Sound --------------------------------------------------------------------------------------

struct AudioOptions {
  std::string channel;      ///< For metrics and the log.
  std::string worker_path;  ///< The millrace-transcoder binary.
  std::int64_t bits_per_second = 160'000;
};

/// Sound of any codec goes in (push), AAC-LC of at most two channels comes out at `output`, in
/// front of the channel's timeline: times are the source's, the encoder's delay taken off. A jump
/// of the source's times begins anew, and so does another track (its index and language are kept).
/// The decoder and the encoder run in a worker process; one that dies is replaced, and what it had
/// is lost. push() never blocks: when the worker lags by 2 s or 1 MiB, packets are dropped
/// (millrace_transcode_audio_dropped_total). `output` gets its packets on the loop, later than
/// push(), and finish() behind finish(). Everything outlives it.
Result<std::unique_ptr<Sink<EncodedPacket>>> create_audio(AudioOptions options,
                                                          Sink<EncodedPacket>& output,
                                                          net::EventLoop& loop, Metrics& metrics);

// --- Still pictures, for when there is no source --------------------------------------------

struct StillOptions {
  std::string channel;       ///< For the log.
  std::string worker_path;   ///< The millrace-transcoder binary.
  std::vector<Rung> rungs;   ///< Largest first.
  std::size_t pictures = 0;  ///< In one group of pictures.
  MediaTime picture_duration{};
  std::string slate;  ///< A PNG or JPEG file; empty: the last picture of the source.
};

/// One rung's group of pictures: a key frame and what follows it, in decoding order, which is the
/// order of presentation. Repeated it shows the picture for as long as one likes.
struct StillRung {
  std::shared_ptr<const TrackInfo> track;
  std::vector<Bytes> pictures;
};

/// A worker that makes them is under way; destroying it ends that without a word.
class StillMaker {
 public:
  virtual ~StillMaker() = default;
};

/// Encodes a picture that does not move once for every rung, by a worker of its own: `source` is
/// decoded for its last picture, from a key frame on, and for its parameters in any case. `reply`
/// is called once on the loop, not inside this call; kTimedOut after 10 s. References outlive it.
Result<std::unique_ptr<StillMaker>> make_still(
    StillOptions options, const std::vector<EncodedPacket>& source, net::EventLoop& loop,
    std::function<void(Result<std::vector<StillRung>>)> reply);

/// `main` of the worker process: serves one ladder on the socket `descriptor` until it closes.
/// Returns the exit code. Past `memory_limit` bytes (0: none) it ends; sanitized ones have no
/// limit.
int run_worker(int descriptor, std::size_t memory_limit);

}  // namespace millrace::transcode
