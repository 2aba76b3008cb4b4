#include "tests/transcode/clip.h"

#include <fmt/format.h>

#include "tests/transcode/picture.h"
#include "transcode/encoder_codec.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
}

namespace millrace::test {
namespace {

MediaTime grid(const ClipOptions& options, std::int64_t number) {
  return options.start + MediaTime(scale_rounded(number * options.frame_rate.denominator,
                                                 1'000'000'000, options.frame_rate.numerator));
}

struct Source {
  const ClipOptions& options;
  AVCodecContext* context = nullptr;
  std::shared_ptr<const TrackInfo> track;
  std::vector<EncodedPacket> packets;

  void receive() {
    AVPacket* packet = av_packet_alloc();
    while (avcodec_receive_packet(context, packet) == 0) {
      EncodedPacket made;
      made.track = track;
      made.payload =
          Bytes::copy_of(std::span(packet->data, static_cast<std::size_t>(packet->size)));
      made.pts = grid(options, packet->pts);
      const auto place = static_cast<std::int64_t>(packets.size()) - (options.b_frames ? 2 : 0);
      made.dts = grid(options, place);
      made.duration = grid(options, place + 1) - made.dts;
      made.is_key_frame = (packet->flags & AV_PKT_FLAG_KEY) != 0;
      const bool opens =
          options.open_every ? packet->pts % options.open_every == 0 : made.is_key_frame;
      const int every = options.open_every ? options.open_every : options.gop;
      if (opens)
        made.opens_segment =
            options.first_segment + static_cast<SegmentNumber>(packet->pts / every);
      packets.push_back(std::move(made));
      av_packet_unref(packet);
    }
    av_packet_free(&packet);
  }
};

}  // namespace

std::vector<EncodedPacket> make_clip(const ClipOptions& options) {
  AVCodecContext* context = avcodec_alloc_context3(avcodec_find_encoder_by_name("libx264"));
  context->width = options.width;
  context->height = options.height;
  context->pix_fmt = AV_PIX_FMT_YUV420P;
  context->time_base = {static_cast<int>(options.frame_rate.denominator),
                        static_cast<int>(options.frame_rate.numerator)};
  context->thread_count = 1;
  context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  av_opt_set(context->priv_data, "preset", "ultrafast", 0);
  if (!options.b_frames) av_opt_set(context->priv_data, "tune", "zerolatency", 0);
  av_opt_set(context->priv_data, "x264-params",
             fmt::format("annexb=0:keyint={0}:min-keyint={0}:scenecut=0:bframes={1}:b-adapt=0:"
                         "b-pyramid=none:open-gop=0",
                         options.gop, options.b_frames)
                 .c_str(),
             0);
  REQUIRE(avcodec_open2(context, nullptr, nullptr) == 0);
  TrackInfo track;
  track.video.width = options.width;
  track.video.height = options.height;
  track.video.frame_rate = options.frame_rate;
  track.codec_configuration =
      transcode::configuration_of(
          Codec::kH264, {context->extradata, static_cast<std::size_t>(context->extradata_size)})
          .value();
  Source source{.options = options,
                .context = context,
                .track = std::make_shared<const TrackInfo>(std::move(track)),
                .packets = {}};
  for (int number = 0; number < options.frames; ++number) {
    auto picture = make_picture(options.width, options.height, number);
    picture->pts = number;
    REQUIRE(avcodec_send_frame(context, picture.get()) == 0);
    source.receive();
  }
  avcodec_send_frame(context, nullptr);
  source.receive();
  avcodec_free_context(&context);
  return source.packets;
}

}  // namespace millrace::test
