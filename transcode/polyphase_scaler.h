#pragma once
// Scales 8-bit planes by a separable polyphase bicubic filter, vertical pass first: a fraction of
// the cost of swscale's bicubic at the same quality. AVX2 where the processor has it, bit-identical
// to the scalar code.
//
// A scaler's scratch rows are its own: one thread at a time.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::transcode {

/// Where samples of a plane lie along one axis.
enum class SampleSiting {
  kCentre,   ///< Luma, and chroma between its luma samples.
  kCoSited,  ///< Chroma at the place of every second luma sample (4:2:0 of MPEG-2 on,
             ///< horizontally).
};

/// The filter of one axis: for each output sample, where its taps begin in the input and their
/// weights, in bytes: samples and weights are multiplied by pairs (PMADDUBSW), tap i with tap
/// i + pairs(), so that no pair has both of the large ones and its sum stays in 16 bits.
struct AxisFilter {
  AxisFilter(int input_size, int output_size, SampleSiting siting);

  int pairs() const { return (taps + 1) / 2; }

  int taps = 0;                      ///< The same for every output sample.
  int weight_bits = 0;               ///< Of fraction: 7, or 6 where a weight is too large for it.
  std::vector<int> first;            ///< [output]; first + taps never passes the input.
  std::vector<std::int8_t> weights;  ///< [output * taps]; each output's sum is 1 << weight_bits.
};

class PolyphaseScaler {
 public:
  enum class Code { kBestOfMachine, kScalar };

  /// Sizes in samples, positive.
  PolyphaseScaler(int input_width, int input_height, int output_width, int output_height,
                  SampleSiting horizontal_siting, Code code = Code::kBestOfMachine);

  /// Strides in bytes. The planes do not overlap.
  void scale(const std::uint8_t* input, std::ptrdiff_t input_stride, std::uint8_t* output,
             std::ptrdiff_t output_stride);

 private:
  /// For a group of outputs and a pair of taps: how the samples are shuffled out of a window of the
  /// row, which begins at the pair's first tap of the group's first output; and their weights.
  struct PairStep {
    std::uint8_t shuffle[16];
    std::int8_t weights[16];
  };

  void plan_groups(int outputs);
  void scale_row(const std::uint8_t* input, std::ptrdiff_t stride, int row, std::uint8_t* middle);

  int input_width_;
  int output_width_;
  int output_height_;
  bool use_avx2_;
  AxisFilter vertical_;
  AxisFilter horizontal_;
  int group_ = 0;  ///< Outputs that one window serves: 8, 4, or 0 where the scalar code does them.
  std::vector<PairStep> steps_;  ///< [group * pairs]
  std::vector<const std::uint8_t*> rows_;
  std::vector<std::uint8_t> middle_;  ///< Two rows between the passes.
};

}  // namespace millrace::transcode
