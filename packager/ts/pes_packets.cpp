#include "packager/ts/pes_packets.h"

#include <algorithm>
#include <optional>

#include "media/audio_specific_config.h"
#include "media/codec_configuration.h"
#include "media/media_time.h"
#include "media/parameter_sets.h"

namespace millrace::packager {
namespace {

using Span = std::span<const std::uint8_t>;

constexpr std::uint8_t kH264Stream = 0x1B;
constexpr std::uint8_t kHevcStream = 0x24;
constexpr std::uint8_t kAdtsStream = 0x0F;
constexpr std::uint8_t kVideoId = 0xE0;
constexpr std::uint8_t kAudioId = 0xC0;

constexpr std::uint8_t kStartCode[] = {0, 0, 0, 1};
// H.222.0 2.14.1: "each AVC access unit shall contain an access unit delimiter NAL unit"; 2.17.1
// for HEVC. Any kind of slice may follow (primary_pic_type 7, pic_type 2).
constexpr std::uint8_t kH264Delimiter[] = {0, 0, 0, 1, 0x09, 0xF0};
constexpr std::uint8_t kHevcDelimiter[] = {0, 0, 0, 1, 0x46, 0x01, 0x50};
constexpr std::size_t kLengthBytes = 4;

// What an encoder may reorder that does not say it.
constexpr int kUsualReorderDepth = 2;

// --- PES headers ------------------------------------------------------------------------------

/// Four bits, 3 bits of time, a marker, 15, a marker, 15, a marker.
void put_time(std::uint8_t* out, std::uint32_t prefix, std::int64_t time) {
  const auto ticks = static_cast<std::uint64_t>(time);
  out[0] = static_cast<std::uint8_t>(prefix << 4 | (ticks >> 29 & 0x0E) | 1);
  out[1] = static_cast<std::uint8_t>(ticks >> 22);
  out[2] = static_cast<std::uint8_t>((ticks >> 14 & 0xFE) | 1);
  out[3] = static_cast<std::uint8_t>(ticks >> 7);
  out[4] = static_cast<std::uint8_t>(ticks << 1 | 1);
}

/// Once all pieces are there. PES_packet_length of a picture is 0: it may be longer than 16 bits.
void put_header(PesPacket& packet, std::uint8_t stream_id, std::int64_t presentation_time) {
  constexpr std::size_t kFixedBytes = 9, kTimeBytes = 5, kUncountedBytes = 6;
  constexpr std::uint8_t kAligned = 0x84;  // Marker bits, data_alignment_indicator.
  const bool has_decode_time = packet.decode_time != presentation_time;
  packet.header_bytes = kFixedBytes + (has_decode_time ? 2 : 1) * kTimeBytes;
  packet.bytes = packet.header_bytes;
  for (const Span piece : packet.pieces) packet.bytes += piece.size();
  const std::size_t length = stream_id == kVideoId ? 0 : packet.bytes - kUncountedBytes;
  auto& header = packet.header;
  header = {0,
            0,
            1,
            stream_id,
            static_cast<std::uint8_t>(length >> 8),
            static_cast<std::uint8_t>(length),
            kAligned,
            static_cast<std::uint8_t>(has_decode_time ? 0xC0 : 0x80),
            static_cast<std::uint8_t>(packet.header_bytes - kFixedBytes)};
  put_time(&header[kFixedBytes], has_decode_time ? 3 : 2, presentation_time);
  if (has_decode_time) put_time(&header[kFixedBytes + kTimeBytes], 1, packet.decode_time);
}

// --- Pictures ---------------------------------------------------------------------------------

bool is_delimiter(Codec codec, std::uint8_t first) {
  return codec == Codec::kH264 ? (first & 0x1F) == 9 : (first >> 1 & 0x3F) == 35;
}

std::size_t read_number(Span bytes, std::size_t at, int count) {
  std::size_t number = 0;
  for (int i = 0; i < count; ++i) number = number << 8 | bytes[at + static_cast<std::size_t>(i)];
  return number;
}

/// `count` NAL units with 2-byte lengths. What runs past the end is left out.
std::size_t take_units(Span record, std::size_t at, std::size_t count, std::vector<Span>& units) {
  for (; count > 0 && record.size() >= at + 2; --count) {
    const std::size_t size = read_number(record, at, 2);
    at += 2;
    if (size > record.size() - at) return record.size();
    if (size > 0) units.push_back(record.subspan(at, size));
    at += size;
  }
  return at;
}

/// ISO/IEC 14496-15 5.3.3.1 and 8.3.3.1, of a record that has been checked.
std::vector<Span> parameter_sets(Codec codec, Span record) {
  std::vector<Span> units;
  if (codec == Codec::kH264) {
    if (record.size() < 6) return units;
    const std::size_t at = take_units(record, 6, record[5] & 31, units);
    if (at < record.size()) take_units(record, at + 1, record[at], units);
    return units;
  }
  constexpr std::size_t kFixedBytes = 23;
  if (record.size() < kFixedBytes) return units;
  std::size_t at = kFixedBytes;
  for (std::size_t arrays = record[kFixedBytes - 1]; arrays > 0 && record.size() >= at + 3;
       --arrays)
    at = take_units(record, at + 3, read_number(record, at + 1, 2), units);
  return units;
}

int reorder_depth(Codec codec, const std::vector<Span>& units) {
  for (const Span unit : units) {
    const bool is_h264 = codec == Codec::kH264;
    const bool is_sequence = is_h264 ? (unit[0] & 0x1F) == 7 : (unit[0] >> 1 & 0x3F) == 33;
    if (!is_sequence) continue;
    const auto depth = is_h264 ? h264_reorder_depth(unit) : hevc_reorder_depth(unit);
    return depth.value_or(kUsualReorderDepth);
  }
  return kUsualReorderDepth;
}

/// How far decode times lie before those of CMAF, whose first picture is presented as it is decoded
/// and whose B pictures before they are, by negative offsets; here nothing may be. It must not
/// change from segment to segment, nor from rung to rung, none of which knows of another (Shaka
/// puts a segment's first decode time where the segment begins, pictures and sound: rungs that
/// reorder and rungs that do not would lie apart): what nearly every encoder keeps within, be
/// nothing reordered at all. Past it so many pictures as the parameter set says, of a length that
/// is rounded up to one of few; where that is not enough, what is.
std::int64_t decode_delay(int depth, std::int64_t longest, std::int64_t needed) {
  constexpr std::int64_t kUsual = kTsClock / 5;
  constexpr std::int64_t kLengths[] = {kTsClock / 24, kTsClock / 15, kTsClock / 10, kTsClock / 5,
                                       kTsClock};
  const auto* const length = std::ranges::find_if(
      kLengths, [longest](std::int64_t candidate) { return candidate >= longest; });
  const std::int64_t said = depth * (length == std::end(kLengths) ? kTsClock : *length);
  return std::max({kUsual, said, needed});
}

/// The access unit's NAL units; false where there is none.
bool put_units(Codec codec, Span payload, std::vector<Span>& pieces) {
  const std::size_t before = pieces.size();
  for (std::size_t at = 0; payload.size() - at > kLengthBytes;) {
    const std::size_t size = read_number(payload, at, kLengthBytes);
    at += kLengthBytes;
    if (size > payload.size() - at) break;
    if (size > 0 && !is_delimiter(codec, payload[at])) {
      pieces.emplace_back(kStartCode);
      pieces.push_back(payload.subspan(at, size));
    }
    at += size;
  }
  return pieces.size() > before;
}

Error unsupported(const char* what) {
  return Error{ErrorCode::kUnsupported, std::string("mpeg-ts: ") + what};
}

}  // namespace

Result<PesStream> packetize_pictures(const CmafTrack& track, std::vector<CmafSample> samples) {
  const bool is_h264 = track.codec == Codec::kH264;
  if (!is_h264 && track.codec != Codec::kHevc) return unsupported("no place for such pictures");
  // Lengths of 4 bytes, and a sequence parameter set that can be read.
  RETURN_IF_ERROR(is_h264 ? parse_avc_configuration(track.configuration)
                          : parse_hevc_configuration(track.configuration));
  PesStream stream;
  stream.type = is_h264 ? kH264Stream : kHevcStream;
  stream.samples = std::move(samples);
  stream.configuration = track.configuration;
  const auto sets = parameter_sets(track.codec, stream.configuration.span());
  std::int64_t longest = 0, needed = 0;
  const auto ticks = [&](std::int64_t time) {
    return scale_rounded(time, kTsClock, track.timescale);
  };
  for (const CmafSample& sample : stream.samples) {
    longest = std::max(longest, ticks(sample.duration));
    needed = std::max(
        needed, ticks(sample.decode_time) - ticks(sample.decode_time + sample.composition_offset));
  }
  const std::int64_t delay = decode_delay(reorder_depth(track.codec, sets), longest, needed);
  stream.packets.reserve(stream.samples.size());
  for (const CmafSample& sample : stream.samples) {
    PesPacket packet;
    packet.is_random_access = sample.is_key_frame;
    packet.decode_time = ticks(sample.decode_time) - delay;
    packet.pieces.push_back(is_h264 ? Span(kH264Delimiter) : Span(kHevcDelimiter));
    if (sample.is_key_frame)
      for (const Span set : sets) {
        packet.pieces.emplace_back(kStartCode);
        packet.pieces.push_back(set);
      }
    if (!put_units(track.codec, sample.payload.span(), packet.pieces)) continue;
    put_header(packet, kVideoId, ticks(sample.decode_time + sample.composition_offset));
    stream.packets.push_back(std::move(packet));
  }
  return stream;
}

Result<PesStream> packetize_sound(const CmafTrack& track, std::vector<CmafSample> samples) {
  constexpr std::size_t kMostFrameBytes = (1 << 13) - 1;
  constexpr std::int64_t kMostTogether = kTsClock / 10;
  if (track.codec != Codec::kAac) return unsupported("no place for such sound");
  ASSIGN_OR_RETURN(const auto config, parse_audio_specific_config(track.configuration.span()));
  if (!config.is_in_adts()) return unsupported("ADTS has no word for this AAC");
  const std::int64_t frame =
      scale_rounded(config.audio.samples_per_frame, track.timescale, config.audio.sample_rate);
  PesStream stream;
  stream.type = kAdtsStream;
  stream.samples = std::move(samples);
  stream.adts = std::make_unique<AdtsHeader[]>(stream.samples.size());
  const auto ticks = [&](std::int64_t time) {
    return scale_rounded(time, kTsClock, track.timescale);
  };
  std::int64_t next = 0;  // Where the open packet's next frame is, for who counts frames.
  bool is_open = false;
  const auto close = [&] {
    if (is_open) put_header(stream.packets.back(), kAudioId, stream.packets.back().decode_time);
    is_open = false;
  };
  for (std::size_t i = 0; i < stream.samples.size(); ++i) {
    const CmafSample& sample = stream.samples[i];
    const std::size_t bytes = sizeof(AdtsHeader) + sample.payload.size();
    if (sample.payload.empty() || bytes > kMostFrameBytes) {
      close();
      continue;
    }
    const bool is_next = is_open && sample.decode_time == next;
    if (!is_next ||
        ticks(sample.decode_time + frame) - stream.packets.back().decode_time > kMostTogether) {
      close();
      stream.packets.emplace_back();
      stream.packets.back().decode_time = ticks(sample.decode_time);
      stream.packets.back().is_random_access = true;
      is_open = true;
    }
    next = sample.decode_time + frame;
    // ISO/IEC 14496-3 1.A.2.2: MPEG-4, no CRC, AAC-LC, one raw data block.
    const auto index = static_cast<std::uint32_t>(*config.frequency_index);
    const auto channels = static_cast<std::uint32_t>(config.channel_configuration);
    stream.adts[i] = {0xFF,
                      0xF1,
                      static_cast<std::uint8_t>(1u << 6 | index << 2 | channels >> 2),
                      static_cast<std::uint8_t>(channels << 6 | bytes >> 11),
                      static_cast<std::uint8_t>(bytes >> 3),
                      static_cast<std::uint8_t>(bytes << 5 | 0x1F),
                      0xFC};
    stream.packets.back().pieces.emplace_back(stream.adts[i]);
    stream.packets.back().pieces.push_back(sample.payload.span());
  }
  close();
  return stream;
}

}  // namespace millrace::packager
