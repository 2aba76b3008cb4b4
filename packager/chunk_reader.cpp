// Reads back what fmp4_writer.cpp wrote: chunks of our own, whose layout is known.
#include <algorithm>

#include "base/check.h"
#include "packager/fmp4_writer.h"
#include "packager/packager.h"

namespace millrace::packager {
namespace {

// ISO/IEC 14496-12 8.8.7 and 8.8.8, the flags that write_chunk() sets.
constexpr std::uint32_t kDefaultDuration = 0x000008;
constexpr std::uint32_t kDefaultFlags = 0x000020;
constexpr std::uint32_t kFirstSampleFlags = 0x000004;
constexpr std::uint32_t kSampleDuration = 0x000100;
constexpr std::uint32_t kSampleFlags = 0x000400;
constexpr std::uint32_t kSampleOffset = 0x000800;
// 8.8.3.1: sample_is_non_sync_sample.
constexpr std::uint32_t kNonSync = 0x00010000;

class Cursor {
 public:
  explicit Cursor(const Bytes& bytes) : bytes_(bytes) {}
  std::uint32_t u32() {
    CHECK(bytes_.size() - at_ >= 4);
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | bytes_[at_++];
    return value;
  }
  std::uint64_t u64() {
    const std::uint64_t high = u32();
    return high << 32 | u32();
  }
  /// Past the box that begins here.
  void skip_box() {
    const std::size_t begin = at_;
    const std::size_t size = u32();
    CHECK(size >= 8 && size <= bytes_.size() - begin);
    at_ = begin + size;
  }
  void enter_box() { skip(8); }
  void skip(std::size_t count) { at_ += count; }
  std::size_t at() const { return at_; }

 private:
  const Bytes& bytes_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<EncodedPacket> packets_of(const CmafChunk& chunk) {
  const TrackInfo& track = *chunk.init->track;
  const std::uint32_t timescale = timescale_of(track);
  Cursor in(chunk.bytes);
  in.skip_box();  // prft
  const std::size_t moof = in.at();
  in.enter_box();
  in.skip_box();   // mfhd
  in.enter_box();  // traf
  in.enter_box();  // tfhd
  const std::uint32_t header_flags = in.u32();
  in.skip(4);  // track_ID
  const std::uint32_t default_duration = header_flags & kDefaultDuration ? in.u32() : 0;
  const std::uint32_t default_flags = header_flags & kDefaultFlags ? in.u32() : 0;
  in.enter_box();  // tfdt
  in.skip(4);
  auto decode_time = static_cast<std::int64_t>(in.u64());
  in.enter_box();  // trun
  const std::uint32_t run_flags = in.u32();
  std::vector<EncodedPacket> packets(in.u32());
  std::size_t payload = moof + in.u32();
  const std::uint32_t first_flags = run_flags & kFirstSampleFlags ? in.u32() : default_flags;
  for (auto& packet : packets) {
    const bool is_first = &packet == &packets.front();
    const std::uint32_t duration = run_flags & kSampleDuration ? in.u32() : default_duration;
    const std::uint32_t size = in.u32();
    const std::uint32_t flags = run_flags & kSampleFlags ? in.u32()
                                : is_first               ? first_flags
                                                         : default_flags;
    const auto offset = run_flags & kSampleOffset ? static_cast<std::int32_t>(in.u32()) : 0;
    packet.track = chunk.init->track;
    packet.payload = chunk.bytes.slice(payload, size);
    packet.dts = from_ticks(decode_time, timescale);
    packet.pts = from_ticks(decode_time + offset, timescale);
    packet.duration = from_ticks(decode_time + duration, timescale) - packet.dts;
    packet.is_key_frame = (flags & kNonSync) == 0;
    packet.received_at = chunk.received_at;
    payload += size;
    decode_time += duration;
  }
  return packets;
}

}  // namespace millrace::packager
