#include "transcode/decoder.h"

#include <fmt/format.h>

#include <algorithm>

extern "C" {
#include <libavcodec/avcodec.h>
}

namespace millrace::transcode {
namespace {

// A picture of level 6.2, 8192x4320, and its padding: more is not decoded.
constexpr std::int64_t kMaxPixels = std::int64_t{8448} * 4608;
// No stream reorders more than 16 pictures (H.264 A.3.1); what is older was not decoded.
constexpr std::size_t kMaxPending = 64;

AVCodecID codec_id(Codec codec) {
  switch (codec) {
    case Codec::kH264:
      return AV_CODEC_ID_H264;
    case Codec::kHevc:
      return AV_CODEC_ID_HEVC;
    case Codec::kAv1:
      return AV_CODEC_ID_AV1;
    case Codec::kAac:
    case Codec::kOpus:
    case Codec::kMp2:
    case Codec::kMp3:
    case Codec::kAc3:
      break;
  }
  return AV_CODEC_ID_NONE;
}

void release_bytes(void* opaque, std::uint8_t*) {
  delete static_cast<Bytes*>(opaque);
}

}  // namespace

void Decoder::Free::operator()(AVCodecContext* context) const {
  avcodec_free_context(&context);
}
void Decoder::Free::operator()(AVPacket* packet) const {
  av_packet_free(&packet);
}

Decoder::Decoder(std::shared_ptr<const TrackInfo> track, bool is_on_device)
    : track_(std::move(track)), is_on_device_(is_on_device) {}
Decoder::~Decoder() = default;

Result<std::unique_ptr<Decoder>> Decoder::create(std::shared_ptr<const TrackInfo> shared_track,
                                                 Device* device) {
  const TrackInfo& track = *shared_track;
  // libavcodec's own decoder of AV1 knows devices only.
  const char* const av1 = device ? "av1" : "libdav1d";
  const AVCodec* codec = track.codec == Codec::kAv1 ? avcodec_find_decoder_by_name(av1)
                                                    : avcodec_find_decoder(codec_id(track.codec));
  if (codec == nullptr)
    return Error{ErrorCode::kUnsupported, fmt::format("no decoder for {}", to_string(track.codec))};
  std::unique_ptr<Decoder> decoder(new Decoder(std::move(shared_track), device != nullptr));
  decoder->context_.reset(avcodec_alloc_context3(codec));
  decoder->packet_.reset(av_packet_alloc());
  CHECK(decoder->context_ && decoder->packet_);
  AVCodecContext& context = *decoder->context_;
  // Frame threads would hold back a picture each.
  context.thread_count = 1;
  context.max_pixels = kMaxPixels;
  context.pkt_timebase = {1, 1'000'000'000};
  // Only dav1d takes it as "no delay"; H.264's and HEVC's own reordering tells them enough.
  if (track.codec == Codec::kAv1) context.flags |= AV_CODEC_FLAG_LOW_DELAY;
  const auto extradata = track.codec_configuration.span();
  context.extradata =
      static_cast<std::uint8_t*>(av_mallocz(extradata.size() + AV_INPUT_BUFFER_PADDING_SIZE));
  CHECK(context.extradata != nullptr);
  std::copy(extradata.begin(), extradata.end(), context.extradata);
  context.extradata_size = static_cast<int>(extradata.size());
  if (device != nullptr) RETURN_IF_ERROR(device->prepare_decoder(context));
  if (avcodec_open2(&context, codec, nullptr) < 0)
    return Error{ErrorCode::kInvalidData,
                 fmt::format("the {} decoder refuses the track", to_string(track.codec))};
  return decoder;
}

void Decoder::push(const EncodedPacket& packet, const Handler& on_frame) {
  const Picture picture{.pts = packet.pts,
                        .duration = {},
                        .opens_segment = packet.opens_segment,
                        .starts_discontinuity = packet.starts_discontinuity,
                        .follows_gap = packet.follows_gap,
                        .received_at = packet.received_at};
  const auto place = std::upper_bound(pending_.begin(), pending_.end(), picture.pts,
                                      [](MediaTime pts, const Picture& p) { return pts < p.pts; });
  pending_.insert(place, picture);
  durations_.push_back(packet.duration);
  if (pending_.size() > kMaxPending) give_up_oldest();
  if (packet.payload.empty()) {  // libavcodec would take it for the end of the stream.
    ++errors_;
    return;
  }
  // The decoder reads the payload in place: its allocation has the padding.
  auto* const shared = new Bytes(packet.payload);
  packet_->buf = av_buffer_create(const_cast<std::uint8_t*>(shared->data()), shared->size(),
                                  release_bytes, shared, AV_BUFFER_FLAG_READONLY);
  CHECK(packet_->buf != nullptr);
  packet_->data = packet_->buf->data;
  packet_->size = static_cast<int>(shared->size());
  packet_->pts = packet.pts.count();
  packet_->dts = packet.dts.count();
  packet_->flags = packet.is_key_frame ? AV_PKT_FLAG_KEY : 0;
  // Every picture is taken out before, so it never says EAGAIN.
  if (const int status = avcodec_send_packet(context_.get(), packet_.get()); status < 0)
    count_error(status);
  av_packet_unref(packet_.get());
  receive(on_frame);
}

void Decoder::drain(const Handler& on_frame) {
  avcodec_send_packet(context_.get(), nullptr);
  receive(on_frame);
}

void Decoder::receive(const Handler& on_frame) {
  for (;;) {
    FramePointer planes(av_frame_alloc());
    CHECK(planes != nullptr);
    const int status = avcodec_receive_frame(context_.get(), planes.get());
    if (status == AVERROR(EAGAIN) || status == AVERROR_EOF) return;
    if (status < 0) return count_error(status);
    if (planes->pts == AV_NOPTS_VALUE) continue;
    const std::int64_t pts = planes->pts;
    on_frame(Frame{take_picture(pts), std::move(planes), track_});
  }
}

void Decoder::count_error(int status) {
  ++errors_;
  has_device_failed_ |= is_on_device_ && status != AVERROR_INVALIDDATA;
}

void Decoder::give_up_oldest() {
  const Picture lost = pending_.front();
  pending_.pop_front();
  durations_.pop_front();
  Picture& next = pending_.front();
  if (!next.opens_segment) next.opens_segment = lost.opens_segment;
  next.starts_discontinuity |= lost.starts_discontinuity;
  next.follows_gap |= lost.follows_gap || lost.opens_segment;
}

Picture Decoder::take_picture(std::int64_t pts) {
  Picture picture;
  picture.pts = MediaTime(pts);
  while (!pending_.empty() && pending_.front().pts <= picture.pts) {
    const Picture& told = pending_.front();
    const bool is_lost = told.pts < picture.pts;
    picture.duration = durations_.front();
    picture.received_at = told.received_at;
    if (told.opens_segment) picture.opens_segment = told.opens_segment;
    picture.starts_discontinuity |= told.starts_discontinuity;
    picture.follows_gap |= told.follows_gap || (is_lost && told.opens_segment);
    pending_.pop_front();
    durations_.pop_front();
  }
  return picture;
}

}  // namespace millrace::transcode
