#include "transcode/encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "media/annex_b.h"
#include "transcode/encoder_codec.h"
#include "transcode/frame_thinner.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
}

namespace millrace::transcode {
namespace {

// Variable rate: MPEG's clock. A constant rate counts frames, which x264's rate control likes best.
constexpr Rational kVariableTicks{90'000, 1};
// Behind a longer hole the times start anew: a sample that long would outlast a part.
constexpr MediaTime kLongestHole = std::chrono::milliseconds(500);
// A grid of frames in nanoseconds is a nanosecond off here and there: no packet may end behind the
// picture that is next.
constexpr MediaTime kRounding{1};

Error unsupported(std::string_view what) {
  return Error{ErrorCode::kUnsupported, fmt::format("encoder: {}", what)};
}

/// The source's, but where the rung's size is not in its proportion by more than rounding.
Rational sample_aspect_ratio(const Rung& rung, const VideoParameters& source) {
  Rational ratio = source.sample_aspect_ratio;
  if (ratio.numerator <= 0 || ratio.denominator <= 0) ratio = {1, 1};
  if (source.width <= 0 || source.height <= 0) return ratio;
  const double width = static_cast<double>(rung.height) * source.width / source.height;
  if (std::abs(width - rung.width) <= 2) return ratio;
  std::int64_t numerator = ratio.numerator * source.width * rung.height;
  std::int64_t denominator = ratio.denominator * source.height * rung.width;
  const auto common = std::gcd(numerator, denominator);
  numerator /= common;
  denominator /= common;
  constexpr std::int64_t kHighest = 65535;  // H.264 E.1.1: sar_width is u(16).
  return numerator <= kHighest && denominator <= kHighest ? Rational{numerator, denominator}
                                                          : ratio;
}

void set_rates(AVCodecContext& context, const Rung& rung, Rational ticks, bool is_constant) {
  context.time_base = {static_cast<int>(ticks.denominator), static_cast<int>(ticks.numerator)};
  context.framerate =
      is_constant ? AVRational{context.time_base.den, context.time_base.num} : AVRational{30, 1};
  context.bit_rate = rung.bits_per_second;
  // Constrained variable bitrate: any second has at most 1.2 times the rung's.
  context.rc_max_rate = rung.bits_per_second * 6 / 5;
  context.rc_buffer_size =
      static_cast<int>(std::min<std::int64_t>(context.rc_max_rate, 1'000'000'000));
}

/// What an encoder makes of a picture; empty where it fails.
std::vector<std::uint8_t> first_packet_of(AVCodecContext& context) {
  const std::unique_ptr<AVPacket, void (*)(AVPacket*)> packet(
      av_packet_alloc(), [](AVPacket* one) { av_packet_free(&one); });
  const FramePointer picture(av_frame_alloc());
  CHECK(packet && picture);
  picture->format = context.pix_fmt;
  picture->width = context.width;
  picture->height = context.height;
  picture->pts = 0;
  CHECK(av_frame_get_buffer(picture.get(), 0) == 0);
  std::ptrdiff_t strides[4]{};
  for (int i = 0; i < 4; ++i) strides[i] = picture->linesize[i];
  av_image_fill_black(picture->data, strides, context.pix_fmt, context.color_range, context.width,
                      context.height);
  if (avcodec_send_frame(&context, picture.get()) < 0 ||
      avcodec_send_frame(&context, nullptr) < 0 ||
      avcodec_receive_packet(&context, packet.get()) < 0)
    return {};
  const auto payload =
      sample_of(Codec::kAv1, {packet->data, static_cast<std::size_t>(packet->size)});
  return {payload.begin(), payload.end()};
}

}  // namespace

bool DecodeTimes::add_picture(const Picture& picture) {
  const bool starts_anew = !picture_end_ || picture.follows_gap || picture.starts_discontinuity ||
                           picture.pts - *picture_end_ > kLongestHole;
  const MediaTime duration = std::min(picture.duration, longest_picture_);
  picture_end_ = picture.pts + duration;
  places_.push_back({picture.pts, duration, starts_anew});
  return starts_anew;
}

DecodeTimes::Times DecodeTimes::next() {
  CHECK(!places_.empty());
  const Place place = places_.front();
  places_.pop_front();
  const bool is_next_known = !places_.empty() && !places_.front().starts_anew;
  const MediaTime place_end = place.pts + place.duration;
  const MediaTime grid_start = place.pts - delay_;
  const MediaTime grid_end =
      (is_next_known ? std::min(places_.front().pts, place_end) : place_end - kRounding) - delay_;
  Times times;
  times.dts = !end_ ? grid_start : place.starts_anew ? std::max(grid_start, *end_) : *end_;
  const MediaTime end = std::max(grid_end, times.dts + MediaTime(1));
  times.duration = end - times.dts;
  end_ = end;
  return times;
}

void Encoder::Free::operator()(AVCodecContext* context) const {
  avcodec_free_context(&context);
}
void Encoder::Free::operator()(AVPacket* packet) const {
  av_packet_free(&packet);
}

Encoder::Encoder(const EncoderSettings& settings, const VideoParameters& source,
                 std::optional<MediaTime> not_before)
    : times_(std::min(settings.b_frames, 1) * (frame_duration(source) + kRounding),
             frame_duration(source) + kRounding, not_before) {}
Encoder::~Encoder() = default;

Result<Encoder::Context> Encoder::open(const Rung& rung, const EncoderSettings& settings,
                                       const TrackInfo& track, const HdrMetadata& metadata,
                                       const EncoderPlace& place) {
  const char* const name =
      place.device ? place.device->encoder_name(rung.codec) : encoder_name(rung.codec);
  const AVCodec* codec = name ? avcodec_find_encoder_by_name(name) : nullptr;
  if (codec == nullptr)
    return unsupported(fmt::format("none for {} in libavcodec", to_string(rung.codec)));
  Context opened(avcodec_alloc_context3(codec));
  CHECK(opened != nullptr);
  AVCodecContext& context = *opened;
  const VideoParameters& video = track.video;
  const bool is_constant = video.frame_rate.numerator > 0;
  context.width = video.width;
  context.height = video.height;
  context.pix_fmt = video.bit_depth > 8 ? AV_PIX_FMT_YUV420P10 : AV_PIX_FMT_YUV420P;
  context.thread_count = 1;
  context.flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  set_rates(context, rung, is_constant ? video.frame_rate : kVariableTicks, is_constant);
  context.sample_aspect_ratio = {static_cast<int>(video.sample_aspect_ratio.numerator),
                                 static_cast<int>(video.sample_aspect_ratio.denominator)};
  context.color_primaries = static_cast<AVColorPrimaries>(video.colour.primaries);
  context.color_trc = static_cast<AVColorTransferCharacteristic>(video.colour.transfer);
  context.colorspace = static_cast<AVColorSpace>(video.colour.matrix);
  context.color_range = video.colour.is_full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  if (place.device)
    RETURN_IF_ERROR(place.device->prepare_encoder(context, place.profile, *place.like));
  else
    RETURN_IF_ERROR(set_codec_options(context, rung.codec, settings, is_constant, metadata));
  if (avcodec_open2(&context, codec, nullptr) < 0)
    return unsupported(fmt::format("{} refuses the rung", name));
  return opened;
}

Result<std::unique_ptr<Encoder>> Encoder::create(const Rung& rung, const EncoderSettings& settings,
                                                 const VideoParameters& source,
                                                 std::optional<MediaTime> not_before,
                                                 const HdrMetadata& metadata,
                                                 const EncoderPlace& place) {
  std::unique_ptr<Encoder> encoder(
      new Encoder(place.device ? EncoderSettings{} : settings, source, not_before));
  encoder->packet_.reset(av_packet_alloc());
  CHECK(encoder->packet_ != nullptr);
  encoder->ticks_per_second_ = source.frame_rate.numerator > 0 ? source.frame_rate : kVariableTicks;
  TrackInfo& track = encoder->track_;
  track.codec = rung.codec;
  track.video = source;
  track.video.width = rung.width;
  track.video.height = rung.height;
  track.video.sample_aspect_ratio = sample_aspect_ratio(rung, source);
  track.video.colour = colour_of_rung(rung, source.colour);
  const bool is_kept = keeps_hdr(rung, source.colour);
  track.video.bit_depth = is_kept ? 10 : 8;
  const HdrMetadata told = is_kept ? metadata : HdrMetadata{};
  ASSIGN_OR_RETURN(encoder->context_, open(rung, settings, track, told, place));
  const AVCodecContext& context = *encoder->context_;
  std::vector<std::uint8_t> headers(context.extradata,
                                    context.extradata + std::max(0, context.extradata_size));
  // libaom has them in its first packet only: another one's.
  if (headers.empty()) {
    ASSIGN_OR_RETURN(const Context another, open(rung, settings, track, told, place));
    headers = first_packet_of(*another);
  }
  encoder->has_start_codes_ = has_start_codes(headers);
  ASSIGN_OR_RETURN(track.codec_configuration, configuration_of(rung.codec, headers));
  encoder->messages_ = messages_of(rung.codec, headers);
  return encoder;
}

std::int64_t Encoder::tick_of(MediaTime pts) {
  if (!first_pts_) first_pts_ = pts;
  const auto tick = scale_rounded((pts - *first_pts_).count(), ticks_per_second_.numerator,
                                  1'000'000'000 * ticks_per_second_.denominator);
  newest_tick_ = std::max(tick, newest_tick_ + 1);
  return newest_tick_;
}

Status Encoder::push(const Frame& frame, const Handler& on_packet) {
  // The planes are shared: only this reference's own fields are set.
  FramePointer input(av_frame_clone(frame.planes.get()));
  CHECK(input != nullptr);
  const std::int64_t tick = tick_of(frame.picture.pts);
  Picture picture = frame.picture;
  const bool is_first = tick == 0;
  const bool starts_anew = times_.add_picture(picture);
  // A hole that the times do not bridge is a gap.
  if (starts_anew && !is_first && !picture.starts_discontinuity) picture.follows_gap = true;
  input->pts = tick;
  input->pict_type =
      picture.opens_segment || starts_anew ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
  input->key_frame = 0;
  av_frame_remove_side_data(input.get(), AV_FRAME_DATA_REGIONS_OF_INTEREST);
  pending_.emplace(tick, picture);
  if (avcodec_send_frame(context_.get(), input.get()) < 0)
    return Error{ErrorCode::kSystem, "encoder: it failed"};
  return receive(on_packet);
}

Status Encoder::drain(const Handler& on_packet) {
  avcodec_send_frame(context_.get(), nullptr);
  return receive(on_packet);
}

Status Encoder::receive(const Handler& on_packet) {
  for (;;) {
    const int status = avcodec_receive_packet(context_.get(), packet_.get());
    if (status == AVERROR(EAGAIN) || status == AVERROR_EOF) return ok();
    if (status < 0) return Error{ErrorCode::kSystem, "encoder: it failed"};
    const auto pending = pending_.find(packet_->pts);
    CHECK(pending != pending_.end());
    Output output;
    output.picture = pending->second;
    pending_.erase(pending);
    const auto times = times_.next();
    output.dts = times.dts;
    output.duration = times.duration;
    output.is_key_frame = (packet_->flags & AV_PKT_FLAG_KEY) != 0;
    output.payload =
        sample_of(track_.codec, {packet_->data, static_cast<std::size_t>(packet_->size)});
    std::vector<std::uint8_t> with_messages;
    if (output.is_key_frame && !messages_.empty()) {
      with_messages = messages_;
      with_messages.insert(with_messages.end(), output.payload.begin(), output.payload.end());
      output.payload = with_messages;
    }
    AnnexBPicture units;
    if (has_start_codes_) {
      units = parse_annex_b(track_.codec, output.payload);
      output.payload = units.payload.span();
    }
    on_packet(output);
    av_packet_unref(packet_.get());
  }
}

Result<TrackInfo> describe_rung(const Rung& rung, Profile profile, const TrackInfo& source,
                                MediaTime part_target) {
  // An encoder allocates for its pictures when it is opened.
  constexpr std::int64_t kMostPixels = std::int64_t{4096} * 2304;
  if (std::int64_t{rung.width} * rung.height > kMostPixels)
    return unsupported("a rung that is too large to be described");
  const VideoParameters video = thinned(source.video, rung);
  av_log_set_level(AV_LOG_QUIET);  // An encoder tells its settings when it is opened.
  ASSIGN_OR_RETURN(
      const auto encoder,
      Encoder::create(rung, encoder_settings(profile, video, part_target, rung.codec), video));
  return encoder->track();
}

}  // namespace millrace::transcode
