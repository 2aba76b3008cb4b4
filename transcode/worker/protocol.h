#pragma once
// What millrace and millrace-transcoder say to each other: frames of `length (4, little-endian),
// type (1), body`. Both take the other's bytes as hostile. Pure values; any thread.
//
// To the worker: kConfiguration once, then kTrack before the packets of new parameters, kPacket …,
// the end of the stream. From it: kReady once, then kTrack and kPacket per rung, kStatistics,
// kFailure as last words, the end of the stream. From one that probes: kDevice for each.
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "media/encoded_packet.h"
#include "transcode/transcode.h"

namespace millrace::transcode::worker {

/// Both sides are of one version or the connection ends. Raised with every change of the bytes:
/// protocol_test holds them to what is in tests/fuzz/corpus/worker_protocol.
inline constexpr std::uint16_t kProtocolVersion = 7;
/// A body that announces more ends the connection. A picture of the largest H.264 level at 1 bit
/// per pixel is 4.5 MB.
inline constexpr std::size_t kMaxBodyBytes = 8 * 1024 * 1024;
inline constexpr std::size_t kMaxRungs = 16;
/// Of a still picture: 10 s of the fastest source.
inline constexpr std::uint32_t kMaxStillPictures = 3000;

enum class MessageType : std::uint8_t {
  kConfiguration = 1,
  kReady = 2,
  kTrack = 3,
  kPacket = 4,
  kStatistics = 5,
  kFailure = 6,
  kDevice = 7,
};

/// Where a rung begins: at the first picture past `after`, and only one that opens a segment where
/// `at_opener` says so.
struct RungStart {
  MediaTime after{std::numeric_limits<std::int64_t>::min()};
  bool at_opener = true;
  friend bool operator==(const RungStart&, const RungStart&) = default;
};

/// Instead of a ladder: once the packets have ended, one picture is encoded so many times over in
/// every rung, the first as a key frame, at times from zero on.
struct Still {
  std::uint32_t pictures = 0;  ///< 0: a ladder.
  MediaTime picture_duration{};
  std::string slate;  ///< File of the picture; empty: the last one decoded.
  friend bool operator==(const Still&, const Still&) = default;
};

struct Configuration {
  Profile profile = Profile::kBalanced;
  MediaTime part_target{};
  std::vector<Rung> rungs;
  std::vector<RungStart> starts;  ///< One for each rung.
  /// Pictures up to this one are caught up with: never dropped for being late.
  MediaTime catch_up_until{std::numeric_limits<std::int64_t>::min()};
  Still still = {};
  std::string device = {};  ///< Where a ladder is decoded, scaled and encoded; empty: on the CPU.
  std::int64_t audio_bits_per_second = 0;  ///< Above 0: sound is converted, and there are no rungs.
  Codec audio_codec = Codec::kAac;         ///< To it: or to kOpus.
  friend bool operator==(const Configuration&, const Configuration&) = default;
};

/// To the worker, `rung` is 0 and `packets_taken` too.
struct TrackMessage {
  std::uint8_t rung = 0;
  TrackInfo track;
};
struct PacketMessage {
  std::uint8_t rung = 0;
  std::uint32_t packets_taken = 0;  ///< How many packets the decoder has taken: an acknowledgement.
  EncodedPacket packet;             ///< Without its track.
};

struct RungStatistics {
  std::uint64_t frames_encoded = 0;
  std::uint64_t frames_dropped = 0;
  std::uint32_t queue_length = 0;
  std::chrono::nanoseconds busy{};
  std::chrono::nanoseconds cpu{};
  friend bool operator==(const RungStatistics&, const RungStatistics&) = default;
};

/// Counted since the worker's start. `busy` is the time a stage was not waiting, `cpu` what its
/// thread, or the whole process, has spent.
struct Statistics {
  std::uint32_t packets_taken = 0;
  std::uint64_t frames_decoded = 0;
  std::uint64_t decode_errors = 0;
  std::chrono::nanoseconds media{};  ///< Of the decoded pictures.
  std::chrono::nanoseconds decode_busy{};
  std::chrono::nanoseconds cpu{};
  std::vector<RungStatistics> rungs;
  friend bool operator==(const Statistics&, const Statistics&) = default;
};

/// Whole frames, ready to be sent; a packet's payload is left where it is.
Bytes write_configuration(const Configuration& configuration);
Bytes write_ready();
Bytes write_track(std::uint8_t rung, const TrackInfo& track);
/// The frame up to the payload, which follows.
Bytes write_packet_header(const PacketMessage& message);
Bytes write_statistics(const Statistics& statistics);
Bytes write_failure(std::string_view text);
Bytes write_device(const FoundDevice& device);

/// Bodies. Payloads and configurations share `body`'s bytes.
Result<Configuration> read_configuration(const Bytes& body);
Status read_ready(const Bytes& body);
Result<TrackMessage> read_track(const Bytes& body);
Result<PacketMessage> read_packet(const Bytes& body);
Result<Statistics> read_statistics(const Bytes& body);
Result<std::string> read_failure(const Bytes& body);
Result<FoundDevice> read_device(const Bytes& body);

/// Puts frames together from a byte stream. A body is allocated once, as its bytes come.
class FrameReader {
 public:
  using Handler = std::function<Status(MessageType, Bytes body)>;

  /// Calls `on_frame` for each frame that ends in `bytes`; its error ends the reading.
  Status append(std::span<const std::uint8_t> bytes, const Handler& on_frame);

 private:
  static constexpr std::size_t kHeaderBytes = 5;

  std::array<std::uint8_t, kHeaderBytes> header_{};
  std::size_t header_filled_ = 0;
  MutableBytes body_;
  std::size_t body_filled_ = 0;
};

}  // namespace millrace::transcode::worker
