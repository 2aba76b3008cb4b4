#include "ingest/timeline/audio_clock.h"

#include <chrono>
#include <cstdlib>
#include <utility>

namespace millrace::ingest {
namespace {

using namespace std::chrono_literals;

// Where a source's stamps leave its samples' grid by more than this, sound and picture would part
// visibly (lip sync is noticed from about 45 ms on).
constexpr MediaTime kLargestDeviation = 40ms;
// What stays off the grid by more than this part of a frame for so many packets is no jitter: a
// frame was lost, or the clocks drift. A frame more or less then keeps sound and picture together.
constexpr double kLasting = 0.6;
constexpr int kLastingPackets = 12;
// A longer hole is not filled: the packet after it says follows_gap.
constexpr MediaTime kLongestFill = 1s;

class BitWriter {
 public:
  void put(unsigned value, int bits) {
    for (int i = bits - 1; i >= 0; --i) {
      if (used_ % 8 == 0) bytes_.push_back(0);
      if ((value >> i) & 1u)
        bytes_.back() = static_cast<std::uint8_t>(bytes_.back() | (0x80u >> (used_ % 8)));
      ++used_;
    }
  }
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
  int used_ = 0;
};

// individual_channel_stream() without any spectrum: max_sfb is 0, so no section, scale factor or
// coefficient follows.
void put_empty_channel_stream(BitWriter& bits) {
  bits.put(0, 8);  // global_gain
  bits.put(0, 1);  // ics_reserved_bit
  bits.put(0, 2);  // window_sequence: ONLY_LONG_SEQUENCE
  bits.put(0, 1);  // window_shape
  bits.put(0, 6);  // max_sfb
  bits.put(0, 1);  // predictor_data_present
  bits.put(0, 3);  // pulse, TNS and gain control data: none
}

// ISO/IEC 14496-3 4.4.2.1.
Bytes silent_aac_frame(int channels) {
  BitWriter bits;
  bits.put(channels == 1 ? 0 : 1, 3);  // ID_SCE or ID_CPE
  bits.put(0, 4);                      // element_instance_tag
  if (channels == 2) bits.put(0, 1);   // common_window
  for (int channel = 0; channel < channels; ++channel) put_empty_channel_stream(bits);
  bits.put(7, 3);  // ID_END
  return Bytes::copy_of(bits.bytes());
}

// RFC 6716 3.1, 4.3: 20 ms of CELT over the full band whose silence flag is set.
Bytes silent_opus_frame(int channels) {
  constexpr int kStereo = 4;
  const int contents = 31 << 3 | (channels == 2 ? kStereo : 0);
  return Bytes::copy_of(std::vector<std::uint8_t>{static_cast<std::uint8_t>(contents), 0xFF, 0xFE});
}

}  // namespace

Bytes silent_frame(const TrackInfo& track) {
  const int channels = track.audio.channels;
  if (channels < 1 || channels > 2) return {};
  return track.codec == Codec::kOpus ? silent_opus_frame(channels) : silent_aac_frame(channels);
}

AudioClock::AudioClock(const TrackInfo& track)
    : rate_{track.audio.sample_rate, track.audio.samples_per_frame},
      silence_(silent_frame(track)) {}

void AudioClock::place(EncodedPacket packet, std::vector<EncodedPacket>& placed) {
  if (!grid_) grid_ = FrameGrid(packet.pts, rate_);
  const MediaTime deviation = packet.pts - grid_->time_of(next_slot_);
  const bool has_parted = has_lasted(deviation);
  if (deviation < -kLargestDeviation || (has_parted && deviation < MediaTime())) {
    ++dropped_frames_;
    return;
  }
  if (deviation > kLargestDeviation || has_parted) {
    const std::int64_t missing = grid_->nearest_slot(packet.pts) - next_slot_;
    if (deviation > kLongestFill || silence_.empty()) {
      packet.follows_gap = true;
      next_slot_ += missing;
    }
    for (const std::int64_t end = grid_->nearest_slot(packet.pts); next_slot_ < end; ++next_slot_) {
      EncodedPacket silent = packet;
      silent.payload = silence_;
      silent.pts = silent.dts = grid_->time_of(next_slot_);
      silent.duration = grid_->time_of(next_slot_ + 1) - silent.dts;
      placed.push_back(std::move(silent));
      ++filled_frames_;
    }
  }
  packet.pts = packet.dts = grid_->time_of(next_slot_);
  packet.duration = grid_->time_of(++next_slot_) - packet.dts;
  packet.is_key_frame = true;
  placed.push_back(std::move(packet));
}

/// Whether this packet is the last of a row that lies off the grid to one side.
bool AudioClock::has_lasted(MediaTime deviation) {
  const auto limit = std::chrono::duration_cast<MediaTime>(grid_->slot_duration() * kLasting);
  const int side = deviation > limit ? 1 : deviation < -limit ? -1 : 0;
  if (side == 0 || (off_grid_ != 0 && (off_grid_ > 0) != (side > 0))) off_grid_ = 0;
  off_grid_ += side;
  if (std::abs(off_grid_) < kLastingPackets) return false;
  off_grid_ = 0;
  return true;
}

void AudioClock::pad(MediaTime end, const std::shared_ptr<const TrackInfo>& track,
                     std::vector<EncodedPacket>& placed) {
  if (!grid_ || silence_.empty()) return;
  for (const std::int64_t last = grid_->nearest_slot(end); next_slot_ < last; ++next_slot_) {
    EncodedPacket silent;
    silent.track = track;
    silent.payload = silence_;
    silent.pts = silent.dts = grid_->time_of(next_slot_);
    silent.duration = grid_->time_of(next_slot_ + 1) - silent.dts;
    silent.is_key_frame = true;
    placed.push_back(std::move(silent));
    ++filled_frames_;
  }
}

}  // namespace millrace::ingest
