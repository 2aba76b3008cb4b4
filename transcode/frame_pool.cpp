#include "transcode/frame_pool.h"

#include "base/check.h"

extern "C" {
#include <libavutil/buffer.h>
#include <libavutil/imgutils.h>
}

namespace millrace::transcode {
namespace {

// Rows begin where the widest vectors want them.
constexpr int kAlignment = 64;

}  // namespace

void FramePool::Free::operator()(AVBufferPool* pool) const {
  av_buffer_pool_uninit(&pool);  // Frees when the last frame has come back.
}

FramePointer FramePool::take(AVPixelFormat format, const AVFrame& like, int width, int height) {
  const int size = av_image_get_buffer_size(format, width, height, kAlignment);
  CHECK(size > 0);
  if (!pool_ || size_ != size)
    pool_.reset(av_buffer_pool_init(static_cast<std::size_t>(size) + kAlignment, nullptr));
  CHECK(pool_ != nullptr);
  size_ = size;
  FramePointer picture(av_frame_alloc());
  CHECK(picture != nullptr);
  av_frame_copy_props(picture.get(), &like);
  picture->format = format;
  picture->width = width;
  picture->height = height;
  picture->buf[0] = av_buffer_pool_get(pool_.get());
  CHECK(picture->buf[0] != nullptr);
  av_image_fill_arrays(picture->data, picture->linesize, picture->buf[0]->data, format, width,
                       height, kAlignment);
  return picture;
}

}  // namespace millrace::transcode
