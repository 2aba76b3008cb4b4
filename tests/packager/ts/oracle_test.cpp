// Against libavformat: what FFmpeg's demuxers read of a clip, packaged as CMAF and turned into
// MPEG-TS, is what its MPEG-TS demuxer reads again, without a word of warning.
extern "C" {
#include <libavformat/avformat.h>
#include <libavutil/log.h>
}

#include <cstdarg>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "media/annex_b.h"
#include "media/codec_configuration.h"
#include "packager/packager.h"
#include "tests/support/recording_sink.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace millrace;

namespace {

constexpr MediaTime kBegin = std::chrono::seconds(1'750'000'000);
/// What a clip has of each track.
struct Clip {
  std::vector<EncodedPacket> video;
  std::vector<EncodedPacket> audio;
};

std::filesystem::path folder() {
  static const auto path = [] {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-mux-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()));
    return std::filesystem::path(name);
  }();
  return path;
}

/// Of four seconds; empty where there is no ffmpeg with that encoder.
std::filesystem::path make_clip(const std::string& name, const std::string& codecs) {
  const auto path = folder() / (name + ".mp4");
  const std::string command =
      "ffmpeg -nostdin -y -loglevel error -f lavfi -i testsrc2=size=320x180:rate=30000/1001 -f "
      "lavfi -i sine=frequency=440:sample_rate=44100 -t 4 " +
      codecs + " " + path.string();
  return std::system(command.c_str()) == 0 ? path : std::filesystem::path();
}

std::shared_ptr<const TrackInfo> track_of(const AVStream& stream) {
  const AVCodecParameters& codec = *stream.codecpar;
  const auto configuration =
      Bytes::copy_of(std::span(codec.extradata, static_cast<std::size_t>(codec.extradata_size)));
  auto parsed = codec.codec_id == AV_CODEC_ID_H264   ? parse_avc_configuration(configuration)
                : codec.codec_id == AV_CODEC_ID_HEVC ? parse_hevc_configuration(configuration)
                                                     : parse_aac_configuration(configuration);
  REQUIRE(parsed.has_value());
  TrackInfo track = std::move(parsed).value();
  if (track.kind == MediaKind::kVideo)
    track.video.frame_rate = {stream.avg_frame_rate.num, stream.avg_frame_rate.den};
  return std::make_shared<const TrackInfo>(std::move(track));
}

/// Every packet of the file, by stream; `visit` gets what each stream is.
template <typename Visit>
void read_file(const std::filesystem::path& path, Visit visit) {
  AVFormatContext* context = nullptr;
  REQUIRE(avformat_open_input(&context, path.c_str(), nullptr, nullptr) == 0);
  REQUIRE(avformat_find_stream_info(context, nullptr) >= 0);
  AVPacket* packet = av_packet_alloc();
  while (av_read_frame(context, packet) == 0) {
    visit(*context->streams[packet->stream_index], *packet);
    av_packet_unref(packet);
  }
  av_packet_free(&packet);
  avformat_close_input(&context);
}

Clip read_clip(const std::filesystem::path& path) {
  Clip clip;
  std::map<int, std::shared_ptr<const TrackInfo>> tracks;
  read_file(path, [&](const AVStream& stream, const AVPacket& packet) {
    auto& track = tracks[stream.index];
    if (!track) track = track_of(stream);
    const auto time = [&](std::int64_t ticks) {
      return kBegin + MediaTime(scale_rounded(ticks * stream.time_base.num, 1'000'000'000,
                                              stream.time_base.den));
    };
    EncodedPacket made;
    made.track = track;
    made.payload = Bytes::copy_of(std::span(packet.data, static_cast<std::size_t>(packet.size)));
    made.pts = time(packet.pts);
    made.dts = time(packet.dts);
    made.duration = time(packet.dts + packet.duration) - made.dts;
    made.is_key_frame = (packet.flags & AV_PKT_FLAG_KEY) != 0;
    (track->kind == MediaKind::kVideo ? clip.video : clip.audio).push_back(std::move(made));
  });
  // As a timeline does: sound before the first picture is dropped, and each key frame opens a
  // segment, whose sound begins with the frame at or behind it.
  SegmentNumber number = 100;
  std::vector<MediaTime> opened;
  for (auto& packet : clip.video)
    if (packet.is_key_frame) {
      packet.opens_segment = number++;
      opened.push_back(packet.pts);
    }
  std::erase_if(clip.audio, [&](const auto& packet) { return packet.pts < opened.front(); });
  std::size_t next = 0;
  for (auto& packet : clip.audio)
    if (next < opened.size() && packet.pts >= opened[next]) packet.opens_segment = 100 + next++;
  return clip;
}

std::map<SegmentNumber, CmafSegment> package(const std::vector<EncodedPacket>& packets) {
  test::RecordingSink<CmafChunk> chunks;
  auto packager = packager::create({}, chunks);
  REQUIRE(packager.has_value());
  for (const auto& packet : packets) REQUIRE(packager.value()->push(packet).has_value());
  REQUIRE(packager.value()->finish().has_value());
  std::map<SegmentNumber, CmafSegment> segments;
  for (const auto& chunk : chunks.items) {
    segments[chunk.segment_number].init = chunk.init->bytes;
    segments[chunk.segment_number].chunks.push_back(chunk.bytes);
  }
  return segments;
}

std::string warnings;
void take_warning(void*, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_WARNING) return;
  char line[512];
  std::vsnprintf(line, sizeof line, format, arguments);
  warnings += line;
}

std::int64_t in_33_bits(std::int64_t time) {
  return time & ((std::int64_t{1} << 33) - 1);
}

void compare(const std::string& name, const std::string& codecs) {
  const auto path = make_clip(name, codecs);
  if (path.empty()) {
    WARN("there is no ffmpeg with that encoder: not compared");
    return;
  }
  const Clip clip = read_clip(path);
  auto video = package(clip.video);
  auto audio = package(clip.audio);
  const auto transport = folder() / (name + ".ts");
  {
    std::ofstream file(transport, std::ios::binary);
    for (SegmentNumber number = 100; number < 100 + video.size(); ++number) {
      const auto made = packager::write_ts_segment(video[number], audio[number], number);
      REQUIRE(made.has_value());
      file << made.value().text();
    }
  }
  warnings.clear();
  av_log_set_callback(take_warning);
  std::size_t pictures = 0, frames = 0;
  std::int64_t last_decode_time = -1;
  read_file(transport, [&](const AVStream& stream, const AVPacket& packet) {
    const auto data = std::span(packet.data, static_cast<std::size_t>(packet.size));
    CHECK((packet.flags & AV_PKT_FLAG_CORRUPT) == 0);
    if (stream.codecpar->codec_type == AVMEDIA_TYPE_VIDEO) {
      REQUIRE(pictures < clip.video.size());
      const EncodedPacket& expected = clip.video[pictures++];
      const Codec codec = expected.track->codec;
      CHECK(in_33_bits(packet.pts) == in_33_bits(to_ticks(expected.pts, 90'000)));
      CHECK(packet.dts > last_decode_time);
      last_decode_time = packet.dts;
      CHECK(((packet.flags & AV_PKT_FLAG_KEY) != 0) == expected.is_key_frame);
      // Both without parameter sets.
      const std::uint8_t kStart[] = {0, 0, 0, 1};
      std::string annex_b;
      for (auto rest = expected.payload.span(); rest.size() > 4;) {
        const std::size_t size = static_cast<std::size_t>(rest[1]) << 16 |
                                 static_cast<std::size_t>(rest[2]) << 8 | rest[3];
        annex_b.append(reinterpret_cast<const char*>(kStart), 4);
        annex_b.append(reinterpret_cast<const char*>(rest.data()) + 4, size);
        rest = rest.subspan(4 + size);
      }
      const Bytes got = parse_annex_b(codec, data).payload;
      const Bytes whole = parse_annex_b(codec, Bytes::copy_of(annex_b).span()).payload;
      // What else the configuration record has (SEI, of HEVC) comes before a key frame's own.
      CHECK(got.text().ends_with(whole.text()));
      if (!expected.is_key_frame || codec == Codec::kH264) CHECK(got == whole);
    } else {
      REQUIRE(frames < clip.audio.size());
      const EncodedPacket& expected = clip.audio[frames++];
      CHECK(Bytes::copy_of(data.subspan(7)) == expected.payload);
      // libavformat counts on from a packet's first frame, in its own rounding.
      const auto apart = in_33_bits(packet.pts) - in_33_bits(to_ticks(expected.pts, 90'000));
      CHECK(std::abs(apart) <= 4);
    }
  });
  av_log_set_callback(av_log_default_callback);
  CHECK(warnings.empty());
  CHECK(pictures == clip.video.size());
  CHECK(frames == clip.audio.size());
}

}  // namespace

TEST_CASE("H.264 with B-frames and AAC are read as they were", "[ts][oracle]") {
  compare("h264",
          "-c:v libx264 -g 30 -keyint_min 30 -sc_threshold 0 -bf 3 -pix_fmt yuv420p -c:a aac");
}

TEST_CASE("H.264 without B-frames is read as it was", "[ts][oracle]") {
  compare("baseline", "-c:v libx264 -g 45 -profile:v baseline -pix_fmt yuv420p -c:a aac -ac 1");
}

TEST_CASE("HEVC is read as it was", "[ts][oracle]") {
  compare("hevc",
          "-c:v libx265 -x265-params log-level=error:keyint=30:min-keyint=30:scenecut=0:"
          "open-gop=0 -pix_fmt yuv420p -tag:v hvc1 -c:a aac");
}
