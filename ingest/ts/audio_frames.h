#pragma once
// AAC frames of the two ways in which a transport stream carries them. Input from outside: bounded,
// never trusted. One thread.
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "media/track_info.h"

namespace millrace::ingest {

class AudioFrames {
 public:
  /// A raw AAC frame. `starts_here`: it began in the PES packet that is being pushed, not in the
  /// one before.
  using Take = std::function<Status(const std::shared_ptr<const TrackInfo>& track,
                                    std::span<const std::uint8_t> frame, bool starts_here)>;

  virtual ~AudioFrames() = default;
  /// The payload of a PES packet; frames may pass its end. An error is take's.
  virtual Status push(std::span<const std::uint8_t> bytes, const Take& take) = 0;
  /// Bytes are missing: what is kept of a frame is worth nothing.
  void reset() { kept_.clear(); }
  /// Frames (or what should have been) that were dropped.
  std::uint64_t dropped() const { return dropped_; }

 protected:
  /// The same pointer while the configuration is the same; null where it cannot be used.
  std::shared_ptr<const TrackInfo> track_of(std::span<const std::uint8_t> configuration);

  std::vector<std::uint8_t> kept_;  ///< The beginning of a frame.
  std::uint64_t dropped_ = 0;

 private:
  std::shared_ptr<const TrackInfo> track_;
};

/// ADTS (ISO/IEC 13818-7 6.2, stream type 0x0F), one raw data block a frame.
std::unique_ptr<AudioFrames> create_adts_frames();
/// LATM in LOAS (ISO/IEC 14496-3 1.7, stream type 0x11): one program, one layer.
std::unique_ptr<AudioFrames> create_latm_frames();

}  // namespace millrace::ingest
