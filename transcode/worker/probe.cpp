#include "transcode/worker/probe.h"

#include <cstring>
#include <optional>

#include "base/check.h"
#include "transcode/decoder.h"
#include "transcode/encoder.h"
#include "transcode/worker/message_writer.h"
#include "transcode/worker/protocol.h"

extern "C" {
#include <libavutil/log.h>
}

namespace millrace::transcode::worker {
namespace {

// Larger than the least that any card decodes or encodes.
const Rung kSource{.name = "probe", .width = 640, .height = 384, .bits_per_second = 1'000'000};
const Rung kScaled{.name = "probe", .width = 320, .height = 192, .bits_per_second = 500'000};
constexpr int kMostSessions = 32;

VideoParameters parameters() {
  VideoParameters video;
  video.width = kSource.width;
  video.height = kSource.height;
  video.frame_rate = {30, 1};
  return video;
}

Rung with_codec(Rung rung, Codec codec) {
  rung.codec = codec;
  return rung;
}

FramePointer grey_picture() {
  FramePointer picture(av_frame_alloc());
  CHECK(picture != nullptr);
  picture->format = AV_PIX_FMT_YUV420P;
  picture->width = kSource.width;
  picture->height = kSource.height;
  CHECK(av_frame_get_buffer(picture.get(), 0) == 0);
  for (int plane = 0; plane < 3; ++plane)
    std::memset(picture->data[plane], 128,
                static_cast<std::size_t>(picture->linesize[plane]) *
                    static_cast<std::size_t>(plane == 0 ? kSource.height : kSource.height / 2));
  return picture;
}

/// One key frame of it; empty where it fails.
Result<EncodedPacket> encode(const Rung& rung, FramePointer picture, const EncoderPlace& place) {
  ASSIGN_OR_RETURN(
      const auto encoder,
      Encoder::create(rung,
                      EncoderSettings{.preset = rung.codec == Codec::kAv1 ? "8" : "ultrafast"},
                      parameters(), {}, {}, place));
  EncodedPacket packet;
  const Encoder::Handler keep = [&packet](const Encoder::Output& output) {
    packet.payload = Bytes::copy_of(output.payload);
    packet.is_key_frame = output.is_key_frame;
    packet.opens_segment = output.picture.opens_segment;
  };
  Frame frame;
  frame.picture.opens_segment = 0;
  frame.planes = std::move(picture);
  RETURN_IF_ERROR(encoder->push(frame, keep));
  RETURN_IF_ERROR(encoder->drain(keep));
  if (!packet.is_key_frame) return Error{ErrorCode::kSystem, "no key frame comes out"};
  packet.track = std::make_shared<const TrackInfo>(encoder->track());
  return packet;
}

/// The picture on the device. Empty where it does not decode the codec.
FramePointer decode(Codec codec, Device& device) {
  const auto packet = encode(with_codec(kSource, codec), grey_picture(), {});
  if (!packet.has_value()) return nullptr;
  const auto decoder = Decoder::create(packet.value().track, &device);
  if (!decoder.has_value()) return nullptr;
  FramePointer picture;
  const Decoder::Handler keep = [&](Frame frame) {
    if (device.holds(*frame.planes)) picture = std::move(frame.planes);
  };
  decoder.value()->push(packet.value(), keep);
  decoder.value()->drain(keep);
  return picture;
}

int count_sessions(Codec codec, Device& device, const AVFrame& like) {
  std::vector<std::unique_ptr<Encoder>> open;
  while (open.size() < kMostSessions) {
    auto encoder = Encoder::create(with_codec(kScaled, codec), {}, parameters(), {}, {},
                                   {.device = &device, .profile = {}, .like = &like});
    if (!encoder.has_value()) return static_cast<int>(open.size());
    open.push_back(std::move(encoder).value());
  }
  return 0;
}

}  // namespace

FoundDevice probe(const std::string& name, const DeviceOpener& open_device) {
  FoundDevice found{.name = name, .decodes = {}, .encodes = {}, .problem = {}};
  const auto device = open_device(name);
  if (!device.has_value()) {
    found.problem = device.error().message;
    return found;
  }
  FramePointer picture;
  for (const Codec codec : {Codec::kH264, Codec::kHevc, Codec::kAv1})
    if (auto decoded = decode(codec, *device.value())) {
      found.decodes.push_back(codec);
      picture = std::move(decoded);
    }
  if (!picture) {
    found.problem = "it decodes none of our pictures";
    return found;
  }
  const auto scaler = device.value()->create_scaler(kScaled.width, kScaled.height);
  const auto scaled = scaler->scale(*picture);
  if (!scaled.has_value()) {
    found.problem = scaled.error().message;
    return found;
  }
  const AVFrame& like = *scaled.value();
  for (const Codec codec : {Codec::kH264, Codec::kHevc}) {
    if (device.value()->encoder_name(codec) == nullptr) continue;
    FramePointer same(av_frame_clone(&like));
    CHECK(same != nullptr);
    if (encode(with_codec(kScaled, codec), std::move(same),
               {.device = device.value().get(), .profile = {}, .like = &like})
            .has_value())
      found.encodes.push_back(codec);
  }
  if (!found.encodes.empty())
    found.sessions = count_sessions(found.encodes.front(), *device.value(), like);
  return found;
}

int send_probes(int descriptor, const std::vector<std::string>& names,
                const DeviceOpener& open_device) {
  av_log_set_level(AV_LOG_QUIET);
  MessageWriter writer(descriptor);
  for (const auto& name : names) writer.write(write_device(probe(name, open_device)).span());
  return writer.has_failed() ? 1 : 0;
}

}  // namespace millrace::transcode::worker
