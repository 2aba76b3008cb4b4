#pragma once
// Remembers a rendition's newest segments, by the chunks that are in its window anyway: what a
// still picture is made of when the source goes away, and what a rung that is wanted catches up
// with.
//
// Thread: the channel's loop.
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "media/cmaf_chunk.h"
#include "media/encoded_packet.h"
#include "media/sink.h"

namespace millrace::app {

class LastPictures final : public Sink<CmafChunk> {
 public:
  /// Chunks go on to `next`, which outlives it.
  explicit LastPictures(Sink<CmafChunk>& next) : next_(next) {}

  Status push(CmafChunk chunk) override;
  Status finish() override { return next_.finish(); }

  /// The show is over: its media is not kept for longer than its window.
  void forget();

  /// From the newest key frame on, in decoding order; none where that is longer ago than is kept.
  std::vector<EncodedPacket> packets() const;
  /// From the picture on that opens segment `first`, or the first segment behind it that is kept
  /// and opens with a key frame. Nothing from before a discontinuity.
  std::vector<EncodedPacket> packets_from(SegmentNumber first) const;
  /// The segments from `first` up to `end`, which is not one of them, as far as they are kept.
  std::vector<EncodedPacket> packets_between(SegmentNumber first, SegmentNumber end) const;
  /// Whether what is kept ends with this packet.
  bool ends_with(const EncodedPacket& packet) const;
  /// Whether there was a chunk since this was last asked.
  bool take_news() { return std::exchange(has_news_, false); }

 private:
  // More would outlast the window's own media.
  static constexpr std::size_t kMaxBytes = std::size_t{32} * 1024 * 1024;
  // Three target durations, and what is running.
  static constexpr std::size_t kMaxSegments = 4;

  struct Kept {
    CmafChunk chunk;
    bool opens_segment = false;
  };
  using Chunks = std::deque<Kept>;
  void drop_first();
  /// The segment `first`, or the first one behind it that is kept and opens with a key frame.
  Chunks::const_iterator find(SegmentNumber first) const;
  std::vector<EncodedPacket> packets_in(Chunks::const_iterator first,
                                        const Chunks::const_iterator& end) const;

  Sink<CmafChunk>& next_;
  Chunks chunks_;  ///< The first is independent.
  std::size_t bytes_ = 0;
  bool has_news_ = false;
  std::optional<SegmentNumber> newest_segment_;
};

}  // namespace millrace::app
