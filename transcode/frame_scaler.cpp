#include "transcode/frame_scaler.h"

#include <algorithm>

extern "C" {
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include "base/check.h"
#include "transcode/hdr.h"
#include "transcode/tone_mapper.h"

namespace millrace::transcode {
namespace {

bool is_planar_420(int format) {
  return format == AV_PIX_FMT_YUV420P || format == AV_PIX_FMT_YUVJ420P;
}

// swscale's tables of weights know these; others are taken for BT.709.
int sws_matrix(AVColorSpace space) {
  switch (space) {
    case AVCOL_SPC_FCC:
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
    case AVCOL_SPC_SMPTE240M:
    case AVCOL_SPC_BT2020_NCL:
      return static_cast<int>(space);
    default:
      return SWS_CS_ITU709;
  }
}

}  // namespace

void FrameScaler::Free::operator()(SwsContext* context) const {
  sws_freeContext(context);
}

FrameScaler::FrameScaler(int width, int height, AVPixelFormat format)
    : width_(width), height_(height), format_(format) {}

FrameScaler::~FrameScaler() = default;

FramePointer FrameScaler::scale(const AVFrame& input) {
  const bool is_8_bit_420 = format_ == AV_PIX_FMT_YUV420P && is_planar_420(input.format);
  if (input.width == width_ && input.height == height_ &&
      (is_8_bit_420 || input.format == format_)) {
    FramePointer same(av_frame_clone(&input));
    CHECK(same != nullptr);
    return same;
  }
  prepare(input);
  FramePointer output = pool_.take(format_, input, width_, height_);
  if (output->colorspace == AVCOL_SPC_RGB) output->colorspace = AVCOL_SPC_BT709;
  if (converter_) {
    if (sws_scale(converter_.get(), input.data, input.linesize, 0, input.height, output->data,
                  output->linesize) != height_)
      return nullptr;
  } else if (luma_) {
    scale_planes(input, *output);
  } else {
    return nullptr;
  }
  return output;
}

void FrameScaler::prepare(const AVFrame& input) {
  if (input.width == input_width_ && input.height == input_height_ &&
      input.format == input_format_ && input.chroma_location == input_siting_)
    return;
  input_width_ = input.width;
  input_height_ = input.height;
  input_format_ = input.format;
  input_siting_ = input.chroma_location;
  converter_.reset();
  luma_.reset();
  chroma_.reset();
  if (format_ == AV_PIX_FMT_YUV420P && is_planar_420(input.format)) {
    // ISO/IEC 14496-10 E.2.1: chroma_sample_loc_type 0, to the left, is what unspecified means.
    const auto siting =
        input.chroma_location == AVCHROMA_LOC_CENTER || input.chroma_location == AVCHROMA_LOC_TOP
            ? SampleSiting::kCentre
            : SampleSiting::kCoSited;
    luma_ = std::make_unique<PolyphaseScaler>(input.width, input.height, width_, height_,
                                              SampleSiting::kCentre);
    chroma_ = std::make_unique<PolyphaseScaler>((input.width + 1) / 2, (input.height + 1) / 2,
                                                width_ / 2, height_ / 2, siting);
    return;
  }
  converter_.reset(sws_getContext(input.width, input.height,
                                  static_cast<AVPixelFormat>(input.format), width_, height_,
                                  format_, SWS_BICUBIC, nullptr, nullptr, nullptr));
  if (!converter_) return;
  const int* const weights = sws_getCoefficients(sws_matrix(input.colorspace));
  const int is_full_range = input.color_range == AVCOL_RANGE_JPEG ? 1 : 0;
  sws_setColorspaceDetails(converter_.get(), weights, is_full_range, weights, is_full_range, 0,
                           1 << 16, 1 << 16);
}

void FrameScaler::scale_planes(const AVFrame& input, AVFrame& output) {
  luma_->scale(input.data[0], input.linesize[0], output.data[0], output.linesize[0]);
  for (int plane = 1; plane < 3; ++plane)
    chroma_->scale(input.data[plane], input.linesize[plane], output.data[plane],
                   output.linesize[plane]);
}

FrameCascade::FrameCascade(const std::vector<Rung>& rungs, Device* device) : device_(device) {
  for (const auto& rung : rungs) {
    Step step{.rung = rung,
              .scaler = std::make_unique<FrameScaler>(rung.width, rung.height),
              .deep_scaler = nullptr,
              .on_device = device ? device->create_scaler(rung.width, rung.height) : nullptr,
              .has_encoder = device && device->encoder_name(rung.codec) != nullptr};
    if (rung.hdr == HdrMode::kKeep)
      step.deep_scaler =
          std::make_unique<FrameScaler>(rung.width, rung.height, AV_PIX_FMT_YUV420P10);
    else if (!tone_mapper_)
      tone_mapper_ = std::make_unique<ToneMapper>(rung.width, rung.height);
    steps_.push_back(std::move(step));
  }
}
FrameCascade::~FrameCascade() = default;

Result<std::vector<FramePointer>> FrameCascade::scale(const AVFrame& source,
                                                      const std::vector<bool>& wanted,
                                                      const Colour& colour) {
  if (device_ != nullptr && device_->holds(source)) return scale_on_device(source, wanted);
  std::vector<FramePointer> pictures(steps_.size());
  for (const bool is_kept : {true, false}) {
    // A smaller rung comes from a larger one, wanted or not.
    std::vector<std::size_t> rungs, needed;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      if (keeps_hdr(steps_[i].rung, colour) != is_kept) continue;
      rungs.push_back(i);
      if (wanted[i]) needed = rungs;
    }
    const AVFrame* input = &source;
    for (const std::size_t i : needed) {
      const bool is_mapped = i == rungs.front() && !is_kept && is_hdr(colour);
      const Step& step = steps_[i];
      pictures[i] = is_mapped ? tone_mapper_->map(*input, colour)
                              : (is_kept ? step.deep_scaler : step.scaler)->scale(*input);
      input = pictures[i].get();
      if (!input) break;
    }
  }
  return pictures;
}

/// No source of high dynamic range, which are the CPU's.
Result<std::vector<FramePointer>> FrameCascade::scale_on_device(const AVFrame& source,
                                                                const std::vector<bool>& wanted) {
  const auto last = std::find(wanted.rbegin(), wanted.rend(), true);
  const auto needed = static_cast<std::size_t>(wanted.rend() - last);
  std::vector<FramePointer> pictures(steps_.size());
  std::vector<FramePointer> held(needed);
  const AVFrame* input = &source;
  for (std::size_t i = 0; i < needed; ++i) {
    ASSIGN_OR_RETURN(held[i], steps_[i].on_device->scale(*input));
    input = held[i].get();
    if (steps_[i].has_encoder || !wanted[i]) continue;
    // The encoders of the CPU take one format.
    ASSIGN_OR_RETURN(const FramePointer copy, device_->download(*input));
    pictures[i] = steps_[i].scaler->scale(*copy);
  }
  for (std::size_t i = 0; i < needed; ++i)
    if (steps_[i].has_encoder) pictures[i] = std::move(held[i]);
  return pictures;
}

}  // namespace millrace::transcode
