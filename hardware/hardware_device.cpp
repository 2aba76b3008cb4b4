#include "hardware/hardware_device.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "base/check.h"
#include "transcode/fake_device.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/hwcontext.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

namespace millrace::hardware {
namespace {

using transcode::Device;
using transcode::DeviceScaler;
using transcode::FramePointer;
using transcode::Profile;

// What of a decoder's pictures may be on their way to the scaler, and what of a scaler's in the
// queue in front of an encoder and in the encoder itself.
constexpr int kDecodedAtOnce = 4;
constexpr int kScaledAtOnce = 16;
// Key frames are asked for one by one; neither encoder knows "never".
constexpr int kLongGop = 1 << 15;

/// What differs between the makes.
struct Kind {
  std::string_view prefix;
  AVHWDeviceType type;
  AVPixelFormat format;
  const char* scaler;
  const char* scaler_options;  ///< Besides width and height.
  const char* h264_encoder;
  const char* hevc_encoder;
};

constexpr Kind kKinds[] = {
    // A picture that was passed through would hold one of the decoder's few.
    {"cuda:", AV_HWDEVICE_TYPE_CUDA, AV_PIX_FMT_CUDA, "scale_cuda", "format=nv12:passthrough=0",
     "h264_nvenc", "hevc_nvenc"},
    {"vaapi:", AV_HWDEVICE_TYPE_VAAPI, AV_PIX_FMT_VAAPI, "scale_vaapi", "format=nv12", "h264_vaapi",
     "hevc_vaapi"},
};

struct FreeBuffer {
  void operator()(AVBufferRef* buffer) const { av_buffer_unref(&buffer); }
};
struct FreeGraph {
  void operator()(AVFilterGraph* graph) const { avfilter_graph_free(&graph); }
};

std::string text_of(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof(text));
  return text;
}

Error failed(std::string_view what, int error) {
  return Error{ErrorCode::kSystem, fmt::format("{}: {}", what, text_of(error))};
}

/// The device's where the decoder offers it, else one in memory.
AVPixelFormat choose_format(AVCodecContext* context, const AVPixelFormat* offered) {
  const auto* const kind = static_cast<const Kind*>(context->opaque);
  for (const auto* format = offered; *format != AV_PIX_FMT_NONE; ++format)
    if (*format == kind->format) return *format;
  for (const auto* format = offered; *format != AV_PIX_FMT_NONE; ++format)
    if ((av_pix_fmt_desc_get(*format)->flags & AV_PIX_FMT_FLAG_HWACCEL) == 0) return *format;
  return AV_PIX_FMT_NONE;
}

class HardwareScaler final : public DeviceScaler {
 public:
  HardwareScaler(const Kind& kind, int width, int height)
      : kind_(kind), width_(width), height_(height) {}

  Result<FramePointer> scale(const AVFrame& picture) override {
    // The decoder's frames change with its source.
    if (!graph_ || picture.hw_frames_ctx->data != frames_->data) RETURN_IF_ERROR(build(picture));
    if (const int error = av_buffersrc_write_frame(source_, &picture); error < 0)
      return failed(kind_.scaler, error);
    FramePointer scaled(av_frame_alloc());
    CHECK(scaled != nullptr);
    if (const int error = av_buffersink_get_frame(sink_, scaled.get()); error < 0)
      return failed(kind_.scaler, error);
    return scaled;
  }

 private:
  Status build(const AVFrame& picture) {
    graph_.reset(avfilter_graph_alloc());
    frames_.reset(av_buffer_ref(picture.hw_frames_ctx));
    CHECK(graph_ && frames_);
    source_ = avfilter_graph_alloc_filter(graph_.get(), avfilter_get_by_name("buffer"), "in");
    const std::unique_ptr<AVBufferSrcParameters, void (*)(void*)> parameters(
        av_buffersrc_parameters_alloc(), av_free);
    CHECK(source_ && parameters);
    parameters->format = picture.format;
    parameters->width = picture.width;
    parameters->height = picture.height;
    parameters->time_base = {1, 1'000'000'000};
    parameters->hw_frames_ctx = frames_.get();
    int error = av_buffersrc_parameters_set(source_, parameters.get());
    if (error >= 0) error = avfilter_init_str(source_, nullptr);
    const AVFilter* const filter = avfilter_get_by_name(kind_.scaler);
    if (filter == nullptr)
      return Error{ErrorCode::kUnsupported, fmt::format("libavfilter has no {}", kind_.scaler)};
    AVFilterContext* scaler = avfilter_graph_alloc_filter(graph_.get(), filter, "scale");
    CHECK(scaler != nullptr);
    scaler->extra_hw_frames = kScaledAtOnce;
    const auto options = fmt::format("w={}:h={}:{}", width_, height_, kind_.scaler_options);
    if (error >= 0) error = avfilter_init_str(scaler, options.c_str());
    if (error >= 0)
      error = avfilter_graph_create_filter(&sink_, avfilter_get_by_name("buffersink"), "out",
                                           nullptr, nullptr, graph_.get());
    if (error >= 0) error = avfilter_link(source_, 0, scaler, 0);
    if (error >= 0) error = avfilter_link(scaler, 0, sink_, 0);
    if (error >= 0) error = avfilter_graph_config(graph_.get(), nullptr);
    if (error >= 0) return ok();
    graph_.reset();
    return failed(kind_.scaler, error);
  }

  const Kind& kind_;
  const int width_, height_;
  std::unique_ptr<AVFilterGraph, FreeGraph> graph_;
  std::unique_ptr<AVBufferRef, FreeBuffer> frames_;  ///< What the graph was built for.
  AVFilterContext* source_ = nullptr;
  AVFilterContext* sink_ = nullptr;
};

class HardwareDevice final : public Device {
 public:
  HardwareDevice(const Kind& kind, AVBufferRef* context) : kind_(kind), context_(context) {}

  Status prepare_decoder(AVCodecContext& decoder) override {
    decoder.hw_device_ctx = av_buffer_ref(context_.get());
    CHECK(decoder.hw_device_ctx != nullptr);
    decoder.opaque = const_cast<Kind*>(&kind_);
    decoder.get_format = choose_format;
    decoder.extra_hw_frames = kDecodedAtOnce;
    return ok();
  }
  bool holds(const AVFrame& picture) const override { return picture.format == kind_.format; }
  std::unique_ptr<DeviceScaler> create_scaler(int width, int height) override {
    return std::make_unique<HardwareScaler>(kind_, width, height);
  }
  Result<FramePointer> download(const AVFrame& picture) override {
    FramePointer copy(av_frame_alloc());
    CHECK(copy != nullptr);
    if (const int error = av_hwframe_transfer_data(copy.get(), &picture, 0); error < 0)
      return failed("a copy from the device", error);
    av_frame_copy_props(copy.get(), &picture);
    return copy;
  }

  const char* encoder_name(Codec codec) const override {
    return codec == Codec::kH264   ? kind_.h264_encoder
           : codec == Codec::kHevc ? kind_.hevc_encoder
                                   : nullptr;
  }
  Status prepare_encoder(AVCodecContext& encoder, Profile profile, const AVFrame& like) override {
    encoder.pix_fmt = kind_.format;
    encoder.hw_frames_ctx = av_buffer_ref(like.hw_frames_ctx);
    CHECK(encoder.hw_frames_ctx != nullptr);
    encoder.gop_size = kLongGop;
    encoder.max_b_frames = 0;
    encoder.profile =
        encoder.codec_id == AV_CODEC_ID_HEVC ? FF_PROFILE_HEVC_MAIN : FF_PROFILE_H264_HIGH;
    return kind_.type == AV_HWDEVICE_TYPE_CUDA ? set_nvenc(encoder, profile) : set_vaapi(encoder);
  }

 private:
  static Status set(AVCodecContext& encoder, const char* name, const char* value) {
    if (av_opt_set(encoder.priv_data, name, value, 0) >= 0) return ok();
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{} does not know {}={}", encoder.codec->name, name, value)};
  }
  static Status set_nvenc(AVCodecContext& encoder, Profile profile) {
    const char* const preset = profile == Profile::kRealtime   ? "p2"
                               : profile == Profile::kBalanced ? "p4"
                                                               : "p6";
    for (const auto& [name, value] : {std::pair{"preset", preset},
                                      {"tune", "ull"},
                                      {"rc", "vbr"},
                                      {"zerolatency", "1"},
                                      {"delay", "0"},
                                      {"rc-lookahead", "0"},
                                      {"no-scenecut", "1"},
                                      {"forced-idr", "1"}})
      RETURN_IF_ERROR(set(encoder, name, value));
    return ok();
  }
  static Status set_vaapi(AVCodecContext& encoder) {
    RETURN_IF_ERROR(set(encoder, "rc_mode", "VBR"));
    return set(encoder, "async_depth", "1");  // More would hold pictures back.
  }

  const Kind& kind_;
  const std::unique_ptr<AVBufferRef, FreeBuffer> context_;
};

}  // namespace

std::vector<std::string> devices() {
  constexpr int kMostCards = 16, kFirstRenderNode = 128;
  std::vector<std::string> names;
  for (int i = 0; i < kMostCards; ++i)
    if (std::filesystem::exists(fmt::format("/dev/nvidia{}", i)))
      names.push_back(fmt::format("cuda:{}", i));
  for (int i = kFirstRenderNode; i < kFirstRenderNode + kMostCards; ++i)
    if (const auto node = fmt::format("/dev/dri/renderD{}", i); std::filesystem::exists(node))
      names.push_back("vaapi:" + node);
  for (auto& fake : transcode::fake_devices()) names.push_back(std::move(fake));
  return names;
}

Result<std::unique_ptr<Device>> open_device(std::string_view name) {
  for (const Kind& kind : kKinds) {
    if (!name.starts_with(kind.prefix)) continue;
    AVBufferRef* context = nullptr;
    const std::string which(name.substr(kind.prefix.size()));
    if (const int error = av_hwdevice_ctx_create(&context, kind.type, which.c_str(), nullptr, 0);
        error < 0)
      return failed(fmt::format("{} does not open", name), error);
    return std::unique_ptr<Device>(std::make_unique<HardwareDevice>(kind, context));
  }
  return transcode::open_fake_device(name);
}

}  // namespace millrace::hardware
