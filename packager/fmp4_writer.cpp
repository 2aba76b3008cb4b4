#include "packager/fmp4_writer.h"

#include <cstring>
#include <utility>

#include "base/check.h"
#include "packager/filler.h"
#include "packager/fragment_flags.h"

namespace millrace::packager {
namespace {

constexpr std::uint32_t kTrackId = 1;
// ISO/IEC 14496-12 8.8.3.1: a key frame depends on no other, everything else does and is no sync
// sample.
constexpr std::uint32_t kSyncSample = 0x02000000;
constexpr std::uint32_t kNonSyncSample = 0x01010000;

// 8.16.5: "an arbitrary but consistent association between UTC time and media time", which the
// channel's clock is.
constexpr std::uint32_t kConsistentTime = 8;
constexpr std::int64_t kNtpEpochToUnixEpoch = 2'208'988'800;

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
  void payload(Codec codec, const Sample& sample) {
    copy_without_filler(codec, sample.payload.span(), at_);
    at_ += sample.size;
  }
  const std::uint8_t* at() const { return at_; }

 private:
  std::uint8_t* at_;
};

std::uint32_t flags_of(const Sample& sample) {
  return sample.is_key_frame ? kSyncSample : kNonSyncSample;
}

/// Which fields the samples need one by one, and the sizes that follow from it.
struct Layout {
  explicit Layout(std::span<const Sample> samples) {
    bool has_one_kind = true;  // But for the first.
    for (const Sample& sample : samples) {
      has_one_duration &= sample.duration == samples.front().duration;
      has_offsets |= sample.composition_offset != 0;
      has_one_kind &= &sample == &samples.front() || flags_of(sample) == flags_of(samples.back());
      payload += sample.size;
    }
    has_default_flags = has_one_kind;
    has_first_flags = has_one_kind && flags_of(samples.front()) != flags_of(samples.back());
    flags = kDataOffset | kSampleSize;
    std::size_t fields = 1;
    if (!has_one_duration) flags |= kSampleDuration, ++fields;
    if (!has_default_flags) flags |= kSampleFlags, ++fields;
    if (has_offsets) flags |= kSampleOffset, ++fields;
    if (has_first_flags) flags |= kFirstSampleFlags;
    tfhd = 16 + (has_one_duration ? 4 : 0) + (has_default_flags ? 4 : 0);
    trun = 20 + (has_first_flags ? 4 : 0) + samples.size() * fields * 4;
    traf = 8 + tfhd + kTfdt + trun;
    moof = 8 + kMfhd + traf;
    total = kPrft + moof + 8 + payload;
  }

  static constexpr std::size_t kPrft = 32;
  static constexpr std::size_t kMfhd = 16;
  static constexpr std::size_t kTfdt = 20;
  bool has_one_duration = true;
  bool has_default_flags = true;
  bool has_first_flags = false;
  bool has_offsets = false;
  std::uint32_t flags = 0;
  std::size_t payload = 0, tfhd = 0, trun = 0, traf = 0, moof = 0, total = 0;
};

void write_producer_time(Cursor& out, const ChunkPosition& position, const Sample& first) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t nanoseconds = position.wall_time.count() % kSecond;
  const auto fraction = static_cast<std::uint64_t>(nanoseconds) * (std::uint64_t{1} << 32);
  out.box(Layout::kPrft, "prft");
  out.u32(1u << 24 | kConsistentTime);
  out.u32(kTrackId);
  out.u32(static_cast<std::uint32_t>(position.wall_time.count() / kSecond + kNtpEpochToUnixEpoch));
  out.u32(static_cast<std::uint32_t>(fraction / kSecond));
  out.u64(static_cast<std::uint64_t>(position.decode_time + first.composition_offset));
}

void write_track_run(Cursor& out, const Layout& layout, std::span<const Sample> samples) {
  out.box(layout.trun, "trun");
  out.u32(1u << 24 | layout.flags);  // Version 1: signed composition offsets.
  out.u32(static_cast<std::uint32_t>(samples.size()));
  out.u32(static_cast<std::uint32_t>(layout.moof + 8));  // data_offset, from the moof's first byte
  if (layout.has_first_flags) out.u32(flags_of(samples.front()));
  for (const Sample& sample : samples) {
    if (!layout.has_one_duration) out.u32(sample.duration);
    out.u32(sample.size);
    if (!layout.has_default_flags) out.u32(flags_of(sample));
    if (layout.has_offsets) out.u32(static_cast<std::uint32_t>(sample.composition_offset));
  }
}

}  // namespace

Bytes write_chunk(const TrackInfo& track, const ChunkPosition& position,
                  std::span<const Sample> samples) {
  CHECK(!samples.empty());
  const Layout layout(samples);
  MutableBytes buffer(layout.total);
  Cursor out(buffer.data());
  write_producer_time(out, position, samples.front());
  out.box(layout.moof, "moof");
  out.box(Layout::kMfhd, "mfhd");
  out.u32(0);
  out.u32(position.sequence_number);
  out.box(layout.traf, "traf");
  out.box(layout.tfhd, "tfhd");
  out.u32(kDefaultBaseIsMoof | (layout.has_one_duration ? kDefaultDuration : 0) |
          (layout.has_default_flags ? kDefaultFlags : 0));
  out.u32(kTrackId);
  if (layout.has_one_duration) out.u32(samples.front().duration);
  if (layout.has_default_flags) out.u32(flags_of(samples.back()));
  out.box(Layout::kTfdt, "tfdt");
  out.u32(1u << 24);  // Version 1: 64 bits.
  out.u64(static_cast<std::uint64_t>(position.decode_time));
  write_track_run(out, layout, samples);
  out.box(8 + layout.payload, "mdat");
  for (const Sample& sample : samples) out.payload(track.codec, sample);
  CHECK(out.at() == buffer.data() + layout.total);
  return Bytes(std::move(buffer));
}

}  // namespace millrace::packager
