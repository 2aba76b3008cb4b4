// packager.h's write_ts_segment(): tables and PES packets as transport stream packets
// (ISO/IEC 13818-1 2.4.3.2).
//
// Continuity counters run on from segment to segment, as RFC 8216 wants, though a segment is made
// without knowing of any other (decision 0029): a segment has a whole multiple of 16 packets of
// each stream, so that each begins at 0, and a fixed number of tables, which are counted from the
// segment's number.
#include <algorithm>
#include <cstring>
#include <optional>

#include "base/check.h"
#include "media/crc32_mpeg2.h"
#include "packager/box_writer.h"
#include "packager/packager.h"
#include "packager/ts/pes_packets.h"

namespace millrace::packager {
namespace {

constexpr std::size_t kPacketBytes = 188;
constexpr std::size_t kHeaderBytes = 4;
constexpr std::size_t kRoom = kPacketBytes - kHeaderBytes;
constexpr std::size_t kCounters = 16;
// How often each table is there: for who tunes in inside a segment, which players do not.
constexpr std::size_t kTablesPerSegment = 4;

constexpr std::uint32_t kAssociationPid = 0;
constexpr std::uint32_t kMapPid = 0x1000;
constexpr std::uint32_t kVideoPid = 0x100;
constexpr std::uint32_t kAudioPid = 0x101;
constexpr std::uint32_t kNoPid = 0x1FFF;

// How long before its decode time a picture's first byte is said to arrive.
constexpr std::int64_t kClockLead = kTsClock / 10;

constexpr std::uint8_t kClockFlag = 0x10;
constexpr std::uint8_t kRandomAccessFlag = 0x40;
constexpr std::size_t kClockFieldBytes = 8;  ///< Length, flags, PCR.

struct Stream {
  std::uint32_t pid = 0;
  bool has_clock = false;
  PesStream content;
  std::size_t spread = 0;  ///< The packet that is spread over so many more: the longest.
  std::size_t extra = 0;
  std::uint32_t counter = 0;
};

/// Of the adaptation field of a PES packet's first packet.
std::size_t field_bytes(const Stream& stream) {
  return stream.has_clock ? kClockFieldBytes : 0;
}

std::size_t count_of(const Stream& stream, std::size_t index) {
  const PesPacket& packet = stream.content.packets[index];
  const std::size_t bytes = packet.bytes + field_bytes(stream);
  return (bytes + kRoom - 1) / kRoom + (index == stream.spread ? stream.extra : 0);
}

/// How many packets the stream has, a multiple of 16.
std::size_t lay_out(Stream& stream) {
  const auto& packets = stream.content.packets;
  std::size_t count = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    count += count_of(stream, i);
    if (packets[i].bytes > packets[stream.spread].bytes) stream.spread = i;
  }
  stream.extra = (kCounters - count % kCounters) % kCounters;
  return count + stream.extra;
}

// --- Tables -----------------------------------------------------------------------------------

/// A section of 2.4.4 around what its long header is followed by, with its CRC.
std::vector<std::uint8_t> section(std::uint32_t table, std::uint32_t version,
                                  std::span<const std::uint8_t> body) {
  constexpr std::size_t kCountedHeader = 5, kCrc = 4;
  BoxWriter out;
  out.u8(table);
  out.u16(static_cast<std::uint32_t>(0xB000 | (kCountedHeader + body.size() + kCrc)));
  out.u16(1);  // The transport stream, or the program.
  out.u8(0xC1 | version << 1);
  out.u16(0);
  out.bytes(body);
  out.u32(crc32_mpeg2(out.written()));
  return out.written();
}

std::vector<std::uint8_t> association_section() {
  BoxWriter body;
  body.u16(1);
  body.u16(0xE000 | kMapPid);
  return section(0, 0, body.written());
}

std::vector<std::uint8_t> map_section(std::span<const Stream> streams) {
  std::uint32_t clock_pid = kNoPid;
  // 2.4.4.9: the version changes "when the definition of the program changes", here with what its
  // streams are.
  std::uint32_t version = 0;
  BoxWriter entries;
  for (const Stream& stream : streams) {
    if (stream.content.packets.empty()) continue;
    if (stream.has_clock) clock_pid = stream.pid;
    version = (version * 3 + stream.content.type) & 0x1F;
    entries.u8(stream.content.type);
    entries.u16(0xE000 | stream.pid);
    entries.u16(0xF000);
  }
  BoxWriter body;
  body.u16(0xE000 | clock_pid);
  body.u16(0xF000);
  body.bytes(entries.written());
  return section(2, version, body.written());
}

// --- Packets ----------------------------------------------------------------------------------

class PacketWriter {
 public:
  explicit PacketWriter(std::uint8_t* out) : out_(out) {}

  void put_table(std::uint32_t pid, std::uint32_t counter, std::span<const std::uint8_t> section) {
    put_header(pid, true, false, counter);
    std::uint8_t* const end = out_ + kRoom;
    *out_++ = 0;  // pointer_field
    std::memcpy(out_, section.data(), section.size());
    out_ += section.size();
    std::memset(out_, 0xFF, static_cast<std::size_t>(end - out_));
    out_ = end;
  }

  void put(Stream& stream, std::size_t index) {
    const PesPacket& packet = stream.content.packets[index];
    begin(packet);
    std::size_t left = packet.bytes;
    for (std::size_t count = count_of(stream, index); count > 0; --count) {
      const bool is_first = left == packet.bytes;
      const std::size_t field = is_first ? field_bytes(stream) : 0;
      // Each of those that follow has a byte at least.
      const std::size_t size = std::min(kRoom - field, left - (count - 1));
      put_header(stream.pid, is_first, size < kRoom, stream.counter++);
      if (size < kRoom) put_field(kRoom - size, is_first ? &stream : nullptr, packet);
      copy(size);
      left -= size;
    }
    CHECK(left == 0);
  }

  const std::uint8_t* at() const { return out_; }

 private:
  void put_header(std::uint32_t pid, bool starts_unit, bool has_field, std::uint32_t counter) {
    *out_++ = 0x47;
    *out_++ = static_cast<std::uint8_t>((starts_unit ? 0x40 : 0) | pid >> 8);
    *out_++ = static_cast<std::uint8_t>(pid);
    *out_++ = static_cast<std::uint8_t>((has_field ? 0x30 : 0x10) | (counter & (kCounters - 1)));
  }

  /// The adaptation field (2.4.3.4), stuffed to this size. `stream`: of a PES packet's first.
  void put_field(std::size_t size, const Stream* stream, const PesPacket& packet) {
    std::uint8_t* const end = out_ + size;
    *out_++ = static_cast<std::uint8_t>(size - 1);
    if (stream && stream->has_clock) {
      *out_++ =
          static_cast<std::uint8_t>(kClockFlag | (packet.is_random_access ? kRandomAccessFlag : 0));
      put_clock(packet.decode_time - kClockLead);
    } else if (size > 1) {
      *out_++ = 0;
    }
    std::memset(out_, 0xFF, static_cast<std::size_t>(end - out_));
    out_ = end;
  }

  /// 33 bits, six that are reserved, and an extension of 27 MHz, which is 0.
  void put_clock(std::int64_t time) {
    const auto ticks = static_cast<std::uint64_t>(time);
    for (int shift = 25; shift >= 1; shift -= 8)
      *out_++ = static_cast<std::uint8_t>(ticks >> shift);
    *out_++ = static_cast<std::uint8_t>(ticks << 7 | 0x7E);
    *out_++ = 0;
  }

  void begin(const PesPacket& packet) {
    pieces_ = packet.pieces;
    rest_ = std::span(packet.header).first(packet.header_bytes);
  }
  void copy(std::size_t size) {
    while (size > 0) {
      const std::size_t some = std::min(size, rest_.size());
      std::memcpy(out_, rest_.data(), some);
      out_ += some;
      size -= some;
      rest_ = rest_.subspan(some);
      if (!rest_.empty() || pieces_.empty()) continue;
      rest_ = pieces_.front();
      pieces_ = pieces_.subspan(1);
    }
  }

  std::uint8_t* out_;
  std::span<const std::span<const std::uint8_t>> pieces_;  ///< Of the PES packet, not begun.
  std::span<const std::uint8_t> rest_;                     ///< Of the piece that is.
};

/// PES packets of both streams by their decode time, with the tables evenly between them.
Bytes write(std::span<Stream> streams, SegmentNumber number) {
  std::vector<std::pair<Stream*, std::size_t>> order;
  std::size_t packets = 2 * kTablesPerSegment;
  for (Stream& stream : streams) {
    packets += lay_out(stream);
    for (std::size_t i = 0; i < stream.content.packets.size(); ++i) order.emplace_back(&stream, i);
  }
  std::ranges::stable_sort(order, {}, [](const auto& one) {
    return one.first->content.packets[one.second].decode_time;
  });
  const auto association = association_section();
  const auto map = map_section(streams);
  MutableBytes buffer(packets * kPacketBytes);
  PacketWriter out(buffer.data());
  std::size_t tables = 0;
  const auto put_tables = [&] {
    const auto counter = static_cast<std::uint32_t>(number * kTablesPerSegment + tables++);
    out.put_table(kAssociationPid, counter, association);
    out.put_table(kMapPid, counter, map);
  };
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (tables < kTablesPerSegment && tables * order.size() <= i * kTablesPerSegment) put_tables();
    out.put(*order[i].first, order[i].second);
  }
  while (tables < kTablesPerSegment) put_tables();
  CHECK(out.at() == buffer.data() + buffer.size());
  return Bytes(std::move(buffer));
}

Result<PesStream> packetize(const CmafSegment& media, MediaKind kind) {
  if (media.chunks.empty()) return PesStream();
  ASSIGN_OR_RETURN(const CmafTrack track, read_init_segment(media.init));
  std::vector<CmafSample> samples;
  for (const Bytes& chunk : media.chunks) RETURN_IF_ERROR(read_chunks(chunk, samples));
  return kind == MediaKind::kVideo ? packetize_pictures(track, std::move(samples))
                                   : packetize_sound(track, std::move(samples));
}

}  // namespace

Result<Bytes> write_ts_segment(const CmafSegment& video, const CmafSegment& audio,
                               SegmentNumber number) {
  ASSIGN_OR_RETURN(PesStream pictures, packetize(video, MediaKind::kVideo));
  ASSIGN_OR_RETURN(PesStream sound, packetize(audio, MediaKind::kAudio));
  const bool has_pictures = !pictures.packets.empty();
  if (!has_pictures && sound.packets.empty())
    return Error{ErrorCode::kInvalidData, "mpeg-ts: a segment without anything in it"};
  Stream streams[2];
  streams[0].pid = kVideoPid;
  streams[0].has_clock = true;
  streams[0].content = std::move(pictures);
  streams[1].pid = kAudioPid;
  streams[1].has_clock = !has_pictures;
  streams[1].content = std::move(sound);
  return write(streams, number);
}

}  // namespace millrace::packager
