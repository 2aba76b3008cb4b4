#include "packager/fmp4_writer.h"

#include <cstring>
#include <utility>

#include "base/check.h"

namespace millrace::packager {
namespace {

constexpr std::uint32_t kTrackId = 1;
// ISO/IEC 14496-12 8.8.3.1: a key frame depends on no other, everything else does and is no sync
// sample.
constexpr std::uint32_t kSyncSample = 0x02000000;
constexpr std::uint32_t kNonSyncSample = 0x01010000;

// 8.8.7: default-base-is-moof; default sample duration, size and flags where all agree.
constexpr std::uint32_t kDefaultBaseIsMoof = 0x020000;
constexpr std::uint32_t kDefaultDuration = 0x000008;
constexpr std::uint32_t kDefaultFlags = 0x000020;
// 8.8.8.
constexpr std::uint32_t kDataOffset = 0x000001;
constexpr std::uint32_t kSampleSize = 0x000200;
constexpr std::uint32_t kSampleDuration = 0x000100;
constexpr std::uint32_t kSampleFlags = 0x000400;
constexpr std::uint32_t kSampleOffset = 0x000800;

/// Straight into the chunk's buffer; sizes are known beforehand.
class Cursor {
 public:
  explicit Cursor(std::uint8_t* at) : at_(at) {}
  void u32(std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) *at_++ = static_cast<std::uint8_t>(value >> shift);
  }
  void u64(std::uint64_t value) {
    u32(static_cast<std::uint32_t>(value >> 32));
    u32(static_cast<std::uint32_t>(value));
  }
  void box(std::size_t size, const char* type) {
    u32(static_cast<std::uint32_t>(size));
    std::memcpy(at_, type, 4);
    at_ += 4;
  }
  void bytes(std::span<const std::uint8_t> value) {
    if (!value.empty()) std::memcpy(at_, value.data(), value.size());
    at_ += value.size();
  }
  const std::uint8_t* at() const { return at_; }

 private:
  std::uint8_t* at_;
};

/// Which fields the samples need one by one, and the sizes that follow from it.
struct Layout {
  explicit Layout(std::span<const Sample> samples, bool is_audio) {
    flags = kDataOffset | kSampleSize;
    std::size_t fields = 1;
    for (const Sample& sample : samples) {
      has_one_duration &= sample.duration == samples.front().duration;
      has_offsets |= sample.composition_offset != 0;
      payload += sample.size;
    }
    has_one_kind = is_audio;
    if (!has_one_duration) flags |= kSampleDuration, ++fields;
    if (!has_one_kind) flags |= kSampleFlags, ++fields;
    if (has_offsets) flags |= kSampleOffset, ++fields;
    tfhd = 16 + (has_one_duration ? 4 : 0) + (has_one_kind ? 4 : 0);
    trun = 20 + samples.size() * fields * 4;
    traf = 8 + tfhd + kTfdt + trun;
    moof = 8 + kMfhd + traf;
    total = moof + 8 + payload;
  }

  static constexpr std::size_t kMfhd = 16;
  static constexpr std::size_t kTfdt = 20;
  bool has_one_duration = true;
  bool has_one_kind = true;
  bool has_offsets = false;
  std::uint32_t flags = 0;
  std::size_t payload = 0, tfhd = 0, trun = 0, traf = 0, moof = 0, total = 0;
};

void write_track_run(Cursor& out, const Layout& layout, std::span<const Sample> samples) {
  out.box(layout.trun, "trun");
  out.u32(1u << 24 | layout.flags);  // Version 1: signed composition offsets.
  out.u32(static_cast<std::uint32_t>(samples.size()));
  out.u32(static_cast<std::uint32_t>(layout.moof + 8));  // data_offset, from the moof's first byte
  for (const Sample& sample : samples) {
    if (!layout.has_one_duration) out.u32(sample.duration);
    out.u32(sample.size);
    if (!layout.has_one_kind) out.u32(sample.is_key_frame ? kSyncSample : kNonSyncSample);
    if (layout.has_offsets) out.u32(static_cast<std::uint32_t>(sample.composition_offset));
  }
}

}  // namespace

Bytes write_chunk(const TrackInfo& track, std::uint32_t sequence_number, std::int64_t decode_time,
                  std::span<const Sample> samples) {
  CHECK(!samples.empty());
  const Layout layout(samples, track.kind == MediaKind::kAudio);
  MutableBytes buffer(layout.total);
  Cursor out(buffer.data());
  out.box(layout.moof, "moof");
  out.box(Layout::kMfhd, "mfhd");
  out.u32(0);
  out.u32(sequence_number);
  out.box(layout.traf, "traf");
  out.box(layout.tfhd, "tfhd");
  out.u32(kDefaultBaseIsMoof | (layout.has_one_duration ? kDefaultDuration : 0) |
          (layout.has_one_kind ? kDefaultFlags : 0));
  out.u32(kTrackId);
  if (layout.has_one_duration) out.u32(samples.front().duration);
  if (layout.has_one_kind) out.u32(kSyncSample);
  out.box(Layout::kTfdt, "tfdt");
  out.u32(1u << 24);  // Version 1: 64 bits.
  out.u64(static_cast<std::uint64_t>(decode_time));
  write_track_run(out, layout, samples);
  out.box(8 + layout.payload, "mdat");
  for (const Sample& sample : samples) {
    if (sample.pieces.empty()) out.bytes(sample.payload.span());
    for (const auto& piece : sample.pieces) out.bytes(piece);
  }
  CHECK(out.at() == buffer.data() + layout.total);
  return Bytes(std::move(buffer));
}

}  // namespace millrace::packager
