#include "transcode/picture_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>
}

namespace millrace::transcode {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{32} * 1024 * 1024;

struct FreeContext {
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
};
struct FreePacket {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};

Error failed(ErrorCode code, const std::string& path, std::string_view what) {
  return Error{code, fmt::format("slate {}: {}", path, what)};
}

Result<Bytes> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return failed(ErrorCode::kSystem, path, "cannot be read");
  const auto size = static_cast<std::size_t>(std::max<std::streamoff>(0, file.tellg()));
  if (size > kMaxFileBytes) return failed(ErrorCode::kLimitExceeded, path, "is larger than 32 MiB");
  MutableBytes bytes(size);
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
    return failed(ErrorCode::kSystem, path, "cannot be read");
  return Bytes(std::move(bytes));
}

/// By the file's first bytes: ISO/IEC 15948 5.2, ISO/IEC 10918-1 B.1.1.3.
AVCodecID codec_of(const Bytes& file) {
  if (file.text().starts_with("\x89PNG")) return AV_CODEC_ID_PNG;
  if (file.text().starts_with("\xff\xd8")) return AV_CODEC_ID_MJPEG;
  return AV_CODEC_ID_NONE;
}

FramePointer decode(const Bytes& file) {
  const AVCodec* const codec = avcodec_find_decoder(codec_of(file));
  if (codec == nullptr) return nullptr;
  const std::unique_ptr<AVCodecContext, FreeContext> context(avcodec_alloc_context3(codec));
  const std::unique_ptr<AVPacket, FreePacket> packet(av_packet_alloc());
  FramePointer picture(av_frame_alloc());
  CHECK(context && packet && picture);
  context->thread_count = 1;
  packet->data =
      const_cast<std::uint8_t*>(file.data());  // Its padding is there; it is not written.
  packet->size = static_cast<int>(file.size());
  if (avcodec_open2(context.get(), codec, nullptr) < 0 ||
      avcodec_send_packet(context.get(), packet.get()) < 0)
    return nullptr;
  avcodec_send_packet(context.get(), nullptr);
  if (avcodec_receive_frame(context.get(), picture.get()) < 0) return nullptr;
  return picture;
}

struct FreeScaler {
  void operator()(SwsContext* context) const { sws_freeContext(context); }
};

// swscale's tables of weights know these; others are taken for BT.709.
int weights_of(int matrix) {
  return matrix == AVCOL_SPC_SMPTE170M || matrix == AVCOL_SPC_BT470BG ? SWS_CS_ITU601
         : matrix == AVCOL_SPC_BT2020_NCL                             ? SWS_CS_BT2020
                                                                      : SWS_CS_ITU709;
}

FramePointer allocate(int width, int height) {
  FramePointer picture(av_frame_alloc());
  CHECK(picture != nullptr);
  picture->format = AV_PIX_FMT_YUV420P;
  picture->width = width;
  picture->height = height;
  CHECK(av_frame_get_buffer(picture.get(), 0) == 0);
  return picture;
}

/// Null where swscale knows no way.
FramePointer convert(const AVFrame& picture, int width, int height, const Colour& colour) {
  const std::unique_ptr<SwsContext, FreeScaler> scaler(
      sws_getContext(picture.width, picture.height, static_cast<AVPixelFormat>(picture.format),
                     width, height, AV_PIX_FMT_YUV420P, SWS_BICUBIC, nullptr, nullptr, nullptr));
  if (!scaler) return nullptr;
  // A JPEG's samples are full range BT.601 (ISO/IEC 10918-5); RGB has no such question.
  sws_setColorspaceDetails(scaler.get(), sws_getCoefficients(SWS_CS_ITU601), 1,
                           sws_getCoefficients(weights_of(colour.matrix)),
                           colour.is_full_range ? 1 : 0, 0, 1 << 16, 1 << 16);
  FramePointer converted = allocate(width, height);
  const int rows = sws_scale(scaler.get(), picture.data, picture.linesize, 0, picture.height,
                             converted->data, converted->linesize);
  return rows == height ? std::move(converted) : nullptr;
}

FramePointer black(int width, int height, const Colour& colour) {
  FramePointer picture = allocate(width, height);
  std::ptrdiff_t strides[4]{};
  for (int i = 0; i < 4; ++i) strides[i] = picture->linesize[i];
  av_image_fill_black(picture->data, strides, AV_PIX_FMT_YUV420P,
                      colour.is_full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG, width, height);
  return picture;
}

int even_at_most(double size, int most) {
  return std::clamp(static_cast<int>(std::lround(size / 2)) * 2, 2, most);
}

void paste(const AVFrame& picture, AVFrame& onto) {
  // Even offsets: chroma has half of them.
  const int left = (onto.width - picture.width) / 4 * 2,
            top = (onto.height - picture.height) / 4 * 2;
  for (int plane = 0; plane < 3; ++plane) {
    const int shift = plane == 0 ? 0 : 1;
    std::uint8_t* const target =
        onto.data[plane] + (top >> shift) * onto.linesize[plane] + (left >> shift);
    av_image_copy_plane(target, onto.linesize[plane], picture.data[plane], picture.linesize[plane],
                        picture.width >> shift, picture.height >> shift);
  }
}

}  // namespace

Result<FramePointer> load_picture(const std::string& path, int width, int height,
                                  const Colour& colour) {
  ASSIGN_OR_RETURN(const Bytes file, read_file(path));
  const FramePointer picture = decode(file);
  if (!picture || picture->width <= 0 || picture->height <= 0)
    return failed(ErrorCode::kUnsupported, path, "is not a PNG or JPEG picture");
  const double scale = std::min(static_cast<double>(width) / picture->width,
                                static_cast<double>(height) / picture->height);
  const FramePointer fitted = convert(*picture, even_at_most(picture->width * scale, width),
                                      even_at_most(picture->height * scale, height), colour);
  if (!fitted)
    return failed(ErrorCode::kUnsupported, path, "has a format that cannot be converted");
  FramePointer whole = black(width, height, colour);
  paste(*fitted, *whole);
  return whole;
}

}  // namespace millrace::transcode
