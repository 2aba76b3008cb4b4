#pragma once
// One channel's encoded rungs, made by a worker process (`millrace-transcoder`) that is fed and
// drained over a socket: a decoder that crashes takes down this ladder for a GOP and nothing
// else.
//
// Thread: every call on the channel's loop; rungs' packets are pushed there too.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
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

namespace millrace::transcode {

/// Bytes of memory that a worker may have where nothing else is said.
inline constexpr std::size_t kWorkerMemory = std::size_t{2} * 1024 * 1024 * 1024;

/// What a worker process may use of the machine.
struct WorkerLimits {
  std::size_t memory = kWorkerMemory;  ///< Bytes, past which it ends; 0: any. Not if sanitized.
  std::size_t cores = 0;               ///< 0: any.
  std::size_t turn = 0;                ///< Which of the cores.
};

/// Where a worker's server is, whose clock the worker's is then or is not.
enum class ServerPlace { kSameMachine, kOtherMachine };

/// A rung has every eighth picture of its source at least.
inline constexpr int kMaxThinning = 8;

/// When a rung is encoded.
enum class RungMode { kOnDemand, kAlways, kOff };

/// As the configuration has it.
constexpr std::string_view to_string(RungMode mode) {
  switch (mode) {
    case RungMode::kOnDemand:
      return "on-demand";
    case RungMode::kAlways:
      return "always";
    case RungMode::kOff:
      return "off";
  }
  return "unknown";
}

/// What becomes of a source that does not keep the limits of its passthrough rung.
enum class Otherwise {
  kPass,    ///< It is passed through, and told.
  kEncode,  ///< It is encoded.
  kRefuse,  ///< Its publisher is.
};

/// What becomes of a source of high dynamic range (PQ, HLG): BT.709 with 8 bits, or what it is.
enum class HdrMode { kToneMap, kKeep };

/// A line of a ladder template.
struct RungTemplate {
  std::string name;
  bool passthrough = false;
  int height = 0;  ///< Of the landscape picture: the shorter side of a portrait one.
  std::int64_t bits_per_second = 0;
  Codec codec = Codec::kH264;                   ///< Or kHevc, kAv1.
  int max_frame_rate = 0;                       ///< Pictures per second; 0: as many as the source.
  std::optional<RungMode> mode = std::nullopt;  ///< Absent: the channel's.
  PassthroughLimits limits = {};                ///< Of a passthrough rung.
  Otherwise otherwise = Otherwise::kPass;       ///< Of a passthrough rung.
  HdrMode hdr = HdrMode::kToneMap;
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
  HdrMode hdr = HdrMode::kToneMap;
  friend bool operator==(const Rung&, const Rung&) = default;
};

/// The encoded rungs of a template for this source, largest first: never upscaled, none of nearly
/// the source's own size where the source is passed through, none that is off. `mode`: of those
/// that say none.
std::vector<Rung> plan_ladder(const std::vector<RungTemplate>& ladder, const TrackInfo& source,
                              RungMode mode = RungMode::kAlways);

/// `ladder` for a source that does not qualify to be passed through: in the place of the
/// passthrough rung, under its name, is one of the source's size, as far as its limits allow, that
/// is always encoded. Rungs of nearly its size are left out.
std::vector<RungTemplate> without_passthrough(std::vector<RungTemplate> ladder,
                                              const TrackInfo& source);

/// A rung of the source's own codec and size, for still pictures.
Rung rung_like(const TrackInfo& source);

/// What the rung's packets will be, before there are any: an encoder is opened, which gives its
/// parameter sets, and closed; some milliseconds. kUnsupported: none can be had, or the picture is
/// larger than 4096x2304, which is left to a worker.
Result<TrackInfo> describe_rung(const Rung& rung, Profile profile, const TrackInfo& source,
                                MediaTime part_target);

// --- Devices ------------------------------------------------------------------------------------

/// Where rungs are made: on the CPU; on a device where one can, else on the CPU; on a device or not
/// at all.
enum class DevicePolicy { kCpu, kPreferGpu, kGpuOnly };

/// What a probe found by decoding, scaling and encoding pictures.
struct FoundDevice {
  std::string name;  ///< "cuda:0", "vaapi:/dev/dri/renderD128".
  std::vector<Codec> decodes = {};
  std::vector<Codec> encodes = {};
  int sessions = 0;          ///< Encoders that could be open at once; 0: as many as were tried, 32.
  std::string problem = {};  ///< Why it is of no use; empty: it is.
  friend bool operator==(const FoundDevice&, const FoundDevice&) = default;
};

/// What of a rung's work a device does.
struct DeviceHelp {
  bool decodes = false;
  bool encodes = false;
  friend bool operator==(const DeviceHelp&, const DeviceHelp&) = default;
};

struct DeviceStatus {
  FoundDevice found;
  int ladders = 0;   ///< Workers that run on it.
  int encoders = 0;  ///< That they need.
  bool is_left_out = false;
  std::string last_failure;  ///< Empty: there was none.
};

/// Which device the next worker runs on: of those that decode its source, and have encoders left,
/// the one with the fewest pixels to decode and encode. One that fails is not used by the same
/// channel for 30 s, doubling up to half an hour; where two channels' workers fail on it in
/// succession it is left out for all for 10 s, doubling up to ten minutes. Any thread.
class Devices {
 public:
  /// A worker's. Destroying it gives it back.
  class Place {
   public:
    virtual ~Place() = default;
    /// Its name; empty: the CPU.
    virtual const std::string& device() const = 0;
    /// What of the rung's work it does.
    virtual DeviceHelp help(const Rung& rung) const = 0;
    /// The worker ended by itself, or hung.
    virtual void failed(std::string_view why) = 0;
  };

  virtual ~Devices() = default;
  /// What a probe found. Up to then there is none.
  virtual void set_found(std::vector<FoundDevice> found) = 0;
  /// kLimitExceeded: only a device would do, and none is free.
  virtual Result<std::unique_ptr<Place>> choose(const std::string& channel,
                                                const std::vector<Rung>& rungs,
                                                const TrackInfo& source) = 0;
  /// What a device would do for each of the rungs, were choose() called now; its errors.
  virtual Result<std::vector<DeviceHelp>> help(const std::string& channel,
                                               const std::vector<Rung>& rungs,
                                               const TrackInfo& source) const = 0;
  virtual std::vector<DeviceStatus> status() const = 0;
};

/// References outlive it.
std::unique_ptr<Devices> create_devices(DevicePolicy policy, Metrics& metrics, const Clock& clock);

/// A process that tries the devices is under way; destroying it ends that without a word.
class DeviceProbe {
 public:
  virtual ~DeviceProbe() = default;
};

/// `worker_path`: the millrace-transcoder-gpu binary. `reply` is called once on the loop, not
/// inside this call: with what was found after 30 s where a driver hangs, kClosed where it has
/// crashed before anything was found. kSystem: the binary cannot be run.
Result<std::unique_ptr<DeviceProbe>> probe_devices(
    const std::string& worker_path, net::EventLoop& loop,
    std::function<void(Result<std::vector<FoundDevice>>)> reply);

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
  DeviceHelp help = {};  ///< What is not done by the CPU.
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

// --- Workers on other machines ----------------------------------------------------------------

/// Of `millrace-transcoder --listen`.
struct RemoteOptions {
  std::vector<std::string> hosts;  ///< HOST:PORT, the certificate of each of which is of HOST.
  std::string certificate_file;    ///< PEM: what they know us by; with its key.
  std::string key_file;
  std::string ca_file;  ///< PEM: what we know them by.
};

/// The hosts, and how many workers of ours each has. A ladder's next worker is for the one with the
/// fewest; one that cannot be reached, refuses, or whose worker ends, hangs or talks nonsense is
/// left out for 5 s, doubling up to a minute; where none is left the worker runs here. Any thread.
class RemoteHosts;

/// References outlive it, and it its ladders. Metrics: millrace_transcode_remote_workers{host},
/// millrace_transcode_remote_failures_total{host}. An error names the file.
Result<std::shared_ptr<RemoteHosts>> create_remote_hosts(const RemoteOptions& options,
                                                         Metrics& metrics, const Clock& clock);

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
  std::size_t worker_cores = 0;               ///< A worker runs on so many at most. 0: any.
  /// Counts the workers of all ladders, so that they take their cores in turn; null: all of them
  /// take the first. Outlives the ladder.
  std::atomic<std::size_t>* worker_turn = nullptr;
  std::function<void(WorkerCrash)> on_crash = {};  ///< Called on the loop. May be empty.
  Capacity* capacity = nullptr;   ///< Learns what the rungs cost; null: nobody does. Outlives it.
  RemoteHosts* remote = nullptr;  ///< Preferred to this machine; null: none. Outlives it.
  Devices* devices = nullptr;     ///< Of this machine; null: the CPU. Outlives it.
  std::string device_worker_path = {};  ///< The millrace-transcoder-gpu binary, for devices.
  std::shared_ptr<const TrackInfo> source = nullptr;  ///< As far as it is known; for devices.
  /// Of each rung: where CatchUp::older goes, with finish() behind it. Empty: there will be none.
  /// They outlive the ladder.
  std::vector<Sink<EncodedPacket>*> older_outputs = {};
};

/// What a rung begins with that is wanted anew.
struct CatchUp {
  /// All packets of the source from one that opens a segment up to the newest pushed. Empty: it
  /// begins with the next picture that opens a segment.
  std::vector<EncodedPacket> backlog;
  /// Whole segments in front of it, which can wait until that has been caught up with: another
  /// worker makes them, for the older outputs.
  std::vector<EncodedPacket> older = {};
};

/// The encoded rungs of a channel, each of them only while it is wanted. The source's video goes in
/// (push), rung i's packets come out at outputs[i]: opens_segment and starts_discontinuity are the
/// source's, on pictures of the same pts.
class Ladder : public Sink<EncodedPacket> {
 public:
  /// One for each rung; none is at first. One that is wanted no more ends where the next segment
  /// opens: its output gets finish(). Without a wanted rung no worker runs.
  virtual void want(std::vector<bool> wanted, CatchUp catch_up) = 0;
  /// Of want().
  virtual const std::vector<bool>& wanted() const = 0;
  /// Whether all that is encoded is on other machines, or would be: it costs nothing here.
  virtual bool is_elsewhere() const = 0;
  /// What a device does of each rung just now: a worker whose device fails goes on without it, or
  /// with another. Empty where no worker of this machine encodes the rung.
  virtual std::vector<std::optional<DeviceHelp>> help() const = 0;
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
  std::string channel;                             ///< For metrics and the log.
  std::string worker_path;                         ///< The millrace-transcoder binary.
  Codec codec = Codec::kAac;                       ///< Or kOpus.
  std::int64_t bits_per_second = 160'000;          ///< Of two channels.
  std::function<void(WorkerCrash)> on_crash = {};  ///< Called on the loop. May be empty.
};

/// Sound of any codec goes in (push), AAC-LC or Opus of at most two channels comes out at `output`,
/// in front of the channel's timeline: times are the source's, the encoder's delay taken off. A
/// jump of the source's times begins anew, and so does another track (its index and language are
/// kept). The decoder and the encoder run in a worker process; one that dies, or is fed and silent
/// for a second, is replaced, and what it had is lost. push() never blocks: when the worker lags by
/// 2 s or 1 MiB, packets are dropped (millrace_transcode_audio_dropped_total). `output` gets its
/// packets on the loop, later than push(), and finish() behind finish(). Everything outlives it.
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

}  // namespace millrace::transcode
