#pragma once
// Audio frames that begin with a sync word and a header that says how long they are. One thread.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "ingest/ts/audio_frames.h"

namespace millrace::ingest {

class FramedAudio : public AudioFrames {
 public:
  Status push(std::span<const std::uint8_t> bytes, const Take& take) final;

 protected:
  struct Header {
    std::size_t stripped = 0;  ///< What is not handed on of it.
    std::size_t frame = 0;     ///< Of all of it.
  };

  explicit FramedAudio(std::size_t header_bytes) : header_bytes_(header_bytes) {}

  /// Of at least two bytes.
  virtual bool has_sync(std::span<const std::uint8_t> bytes) const = 0;
  /// Of at least as many bytes as a header has; false: there is none.
  virtual bool read_header(std::span<const std::uint8_t> bytes, Header& header) const = 0;
  /// The track that the header of a whole frame tells, the same pointer while it does; null where
  /// the frame cannot be used.
  virtual std::shared_ptr<const TrackInfo> track_of(std::span<const std::uint8_t> frame) = 0;

 private:
  const std::size_t header_bytes_;
  bool is_lost_ = false;
};

}  // namespace millrace::ingest
