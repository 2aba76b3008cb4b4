#include "transcode/worker/protocol.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::transcode::worker {
namespace {

constexpr std::uint32_t kMagic = 0x6d696c72;  // "milr"
constexpr std::size_t kMaxNameBytes = 256;
constexpr std::size_t kMaxPathBytes = 4096;
constexpr std::size_t kMaxConfigurationBytes = 64 * 1024;
constexpr std::size_t kMaxFailureBytes = 1024;
constexpr std::int64_t kLeastAudioRate = 8'000;
constexpr std::int64_t kMostAudioRate = 1'000'000;
// Times within these bounds can be added and subtracted without overflow: 73 years either way.
constexpr std::int64_t kMaxTime = std::int64_t{1} << 61;
constexpr std::int64_t kMaxDuration = 3'600'000'000'000;

enum PacketFlag : std::uint8_t {
  kKeyFrame = 1,
  kFollowsGap = 2,
  kOpensSegment = 4,
  kStartsDiscontinuity = 8,
};

Error invalid(std::string_view what) {
  return Error{ErrorCode::kInvalidData, fmt::format("worker protocol: {}", what)};
}

class Writer {
 public:
  explicit Writer(MessageType type) : bytes_(5) { bytes_[4] = static_cast<std::uint8_t>(type); }
  template <typename Integer>
  Writer& put(Integer value) {
    const auto bits = static_cast<std::uint64_t>(value);
    for (std::size_t i = 0; i < sizeof(Integer); ++i)
      bytes_.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
    return *this;
  }
  Writer& put_time(std::chrono::nanoseconds time) { return put<std::int64_t>(time.count()); }
  Writer& put_block(std::span<const std::uint8_t> block) {
    put(static_cast<std::uint32_t>(block.size()));
    bytes_.insert(bytes_.end(), block.begin(), block.end());
    return *this;
  }
  Writer& put_text(std::string_view text) {
    return put_block({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  /// `behind`: bytes of the body that are sent separately.
  Bytes finish(std::size_t behind = 0) {
    const auto length = static_cast<std::uint32_t>(bytes_.size() - 5 + behind);
    for (std::size_t i = 0; i < 4; ++i) bytes_[i] = static_cast<std::uint8_t>(length >> (8 * i));
    return Bytes::copy_of(std::span<const std::uint8_t>(bytes_));
  }

 private:
  std::vector<std::uint8_t> bytes_;
};

/// Past the end it gives zeros and remembers.
class Reader {
 public:
  explicit Reader(const Bytes& body) : body_(body) {}

  template <typename Integer>
  Integer get() {
    if (body_.size() - at_ < sizeof(Integer)) return fail(Integer{});
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < sizeof(Integer); ++i)
      bits |= static_cast<std::uint64_t>(body_[at_ + i]) << (8 * i);
    at_ += sizeof(Integer);
    return static_cast<Integer>(bits);
  }
  /// Bounded, so that arithmetic on it does not overflow.
  MediaTime get_time() {
    const auto time = get<std::int64_t>();
    return MediaTime(time > -kMaxTime && time < kMaxTime ? time : fail(std::int64_t{}));
  }
  MediaTime get_duration() {
    const auto time = get<std::int64_t>();
    return MediaTime(time >= 0 && time <= kMaxDuration ? time : fail(std::int64_t{}));
  }
  /// `lowest` to `highest`.
  int get_int(int lowest, int highest) {
    const auto value = get<std::int32_t>();
    return value >= lowest && value <= highest ? value : fail(lowest);
  }
  bool get_bool() { return get_byte(1) != 0; }
  std::uint8_t get_byte(std::uint8_t highest) {
    const auto value = get<std::uint8_t>();
    return value <= highest ? value : fail(std::uint8_t{});
  }
  Bytes get_block(std::size_t highest) {
    const auto size = get<std::uint32_t>();
    if (size > highest || size > body_.size() - at_) return fail(Bytes());
    at_ += size;
    return body_.slice(at_ - size, size);
  }
  Bytes rest() {
    Bytes bytes = body_.slice(at_);
    at_ = body_.size();
    return bytes;
  }
  /// All was there, all was sane and nothing is left.
  bool is_good() const { return !has_failed_ && at_ == body_.size(); }

 private:
  template <typename Value>
  Value fail(Value value) {
    has_failed_ = true;
    return value;
  }

  const Bytes& body_;
  std::size_t at_ = 0;
  bool has_failed_ = false;
};

void put_video(Writer& writer, const VideoParameters& video) {
  writer.put(video.width)
      .put(video.height)
      .put(video.sample_aspect_ratio.numerator)
      .put(video.sample_aspect_ratio.denominator)
      .put(video.frame_rate.numerator)
      .put(video.frame_rate.denominator)
      .put_time(video.longest_frame)
      .put(video.colour.primaries)
      .put(video.colour.transfer)
      .put(video.colour.matrix)
      .put(static_cast<std::uint8_t>(video.colour.is_full_range))
      .put(video.bit_depth);
}

Rational get_ratio(Reader& reader, bool& is_good) {
  Rational ratio{reader.get<std::int64_t>(), reader.get<std::int64_t>()};
  constexpr std::int64_t kHighest = std::numeric_limits<std::int32_t>::max();
  is_good = is_good && ratio.numerator >= 0 && ratio.numerator <= kHighest &&
            ratio.denominator > 0 && ratio.denominator <= kHighest;
  return ratio;
}

VideoParameters get_video(Reader& reader, bool& is_good) {
  VideoParameters video;
  video.width = reader.get_int(0, 16384);
  video.height = reader.get_int(0, 16384);
  video.sample_aspect_ratio = get_ratio(reader, is_good);
  video.frame_rate = get_ratio(reader, is_good);
  video.longest_frame = reader.get_duration();
  video.colour.primaries = reader.get_int(0, 255);
  video.colour.transfer = reader.get_int(0, 255);
  video.colour.matrix = reader.get_int(0, 255);
  video.colour.is_full_range = reader.get_bool();
  video.bit_depth = reader.get_int(8, 16);
  return video;
}

bool is_sane(const Rung& rung) {
  return rung.width >= 2 && rung.height >= 2 && rung.width % 2 == 0 && rung.height % 2 == 0 &&
         rung.bits_per_second >= 1000 && rung.bits_per_second <= 1'000'000'000 && rung.every >= 1;
}

}  // namespace

Bytes write_configuration(const Configuration& configuration) {
  CHECK(configuration.rungs.size() <= kMaxRungs &&
        configuration.rungs.size() == configuration.starts.size());
  Writer writer(MessageType::kConfiguration);
  writer.put(kMagic)
      .put(kProtocolVersion)
      .put(static_cast<std::uint8_t>(configuration.profile))
      .put_time(configuration.part_target)
      .put_time(configuration.catch_up_until)
      .put(configuration.still.pictures)
      .put_time(configuration.still.picture_duration)
      .put_text(configuration.still.slate)
      .put_text(configuration.device)
      .put(configuration.audio_bits_per_second)
      .put(static_cast<std::uint8_t>(configuration.audio_codec))
      .put(static_cast<std::uint8_t>(configuration.rungs.size()));
  for (std::size_t i = 0; i < configuration.rungs.size(); ++i) {
    const Rung& rung = configuration.rungs[i];
    writer.put_text(rung.name)
        .put(rung.width)
        .put(rung.height)
        .put(rung.bits_per_second)
        .put(static_cast<std::uint8_t>(rung.codec))
        .put(static_cast<std::uint8_t>(rung.every))
        .put(static_cast<std::uint8_t>(rung.hdr));
    writer.put_time(configuration.starts[i].after)
        .put(static_cast<std::uint8_t>(configuration.starts[i].at_opener));
  }
  return writer.finish();
}

Result<Configuration> read_configuration(const Bytes& body) {
  Reader reader(body);
  if (reader.get<std::uint32_t>() != kMagic) return invalid("not a millrace");
  if (const auto version = reader.get<std::uint16_t>(); version != kProtocolVersion)
    return Error{ErrorCode::kUnsupported, fmt::format("worker protocol: version {}", version)};
  Configuration configuration;
  configuration.profile = static_cast<Profile>(reader.get_byte(2));
  configuration.part_target = reader.get_duration();
  configuration.catch_up_until = MediaTime(reader.get<std::int64_t>());
  configuration.still.pictures = reader.get<std::uint32_t>();
  configuration.still.picture_duration = reader.get_duration();
  configuration.still.slate = std::string(reader.get_block(kMaxPathBytes).text());
  configuration.device = std::string(reader.get_block(kMaxNameBytes).text());
  const auto audio = configuration.audio_bits_per_second = reader.get<std::int64_t>();
  configuration.audio_codec = static_cast<Codec>(reader.get_byte(static_cast<int>(Codec::kOpus)));
  const auto count = reader.get_byte(kMaxRungs);
  const bool is_audio = audio >= kLeastAudioRate && audio <= kMostAudioRate;
  bool is_good = (is_audio ? count == 0 : count > 0 && audio == 0) &&
                 configuration.audio_codec >= Codec::kAac &&
                 configuration.still.pictures <= kMaxStillPictures;
  for (int i = 0; i < count; ++i) {
    Rung rung;
    rung.name = std::string(reader.get_block(kMaxNameBytes).text());
    rung.width = reader.get_int(2, 16384);
    rung.height = reader.get_int(2, 16384);
    rung.bits_per_second = reader.get<std::int64_t>();
    rung.codec = static_cast<Codec>(reader.get_byte(static_cast<int>(Codec::kAv1)));
    rung.every = reader.get_byte(kMaxThinning);
    rung.hdr = static_cast<HdrMode>(reader.get_byte(1));
    is_good = is_good && is_sane(rung);
    configuration.rungs.push_back(std::move(rung));
    RungStart start;
    start.after = MediaTime(reader.get<std::int64_t>());
    start.at_opener = reader.get_bool();
    configuration.starts.push_back(start);
  }
  if (!is_good || !reader.is_good()) return invalid("configuration");
  return configuration;
}

Bytes write_ready() {
  return Writer(MessageType::kReady).put(kMagic).put(kProtocolVersion).finish();
}

Status read_ready(const Bytes& body) {
  Reader reader(body);
  if (reader.get<std::uint32_t>() != kMagic) return invalid("not a millrace-transcoder");
  if (const auto version = reader.get<std::uint16_t>(); version != kProtocolVersion)
    return Error{ErrorCode::kUnsupported, fmt::format("worker protocol: version {}", version)};
  return reader.is_good() ? ok() : invalid("greeting");
}

Bytes write_track(std::uint8_t rung, const TrackInfo& track) {
  Writer writer(MessageType::kTrack);
  writer.put(rung)
      .put(static_cast<std::uint8_t>(track.kind))
      .put(static_cast<std::uint8_t>(track.codec));
  put_video(writer, track.video);
  writer.put(track.audio.sample_rate).put(track.audio.channels).put(track.audio.samples_per_frame);
  return writer.put_block(track.codec_configuration.span()).finish();
}

Result<TrackMessage> read_track(const Bytes& body) {
  Reader reader(body);
  TrackMessage message;
  bool is_good = true;
  message.rung = reader.get_byte(kMaxRungs - 1);
  message.track.kind = static_cast<MediaKind>(reader.get_byte(1));
  message.track.codec = static_cast<Codec>(reader.get_byte(static_cast<int>(Codec::kAc3)));
  const bool is_of_video = message.track.codec <= Codec::kAv1;
  is_good = is_of_video == (message.track.kind == MediaKind::kVideo);
  message.track.video = get_video(reader, is_good);
  message.track.audio.sample_rate = reader.get_int(0, 384'000);
  message.track.audio.channels = reader.get_int(0, 64);
  message.track.audio.samples_per_frame = reader.get_int(0, 1 << 16);
  message.track.codec_configuration = reader.get_block(kMaxConfigurationBytes);
  if (!is_good || !reader.is_good()) return invalid("track");
  return message;
}

Bytes write_packet_header(const PacketMessage& message) {
  const EncodedPacket& packet = message.packet;
  const int flags = (packet.is_key_frame ? kKeyFrame : 0) | (packet.follows_gap ? kFollowsGap : 0) |
                    (packet.opens_segment ? kOpensSegment : 0) |
                    (packet.starts_discontinuity ? kStartsDiscontinuity : 0);
  return Writer(MessageType::kPacket)
      .put(message.rung)
      .put(static_cast<std::uint8_t>(flags))
      .put(message.packets_taken)
      .put_time(packet.pts)
      .put_time(packet.dts)
      .put_time(packet.duration)
      .put(packet.opens_segment.value_or(0))
      // The steady clock is one for all processes of a machine; server_clock.h is for the others.
      .put_time(packet.received_at.time_since_epoch())
      .finish(packet.payload.size());
}

Result<PacketMessage> read_packet(const Bytes& body) {
  Reader reader(body);
  PacketMessage message;
  EncodedPacket& packet = message.packet;
  message.rung = reader.get_byte(kMaxRungs - 1);
  const auto flags =
      reader.get_byte(kKeyFrame | kFollowsGap | kOpensSegment | kStartsDiscontinuity);
  message.packets_taken = reader.get<std::uint32_t>();
  packet.pts = reader.get_time();
  packet.dts = reader.get_time();
  packet.duration = reader.get_duration();
  const auto segment = reader.get<std::uint64_t>();
  packet.received_at = std::chrono::steady_clock::time_point(reader.get_time());
  packet.payload = reader.rest();
  packet.is_key_frame = (flags & kKeyFrame) != 0;
  packet.follows_gap = (flags & kFollowsGap) != 0;
  if (flags & kOpensSegment) packet.opens_segment = segment;
  packet.starts_discontinuity = (flags & kStartsDiscontinuity) != 0;
  if (!reader.is_good() || packet.payload.empty()) return invalid("packet");
  return message;
}

Bytes write_statistics(const Statistics& statistics) {
  Writer writer(MessageType::kStatistics);
  writer.put(statistics.packets_taken)
      .put(statistics.frames_decoded)
      .put(statistics.decode_errors)
      .put_time(statistics.media)
      .put_time(statistics.decode_busy)
      .put_time(statistics.cpu)
      .put(static_cast<std::uint8_t>(statistics.rungs.size()));
  for (const auto& rung : statistics.rungs)
    writer.put(rung.frames_encoded)
        .put(rung.frames_dropped)
        .put(rung.queue_length)
        .put_time(rung.busy)
        .put_time(rung.cpu);
  return writer.finish();
}

Result<Statistics> read_statistics(const Bytes& body) {
  Reader reader(body);
  Statistics statistics;
  statistics.packets_taken = reader.get<std::uint32_t>();
  statistics.frames_decoded = reader.get<std::uint64_t>();
  statistics.decode_errors = reader.get<std::uint64_t>();
  statistics.media = reader.get_time();
  statistics.decode_busy = reader.get_time();
  statistics.cpu = reader.get_time();
  const auto count = reader.get_byte(kMaxRungs);
  for (int i = 0; i < count; ++i) {
    RungStatistics rung;
    rung.frames_encoded = reader.get<std::uint64_t>();
    rung.frames_dropped = reader.get<std::uint64_t>();
    rung.queue_length = reader.get<std::uint32_t>();
    rung.busy = reader.get_time();
    rung.cpu = reader.get_time();
    statistics.rungs.push_back(rung);
  }
  if (!reader.is_good()) return invalid("statistics");
  return statistics;
}

Bytes write_failure(std::string_view text) {
  return Writer(MessageType::kFailure).put_text(text.substr(0, kMaxFailureBytes)).finish();
}

Result<std::string> read_failure(const Bytes& body) {
  Reader reader(body);
  std::string text(reader.get_block(kMaxFailureBytes).text());
  if (!reader.is_good()) return invalid("failure");
  return text;
}

Bytes write_device(const FoundDevice& device) {
  Writer writer(MessageType::kDevice);
  writer.put(kProtocolVersion)
      .put_text(device.name)
      .put(device.sessions)
      .put_text(std::string_view(device.problem).substr(0, kMaxFailureBytes));
  for (const auto* const codecs : {&device.decodes, &device.encodes}) {
    writer.put(static_cast<std::uint8_t>(codecs->size()));
    for (const Codec codec : *codecs) writer.put(static_cast<std::uint8_t>(codec));
  }
  return writer.finish();
}

Result<FoundDevice> read_device(const Bytes& body) {
  Reader reader(body);
  if (const auto version = reader.get<std::uint16_t>(); version != kProtocolVersion)
    return Error{ErrorCode::kUnsupported, fmt::format("worker protocol: version {}", version)};
  FoundDevice device;
  device.name = std::string(reader.get_block(kMaxNameBytes).text());
  device.sessions = reader.get_int(0, 1 << 16);
  device.problem = std::string(reader.get_block(kMaxFailureBytes).text());
  constexpr auto kHighest = static_cast<std::uint8_t>(Codec::kAv1);
  for (auto* const codecs : {&device.decodes, &device.encodes}) {
    const int count = reader.get_byte(kHighest + 1);
    for (int i = 0; i < count; ++i)
      codecs->push_back(static_cast<Codec>(reader.get_byte(kHighest)));
  }
  if (!reader.is_good() || device.name.empty()) return invalid("device");
  return device;
}

Status FrameReader::append(std::span<const std::uint8_t> bytes, const Handler& on_frame) {
  while (!bytes.empty()) {
    if (header_filled_ < kHeaderBytes) {
      const auto count = std::min(bytes.size(), kHeaderBytes - header_filled_);
      std::copy_n(bytes.data(), count, header_.data() + header_filled_);
      header_filled_ += count;
      bytes = bytes.subspan(count);
      if (header_filled_ < kHeaderBytes) break;
      std::size_t length = 0;
      for (std::size_t i = 0; i < 4; ++i) length |= static_cast<std::size_t>(header_[i]) << (8 * i);
      if (length > kMaxBodyBytes)
        return Error{ErrorCode::kLimitExceeded,
                     fmt::format("worker protocol: a frame of {} bytes", length)};
      body_ = MutableBytes(length);
      body_filled_ = 0;
    }
    const auto count = std::min(bytes.size(), body_.size() - body_filled_);
    if (count > 0) std::copy_n(bytes.data(), count, body_.data() + body_filled_);
    body_filled_ += count;
    bytes = bytes.subspan(count);
    if (body_filled_ < body_.size()) break;
    header_filled_ = 0;
    RETURN_IF_ERROR(on_frame(static_cast<MessageType>(header_[4]), Bytes(std::move(body_))));
  }
  return ok();
}

}  // namespace millrace::transcode::worker
