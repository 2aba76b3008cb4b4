#include "tests/transcode/sound.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "media/codec_configuration.h"
#include "media/opus.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/channel_layout.h>
#include <libswresample/swresample.h>
}

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

namespace millrace::test {
namespace {

constexpr double kPi = 3.14159265358979;

std::vector<float> pcm_of(const SoundOptions& options) {
  const auto rate = static_cast<double>(options.sample_rate);
  std::vector<float> samples(
      static_cast<std::size_t>(to_ticks(options.length, options.sample_rate)));
  const auto from = static_cast<std::size_t>(to_ticks(options.burst, options.sample_rate));
  const auto count = static_cast<std::size_t>(options.sample_rate / 100);
  for (std::size_t i = 0; i < count && from + i < samples.size(); ++i) {
    const double phase = static_cast<double>(i) / static_cast<double>(count);
    samples[from + i] = static_cast<float>(
        0.8 * std::sin(kPi * phase) * std::sin(2 * kPi * 1000 * static_cast<double>(i) / rate));
  }
  return samples;
}

TrackInfo track_of(const AVCodecContext& encoder) {
  const Bytes extradata =
      Bytes::copy_of({encoder.extradata, static_cast<std::size_t>(encoder.extradata_size)});
  if (encoder.codec_id == AV_CODEC_ID_AAC) return parse_aac_configuration(extradata).value();
  if (encoder.codec_id == AV_CODEC_ID_OPUS) return parse_opus_head(extradata.span()).value();
  TrackInfo track;
  track.kind = MediaKind::kAudio;
  track.codec = encoder.codec_id == AV_CODEC_ID_AC3   ? Codec::kAc3
                : encoder.codec_id == AV_CODEC_ID_MP3 ? Codec::kMp3
                                                      : Codec::kMp2;
  track.audio = {.sample_rate = encoder.sample_rate,
                 .channels = encoder.ch_layout.nb_channels,
                 .samples_per_frame = encoder.frame_size};
  return track;
}

struct Free {
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
  void operator()(SwrContext* context) const { swr_free(&context); }
};

/// The same in all channels, as `encoder` wants it.
std::unique_ptr<AVFrame, Free> frame_of(AVCodecContext& encoder, const float* samples, int count) {
  std::unique_ptr<AVFrame, Free> frame(av_frame_alloc());
  frame->format = encoder.sample_fmt;
  frame->sample_rate = encoder.sample_rate;
  frame->nb_samples = count;
  av_channel_layout_copy(&frame->ch_layout, &encoder.ch_layout);
  REQUIRE(av_frame_get_buffer(frame.get(), 0) == 0);
  SwrContext* made = nullptr;
  REQUIRE(swr_alloc_set_opts2(&made, &encoder.ch_layout, encoder.sample_fmt, encoder.sample_rate,
                              &encoder.ch_layout, AV_SAMPLE_FMT_FLTP, encoder.sample_rate, 0,
                              nullptr) == 0);
  const std::unique_ptr<SwrContext, Free> convert(made);
  REQUIRE(swr_init(made) == 0);
  std::array<const std::uint8_t*, 8> planes{};
  planes.fill(reinterpret_cast<const std::uint8_t*>(samples));
  REQUIRE(swr_convert(made, frame->extended_data, count, planes.data(), count) == count);
  return frame;
}

}  // namespace

std::vector<EncodedPacket> make_sound(const SoundOptions& options) {
  const AVCodec* const codec = avcodec_find_encoder_by_name(options.encoder.c_str());
  REQUIRE(codec != nullptr);
  const std::unique_ptr<AVCodecContext, Free> encoder(avcodec_alloc_context3(codec));
  encoder->sample_rate = options.sample_rate;
  encoder->sample_fmt = codec->sample_fmts[0];
  encoder->time_base = {1, options.sample_rate};
  encoder->bit_rate = options.channels > 2 ? 384'000 : 128'000;
  encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  av_channel_layout_default(&encoder->ch_layout, options.channels);
  REQUIRE(avcodec_open2(encoder.get(), codec, nullptr) == 0);
  const auto track = std::make_shared<const TrackInfo>(track_of(*encoder));

  std::vector<EncodedPacket> packets;
  const std::unique_ptr<AVPacket, Free> packet(av_packet_alloc());
  const auto receive = [&] {
    while (avcodec_receive_packet(encoder.get(), packet.get()) == 0) {
      EncodedPacket made;
      made.track = track;
      made.payload = Bytes::copy_of({packet->data, static_cast<std::size_t>(packet->size)});
      made.pts = made.dts = options.start + from_ticks(packet->pts, options.sample_rate);
      made.is_key_frame = true;
      packets.push_back(std::move(made));
      av_packet_unref(packet.get());
    }
  };
  const std::vector<float> samples = pcm_of(options);
  const auto size = static_cast<std::size_t>(encoder->frame_size);
  for (std::size_t at = 0; at + size <= samples.size(); at += size) {
    const auto frame = frame_of(*encoder, samples.data() + at, encoder->frame_size);
    frame->pts = static_cast<std::int64_t>(at);
    REQUIRE(avcodec_send_frame(encoder.get(), frame.get()) == 0);
    receive();
  }
  avcodec_send_frame(encoder.get(), nullptr);
  receive();
  return packets;
}

Decoded decode_sound(const std::vector<EncodedPacket>& packets) {
  Decoded decoded;
  REQUIRE_FALSE(packets.empty());
  const TrackInfo& track = *packets.front().track;
  const bool is_opus = track.codec == Codec::kOpus;
  REQUIRE((is_opus || track.codec == Codec::kAac));
  const AVCodec* const codec = avcodec_find_decoder(is_opus ? AV_CODEC_ID_OPUS : AV_CODEC_ID_AAC);
  const std::unique_ptr<AVCodecContext, Free> decoder(avcodec_alloc_context3(codec));
  av_channel_layout_default(&decoder->ch_layout, track.audio.channels);
  if (!is_opus) {  // Of two channels or one it needs no header.
    const auto configuration = track.codec_configuration.span();
    decoder->extradata =
        static_cast<std::uint8_t*>(av_mallocz(configuration.size() + AV_INPUT_BUFFER_PADDING_SIZE));
    std::copy(configuration.begin(), configuration.end(), decoder->extradata);
    decoder->extradata_size = static_cast<int>(configuration.size());
  }
  REQUIRE(avcodec_open2(decoder.get(), codec, nullptr) == 0);
  decoded.start = packets.front().pts;
  const std::unique_ptr<AVPacket, Free> packet(av_packet_alloc());
  const std::unique_ptr<AVFrame, Free> frame(av_frame_alloc());
  for (const EncodedPacket& one : packets) {
    REQUIRE(av_new_packet(packet.get(), static_cast<int>(one.payload.size())) == 0);
    std::copy_n(one.payload.data(), one.payload.size(), packet->data);
    REQUIRE(avcodec_send_packet(decoder.get(), packet.get()) == 0);
    av_packet_unref(packet.get());
    while (avcodec_receive_frame(decoder.get(), frame.get()) == 0) {
      decoded.sample_rate = frame->sample_rate;
      decoded.channels = frame->ch_layout.nb_channels;
      const auto* const first = reinterpret_cast<const float*>(frame->extended_data[0]);
      decoded.samples.insert(decoded.samples.end(), first, first + frame->nb_samples);
      av_frame_unref(frame.get());
    }
  }
  return decoded;
}

MediaTime Decoded::burst() const {
  double energy = 0, moment = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double power = static_cast<double>(samples[i]) * static_cast<double>(samples[i]);
    energy += power;
    moment += power * static_cast<double>(i);
  }
  REQUIRE(energy > 0.1);
  return start + from_ticks(std::llround(moment / energy), sample_rate);
}

}  // namespace millrace::test
