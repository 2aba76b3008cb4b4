#pragma once
// Frames of sound in the ways in which a transport stream carries them. Input from outside:
// bounded, never trusted. One thread.
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
  /// A frame: of AAC raw, of the others with its header. `starts_here`: it began in the PES packet
  /// that is being pushed, not in the one before.
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
  std::shared_ptr<const TrackInfo> track_of_aac(std::span<const std::uint8_t> configuration);
  /// The same pointer while the track is the same.
  std::shared_ptr<const TrackInfo> keep(TrackInfo track);

  std::vector<std::uint8_t> kept_;  ///< The beginning of a frame.
  std::uint64_t dropped_ = 0;

 private:
  std::shared_ptr<const TrackInfo> track_;
};

/// ADTS (ISO/IEC 13818-7 6.2, stream type 0x0F), one raw data block a frame.
std::unique_ptr<AudioFrames> create_adts_frames();
/// LATM in LOAS (ISO/IEC 14496-3 1.7, stream type 0x11): one program, one layer.
std::unique_ptr<AudioFrames> create_latm_frames();
/// MPEG audio of layer II or III, stream types 0x03 and 0x04.
std::unique_ptr<AudioFrames> create_mpeg_audio_frames();
/// AC-3, stream type 0x81 or by its descriptors.
std::unique_ptr<AudioFrames> create_ac3_frames();
/// Opus, by its descriptors, which say how many channels there are.
std::unique_ptr<AudioFrames> create_opus_frames(int channels);

}  // namespace millrace::ingest
