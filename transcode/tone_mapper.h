#pragma once
// Pictures of standard dynamic range, 8-bit BT.709, of PQ and HLG ones: by a table over 10-bit
// Y'CbCr, interpolated in tetrahedra. AVX2 where the processor has it, bit-identical to the scalar
// code.
//
// Thread: one at a time; the frames it returns may go to any.
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "transcode/frame.h"
#include "transcode/frame_pool.h"
#include "transcode/frame_scaler.h"
#include "transcode/tone_curve.h"

namespace millrace::transcode {

/// What becomes of 10-bit Y'CbCr: points 16 codes apart, each with six bits of fraction. Grey lies
/// on an edge of the cells, where only its neighbours in luma count.
struct ToneTable {
  ToneTable(const ToneCurve& curve, const Colour& colour);

  static constexpr int kCellBits = 4;  ///< Codes of a cell along each axis, as a power of two.
  static constexpr int kPoints = (1024 >> kCellBits) + 1;
  static constexpr int kFractionBits = 6;
  /// From a point to its neighbour; in luma it is 1.
  static constexpr int kCbStep = kPoints, kCrStep = kPoints * kPoints;

  std::vector<std::uint16_t> luma;    ///< One more than points: vectors read in 32 bits.
  std::vector<std::uint32_t> chroma;  ///< Cb in the upper half, Cr in the lower.
};

class ToneMapper {
 public:
  /// Of an even size. With vectors or without, the pictures are the same.
  ToneMapper(int width, int height, bool may_use_vectors = true);

  /// `input` has `colour`, any format and size, and says how bright it is. It is scaled first,
  /// which is cheaper. Empty where swscale knows no way.
  FramePointer map(const AVFrame& input, const Colour& colour);

 private:
  const bool by_avx2_;
  Colour colour_;
  float peak_ = 0;
  std::optional<ToneTable> table_;
  FrameScaler to_10_bit_;
  FramePool pool_;
};

}  // namespace millrace::transcode
