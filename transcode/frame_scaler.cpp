#include "transcode/frame_scaler.h"

#include <algorithm>

extern "C" {
#include <libavutil/buffer.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include "base/check.h"

namespace millrace::transcode {
namespace {

// Rows begin where the widest vectors want them.
constexpr int kAlignment = 64;

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

void FrameScaler::Free::operator()(AVBufferPool* pool) const {
  av_buffer_pool_uninit(&pool);  // Frees when the last frame has come back.
}
void FrameScaler::Free::operator()(SwsContext* context) const {
  sws_freeContext(context);
}

FrameScaler::FrameScaler(int width, int height) : width_(width), height_(height) {
  const int size =
      av_image_get_buffer_size(AV_PIX_FMT_YUV420P, width_, height_, kAlignment) + kAlignment;
  pool_.reset(av_buffer_pool_init(static_cast<std::size_t>(size), nullptr));
  CHECK(pool_ != nullptr);
}

FrameScaler::~FrameScaler() = default;

FramePointer FrameScaler::scale(const AVFrame& input) {
  if (input.width == width_ && input.height == height_ && is_planar_420(input.format)) {
    FramePointer same(av_frame_clone(&input));
    CHECK(same != nullptr);
    return same;
  }
  prepare(input);
  FramePointer output = allocate(input);
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
  if (is_planar_420(input.format)) {
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
                                  AV_PIX_FMT_YUV420P, SWS_BICUBIC, nullptr, nullptr, nullptr));
  if (!converter_) return;
  const int* const weights = sws_getCoefficients(sws_matrix(input.colorspace));
  const int is_full_range = input.color_range == AVCOL_RANGE_JPEG ? 1 : 0;
  sws_setColorspaceDetails(converter_.get(), weights, is_full_range, weights, is_full_range, 0,
                           1 << 16, 1 << 16);
}

FramePointer FrameScaler::allocate(const AVFrame& input) {
  FramePointer output(av_frame_alloc());
  CHECK(output != nullptr);
  av_frame_copy_props(output.get(), &input);
  if (output->colorspace == AVCOL_SPC_RGB) output->colorspace = AVCOL_SPC_BT709;
  output->format = AV_PIX_FMT_YUV420P;
  output->width = width_;
  output->height = height_;
  output->buf[0] = av_buffer_pool_get(pool_.get());
  CHECK(output->buf[0] != nullptr);
  av_image_fill_arrays(output->data, output->linesize, output->buf[0]->data, AV_PIX_FMT_YUV420P,
                       width_, height_, kAlignment);
  return output;
}

void FrameScaler::scale_planes(const AVFrame& input, AVFrame& output) {
  luma_->scale(input.data[0], input.linesize[0], output.data[0], output.linesize[0]);
  for (int plane = 1; plane < 3; ++plane)
    chroma_->scale(input.data[plane], input.linesize[plane], output.data[plane],
                   output.linesize[plane]);
}

FrameCascade::FrameCascade(const std::vector<Rung>& rungs) {
  for (const auto& rung : rungs)
    steps_.push_back(std::make_unique<FrameScaler>(rung.width, rung.height));
}

std::vector<FramePointer> FrameCascade::scale(const AVFrame& source,
                                              const std::vector<bool>& wanted) {
  std::vector<FramePointer> pictures(steps_.size());
  // A smaller rung comes from a larger one, wanted or not.
  const auto last = std::find(wanted.rbegin(), wanted.rend(), true);
  const auto needed = static_cast<std::size_t>(wanted.rend() - last);
  const AVFrame* input = &source;
  for (std::size_t i = 0; i < needed && input; ++i) {
    pictures[i] = steps_[i]->scale(*input);
    input = pictures[i].get();
  }
  return pictures;
}

}  // namespace millrace::transcode
