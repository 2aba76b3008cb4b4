#include "transcode/audio_converter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

#include "media/codec_configuration.h"
#include "media/opus.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
}

namespace millrace::transcode {
namespace {

using namespace std::chrono_literals;

// Stamps in milliseconds, and a transport stream's of 90 kHz, are no holes; a packet of Opus that
// was lost, 20 ms, is one.
constexpr MediaTime kTolerance = 15ms;
constexpr MediaTime kLongestRepair = 1s;
constexpr AVRational kNanoseconds{1, 1'000'000'000};
constexpr int kMostSamples = 1 << 16;  // Of a decoded frame: none has more.

AVCodecID codec_id(Codec codec) {
  switch (codec) {
    case Codec::kAac:
      return AV_CODEC_ID_AAC;
    case Codec::kOpus:
      return AV_CODEC_ID_OPUS;
    case Codec::kMp2:
      return AV_CODEC_ID_MP2;
    case Codec::kMp3:
      return AV_CODEC_ID_MP3;
    case Codec::kAc3:
      return AV_CODEC_ID_AC3;
    default:
      return AV_CODEC_ID_NONE;
  }
}

/// As libavcodec wants it: of Opus the identification header with its magic (RFC 7845 5.1), whose
/// numbers are little-endian, unlike those of dOps.
std::vector<std::uint8_t> extradata_of(const TrackInfo& track) {
  const auto body = track.codec_configuration.span();
  if (track.codec != Codec::kOpus) return {body.begin(), body.end()};
  if (body.size() < 11) return {};
  std::vector<std::uint8_t> head = {'O',     'p',     'u',     's',     'H',     'e',
                                    'a',     'd',     1,       body[1], body[3], body[2],
                                    body[7], body[6], body[5], body[4], body[9], body[8]};
  head.insert(head.end(), body.begin() + 10, body.end());
  return head;
}

/// Null where libavcodec was built without it.
const AVCodec* encoder_of(Codec codec) {
  return codec == Codec::kOpus ? avcodec_find_encoder_by_name("libopus")
                               : avcodec_find_encoder(AV_CODEC_ID_AAC);
}

/// Floats, as the encoder takes them.
AVSampleFormat format_of(Codec codec) {
  return codec == Codec::kOpus ? AV_SAMPLE_FMT_FLT : AV_SAMPLE_FMT_FLTP;
}

int plane_count(Codec codec, int channels) {
  return av_sample_fmt_is_planar(format_of(codec)) ? channels : 1;
}

/// In each plane.
std::size_t sample_bytes(Codec codec, int channels) {
  return sizeof(float) * static_cast<std::size_t>(channels / plane_count(codec, channels));
}

int output_rate(Codec codec, int rate) {
  return codec == Codec::kAac && rate == 44'100 ? 44'100 : 48'000;
}

}  // namespace

void AudioConverter::Free::operator()(AVCodecContext* context) const {
  avcodec_free_context(&context);
}
void AudioConverter::Free::operator()(AVPacket* packet) const {
  av_packet_free(&packet);
}
void AudioConverter::Free::operator()(AVFrame* frame) const {
  av_frame_free(&frame);
}
void AudioConverter::Free::operator()(SwrContext* context) const {
  swr_free(&context);
}
void AudioConverter::Free::operator()(AVAudioFifo* fifo) const {
  av_audio_fifo_free(fifo);
}

AudioConverter::AudioConverter(Codec codec, std::int64_t bits_per_second)
    : codec_(codec),
      bits_per_second_(bits_per_second),
      packet_(av_packet_alloc()),
      decoded_(av_frame_alloc()) {
  CHECK(packet_ && decoded_);
}

AudioConverter::~AudioConverter() = default;

// --- Decoding -----------------------------------------------------------------------------------

Status AudioConverter::open_decoder(std::shared_ptr<const TrackInfo> track) {
  source_ = std::move(track);
  const AVCodec* const codec = avcodec_find_decoder(codec_id(source_->codec));
  if (codec == nullptr)
    return Error{ErrorCode::kUnsupported,
                 fmt::format("no decoder for {}", to_string(source_->codec))};
  if (encoder_of(codec_) == nullptr)
    return Error{ErrorCode::kUnsupported, fmt::format("no encoder for {}", to_string(codec_))};
  decoder_.reset(avcodec_alloc_context3(codec));
  CHECK(decoder_);
  decoder_->pkt_timebase = kNanoseconds;
  decoder_->thread_count = 1;
  decoder_->sample_rate = source_->audio.sample_rate;
  av_channel_layout_default(&decoder_->ch_layout, source_->audio.channels);
  const auto extradata = extradata_of(*source_);
  if (!extradata.empty()) {
    decoder_->extradata =
        static_cast<std::uint8_t*>(av_mallocz(extradata.size() + AV_INPUT_BUFFER_PADDING_SIZE));
    CHECK(decoder_->extradata != nullptr);
    std::copy(extradata.begin(), extradata.end(), decoder_->extradata);
    decoder_->extradata_size = static_cast<int>(extradata.size());
  }
  if (avcodec_open2(decoder_.get(), codec, nullptr) < 0)
    return Error{ErrorCode::kUnsupported, fmt::format("the decoder for {} does not take the track",
                                                      to_string(source_->codec))};
  return ok();
}

Status AudioConverter::push(const EncodedPacket& packet, const OnPacket& on_packet) {
  if (packet.track != source_ && (!source_ || *packet.track != *source_)) {
    drain(on_packet);
    RETURN_IF_ERROR(open_decoder(packet.track));
  }
  const auto size = static_cast<int>(packet.payload.size());
  if (av_new_packet(packet_.get(), size) < 0) return ok();
  std::copy_n(packet.payload.data(), packet.payload.size(), packet_->data);
  packet_->pts = packet_->dts = packet.pts.count();
  if (avcodec_send_packet(decoder_.get(), packet_.get()) < 0) ++errors_;
  av_packet_unref(packet_.get());
  receive_decoded(on_packet);
  return ok();
}

void AudioConverter::receive_decoded(const OnPacket& on_packet) {
  for (;;) {
    const int result = avcodec_receive_frame(decoder_.get(), decoded_.get());
    if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
    if (result < 0) {
      ++errors_;
      return;
    }
    take(*decoded_, on_packet);
    av_frame_unref(decoded_.get());
  }
}

void AudioConverter::take(const AVFrame& decoded, const OnPacket& on_packet) {
  const bool is_sane = decoded.pts != AV_NOPTS_VALUE && decoded.nb_samples > 0 &&
                       decoded.nb_samples <= kMostSamples && decoded.sample_rate > 0 &&
                       decoded.ch_layout.nb_channels > 0;
  if (!is_sane || !match_converter(decoded, on_packet)) {
    ++errors_;
    return;
  }
  if (const FramePointer samples = resample(decoded))
    place(*samples, MediaTime(decoded.pts), on_packet);
}

/// The resampler and the encoder are for what is decoded now.
bool AudioConverter::match_converter(const AVFrame& decoded, const OnPacket& on_packet) {
  const int channels = decoded.ch_layout.nb_channels;
  const bool is_same = resampler_ && decoded.sample_rate == from_rate_ &&
                       channels == from_channels_ && decoded.format == from_format_;
  if (is_same) return true;
  end_encoder(on_packet);
  AVChannelLayout from{};
  AVChannelLayout to{};
  // A decoder that does not say which channels it has has the usual ones.
  if (decoded.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
    av_channel_layout_default(&from, channels);
  else
    av_channel_layout_copy(&from, &decoded.ch_layout);
  av_channel_layout_default(&to, std::min(channels, 2));
  SwrContext* made = nullptr;
  const int result = swr_alloc_set_opts2(
      &made, &to, format_of(codec_), output_rate(codec_, decoded.sample_rate), &from,
      static_cast<AVSampleFormat>(decoded.format), decoded.sample_rate, 0, nullptr);
  av_channel_layout_uninit(&from);
  resampler_.reset(made);
  if (result < 0 || swr_init(made) < 0) {
    resampler_.reset();
    return false;
  }
  from_rate_ = decoded.sample_rate;
  from_channels_ = channels;
  from_format_ = decoded.format;
  return true;
}

AudioConverter::FramePointer AudioConverter::resample(const AVFrame& decoded) {
  const int rate = output_rate(codec_, decoded.sample_rate);
  FramePointer samples(av_frame_alloc());
  CHECK(samples);
  samples->format = format_of(codec_);
  samples->sample_rate = rate;
  av_channel_layout_default(&samples->ch_layout, std::min(from_channels_, 2));
  samples->nb_samples = swr_get_out_samples(resampler_.get(), decoded.nb_samples);
  if (samples->nb_samples <= 0 || av_frame_get_buffer(samples.get(), 0) < 0) return nullptr;
  samples->nb_samples =
      swr_convert(resampler_.get(), samples->extended_data, samples->nb_samples,
                  const_cast<const std::uint8_t**>(decoded.extended_data), decoded.nb_samples);
  return samples->nb_samples > 0 ? std::move(samples) : nullptr;
}

// --- Encoding -----------------------------------------------------------------------------------

bool AudioConverter::open_encoder(int sample_rate, int channels, MediaTime start) {
  const AVCodec* const codec = encoder_of(codec_);
  CHECK(codec != nullptr);  // open_decoder() has looked.
  encoder_.reset(avcodec_alloc_context3(codec));
  CHECK(encoder_);
  encoder_->sample_rate = sample_rate;
  encoder_->sample_fmt = format_of(codec_);
  encoder_->time_base = {1, sample_rate};
  encoder_->bit_rate = bits_per_second_ * channels / 2;
  encoder_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  av_channel_layout_default(&encoder_->ch_layout, channels);
  // Of Opus packets that are not much larger than the others. AAC has no such option.
  if (codec_ == Codec::kOpus) av_opt_set(encoder_->priv_data, "vbr", "constrained", 0);
  if (avcodec_open2(encoder_.get(), codec, nullptr) < 0) {
    encoder_.reset();
    return false;
  }
  auto track = track_of_encoder();
  CHECK(track.has_value());
  if (!track_ || *track_ != track.value())
    track_ = std::make_shared<const TrackInfo>(std::move(track).value());
  fifo_.reset(av_audio_fifo_alloc(format_of(codec_), channels, encoder_->frame_size * 2));
  CHECK(fifo_);
  start_ = start;
  placed_ = encoded_ = to_cut_ = 0;
  return true;
}

Result<TrackInfo> AudioConverter::track_of_encoder() const {
  // No pre-skip: the encoder's delay is taken off the times already, and a player that took it off
  // once more would be early by it.
  if (codec_ == Codec::kOpus) return opus_track(encoder_->ch_layout.nb_channels, 0);
  return parse_aac_configuration(
      Bytes::copy_of({encoder_->extradata, static_cast<std::size_t>(encoder_->extradata_size)}));
}

void AudioConverter::place(const AVFrame& samples, MediaTime at, const OnPacket& on_packet) {
  const int rate = samples.sample_rate;
  const int channels = samples.ch_layout.nb_channels;
  const auto deviation = [&] { return at - (start_ + from_ticks(placed_, rate)); };
  if (encoder_ && std::chrono::abs(deviation()) > kLongestRepair) end_encoder(on_packet);
  if (!encoder_ && !open_encoder(rate, channels, at)) {
    ++errors_;
    return;
  }
  if (deviation() > kTolerance) add_silence(to_ticks(deviation(), rate));
  if (to_cut_ == 0 && deviation() < -kTolerance) to_cut_ = to_ticks(-deviation(), rate);
  const auto skipped = static_cast<int>(std::min<std::int64_t>(to_cut_, samples.nb_samples));
  to_cut_ -= skipped;
  std::array<void*, 2> planes{};
  for (int plane = 0; plane < plane_count(codec_, channels); ++plane)
    planes[static_cast<std::size_t>(plane)] =
        samples.extended_data[plane] +
        static_cast<std::size_t>(skipped) * sample_bytes(codec_, channels);
  const int count = samples.nb_samples - skipped;
  if (count > 0) placed_ += std::max(0, av_audio_fifo_write(fifo_.get(), planes.data(), count));
  encode(on_packet, false);
}

void AudioConverter::add_silence(std::int64_t samples) {
  const std::size_t bytes = sample_bytes(codec_, encoder_->ch_layout.nb_channels);
  std::vector<std::uint8_t> silence(static_cast<std::size_t>(samples) * bytes);
  std::array<void*, 2> planes{};
  planes.fill(silence.data());
  placed_ +=
      std::max(0, av_audio_fifo_write(fifo_.get(), planes.data(), static_cast<int>(samples)));
}

/// Whole frames; of the last one what there is.
void AudioConverter::encode(const OnPacket& on_packet, bool is_last) {
  const int whole = encoder_->frame_size;
  while (av_audio_fifo_size(fifo_.get()) >= (is_last ? 1 : whole)) {
    FramePointer frame(av_frame_alloc());
    CHECK(frame);
    frame->format = format_of(codec_);
    frame->sample_rate = encoder_->sample_rate;
    frame->nb_samples = std::min(whole, av_audio_fifo_size(fifo_.get()));
    av_channel_layout_copy(&frame->ch_layout, &encoder_->ch_layout);
    CHECK(av_frame_get_buffer(frame.get(), 0) == 0);
    av_audio_fifo_read(fifo_.get(), reinterpret_cast<void**>(frame->extended_data),
                       frame->nb_samples);
    frame->pts = encoded_;
    encoded_ += frame->nb_samples;
    if (avcodec_send_frame(encoder_.get(), frame.get()) < 0) ++errors_;
    receive_encoded(on_packet);
  }
}

void AudioConverter::receive_encoded(const OnPacket& on_packet) {
  while (avcodec_receive_packet(encoder_.get(), packet_.get()) == 0) {
    const int rate = encoder_->sample_rate;
    EncodedPacket packet;
    packet.track = track_;
    packet.payload = Bytes::copy_of({packet_->data, static_cast<std::size_t>(packet_->size)});
    // The first one lies before the first sample, by what the encoder puts in front of it.
    packet.pts = packet.dts = start_ + from_ticks(packet_->pts, rate);
    packet.duration = from_ticks(encoder_->frame_size, rate);
    packet.is_key_frame = true;
    av_packet_unref(packet_.get());
    on_packet(std::move(packet));
  }
}

void AudioConverter::end_encoder(const OnPacket& on_packet) {
  if (!encoder_) return;
  encode(on_packet, true);
  avcodec_send_frame(encoder_.get(), nullptr);
  receive_encoded(on_packet);
  encoder_.reset();
}

void AudioConverter::drain(const OnPacket& on_packet) {
  if (decoder_) {
    avcodec_send_packet(decoder_.get(), nullptr);
    receive_decoded(on_packet);
    decoder_.reset();
  }
  end_encoder(on_packet);
  resampler_.reset();
  source_.reset();
}

}  // namespace millrace::transcode
