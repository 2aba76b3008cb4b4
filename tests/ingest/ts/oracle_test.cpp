// Against libavformat: the same packets out of what FFmpeg's muxer wrote.
#include "ingest/ts/ts_demuxer.h"

#include <catch2/catch.hpp>

extern "C" {
#include <libavformat/avformat.h>
}

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "media/annex_b.h"

using namespace millrace;
using namespace millrace::ingest;

namespace {

struct Unit {
  MediaTime pts{};
  MediaTime dts{};
  bool is_key = false;
  Bytes payload;
};

struct Streams {
  std::vector<Unit> video;
  std::vector<Unit> audio;                     ///< Of the first track of sound.
  std::map<int, std::vector<Unit>> alternate;  ///< Of the others, by their index.
};

/// Kept for the run of the tests.
std::filesystem::path folder() {
  static const auto path = [] {
    auto made = std::filesystem::temp_directory_path() / "millrace-ts-XXXXXX";
    std::string name = made.string();
    REQUIRE(mkdtemp(name.data()));
    return std::filesystem::path(name);
  }();
  return path;
}

/// A clip of two seconds, encoded as `codecs` say; empty where there is no ffmpeg.
std::filesystem::path make_clip(const std::string& name, const std::string& codecs) {
  const auto path = folder() / (name + ".ts");
  const std::string command =
      "ffmpeg -nostdin -y -loglevel error -f lavfi -i testsrc2=size=320x180:rate=30 -f lavfi -i "
      "sine=frequency=440:sample_rate=48000 -t 2 " +
      codecs + " -f mpegts " + path.string();
  return std::system(command.c_str()) == 0 ? path : std::filesystem::path();
}

std::vector<std::uint8_t> bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Streams demux_by_oracle(const std::filesystem::path& path) {
  AVFormatContext* context = nullptr;
  REQUIRE(avformat_open_input(&context, path.c_str(), nullptr, nullptr) == 0);
  REQUIRE(avformat_find_stream_info(context, nullptr) >= 0);
  Streams streams;
  AVPacket* const packet = av_packet_alloc();
  while (av_read_frame(context, packet) == 0) {
    const AVCodecParameters& codec = *context->streams[packet->stream_index]->codecpar;
    const auto time = [](std::int64_t ticks) { return MediaTime((ticks * 100'000 + 4) / 9); };
    const auto data = std::span(packet->data, static_cast<std::size_t>(packet->size));
    Unit unit{time(packet->pts), time(packet->dts), (packet->flags & AV_PKT_FLAG_KEY) != 0, {}};
    if (codec.codec_type == AVMEDIA_TYPE_VIDEO) {
      unit.payload =
          parse_annex_b(codec.codec_id == AV_CODEC_ID_HEVC ? Codec::kHevc : Codec::kH264, data)
              .payload;
      streams.video.push_back(std::move(unit));
    } else {
      const bool is_adts = codec.codec_id == AV_CODEC_ID_AAC;
      unit.payload = Bytes::copy_of(is_adts ? data.subspan(7) : data);
      int index = 0;
      for (int i = 0; i < packet->stream_index; ++i)
        index += context->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_AUDIO ? 1 : 0;
      (index == 0 ? streams.audio : streams.alternate[index]).push_back(std::move(unit));
    }
    av_packet_unref(packet);
  }
  av_packet_free(&const_cast<AVPacket*&>(packet));
  avformat_close_input(&context);
  return streams;
}

struct Ours final : TsEvents {
  Streams streams;
  std::size_t early = 0;  ///< Pictures that came before the next of their PID began.
  std::size_t tracks = 0;
  std::map<int, std::shared_ptr<const TrackInfo>> sounds;

  void on_program(const Announcement& program) override { tracks = program.tracks; }
  Status on_packet(SourcePacket packet) override {
    const bool is_video = packet.track->kind == MediaKind::kVideo;
    const int index = packet.track->index;
    if (!is_video) sounds.emplace(index, packet.track);
    (is_video     ? streams.video
     : index == 0 ? streams.audio
                  : streams.alternate[index])
        .push_back({packet.pts, packet.dts, packet.is_key_frame, std::move(packet.payload)});
    return ok();
  }
};

std::string describe(const Unit& unit) {
  return std::to_string(unit.dts.count()) + " " + std::to_string(unit.pts.count()) + " " +
         std::to_string(unit.is_key) + " " + std::to_string(unit.payload.size());
}

void compare_sound(const std::vector<Unit>& ours, const std::vector<Unit>& expected,
                   bool compares_bytes) {
  REQUIRE(ours.size() == expected.size());
  for (std::size_t i = 0; compares_bytes && i < expected.size(); ++i) {
    CHECK(ours[i].payload == expected[i].payload);
    // libavformat rounds a frame's time to ticks.
    const auto apart = ours[i].pts - expected[i].pts;
    CHECK(std::chrono::abs(apart) <= std::chrono::microseconds(23));
  }
}

/// The tracks of sound that were found.
std::map<int, std::shared_ptr<const TrackInfo>> compare(const std::filesystem::path& path,
                                                        bool compares_sound) {
  if (path.empty()) {
    WARN("there is no ffmpeg with that encoder: not compared");
    return {};
  }
  const Streams expected = demux_by_oracle(path);
  REQUIRE(expected.video.size() > 30);
  Ours ours;
  TsDemuxer demuxer({}, ours);
  const auto bytes = bytes_of(path);
  std::size_t pictures_begun = 0;
  for (std::size_t at = 0; at + 188 <= bytes.size(); at += 188) {
    const auto packet = std::span(bytes).subspan(at, 188);
    const bool begins_picture =
        (packet[1] & 0x40) && ((packet[1] & 0x1F) << 8 | packet[2]) == 0x100;
    if (begins_picture && pictures_begun++ > 0 && ours.streams.video.size() == pictures_begun - 1)
      ++ours.early;
    REQUIRE(demuxer.push(packet, {}).has_value());
  }
  REQUIRE(demuxer.finish().has_value());
  REQUIRE(ours.streams.video.size() == expected.video.size());
  for (std::size_t i = 0; i < expected.video.size(); ++i) {
    CHECK(describe(ours.streams.video[i]) == describe(expected.video[i]));
    CHECK(ours.streams.video[i].payload == expected.video[i].payload);
  }
  compare_sound(ours.streams.audio, expected.audio, compares_sound);
  CHECK(ours.streams.alternate.size() == expected.alternate.size());
  for (const auto& [index, units] : expected.alternate)
    compare_sound(ours.streams.alternate[index], units, compares_sound);
  CHECK(demuxer.counts().dropped_units == 0);
  CHECK(demuxer.counts().continuity_errors == 0);
  // All but those that fill their last packet to the byte.
  CHECK(ours.early * 100 >= (expected.video.size() - 1) * 99);
  CHECK(ours.tracks == 1 + ours.sounds.size());
  return ours.sounds;
}

}  // namespace

TEST_CASE("H.264 with B-frames and AAC come out as libavformat reads them", "[ts][oracle]") {
  compare(make_clip("h264", "-c:v libx264 -preset ultrafast -bf 2 -g 30 -c:a aac -b:a 96k"), true);
}

TEST_CASE("HEVC comes out as libavformat reads it", "[ts][oracle]") {
  compare(make_clip("hevc",
                    "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=30 "
                    "-c:a aac -b:a 96k"),
          true);
}

TEST_CASE("AAC in LATM comes out frame by frame", "[ts][oracle]") {
  // libavformat gives LATM as it is: only the frames are counted against it.
  compare(make_clip("latm",
                    "-c:v libx264 -preset ultrafast -g 30 -c:a aac -b:a 96k "
                    "-mpegts_flags latm"),
          false);
}

TEST_CASE("sound in other codecs comes out as libavformat reads it", "[ts][oracle]") {
  const auto [name, encoder, codec, rate, channels, samples] =
      GENERATE(table<std::string, std::string, Codec, int, int, int>({
          {"mp2", "mp2 -b:a 192k -ac 2", Codec::kMp2, 48'000, 2, 1152},
          {"mp2-low", "mp2 -b:a 64k -ar 22050 -ac 1", Codec::kMp2, 22'050, 1, 1152},
          {"mp3", "libmp3lame -b:a 128k -ac 2 -ar 44100", Codec::kMp3, 44'100, 2, 1152},
          {"mp3-low", "libmp3lame -b:a 32k -ac 1 -ar 16000", Codec::kMp3, 16'000, 1, 576},
          {"ac3", "ac3 -b:a 192k -ac 2", Codec::kAc3, 48'000, 2, 1536},
          {"ac3-51", "ac3 -b:a 384k -ac 6 -ar 44100", Codec::kAc3, 44'100, 6, 1536},
          {"opus", "libopus -b:a 96k -ac 2", Codec::kOpus, 48'000, 2, 960},
          {"opus-short", "libopus -b:a 96k -ac 1 -frame_duration 10", Codec::kOpus, 48'000, 1, 960},
          {"opus-51", "libopus -b:a 256k -ac 6", Codec::kOpus, 48'000, 6, 960},
      }));
  CAPTURE(name);
  const auto sounds =
      compare(make_clip(name, "-c:v libx264 -preset ultrafast -g 30 -c:a " + encoder), true);
  if (sounds.empty()) return;
  const TrackInfo& track = *sounds.at(0);
  CHECK(track.codec == codec);
  CHECK(track.audio == AudioParameters{rate, channels, samples});
}

TEST_CASE("all tracks of sound come out, with their languages", "[ts][oracle]") {
  const auto sounds =
      compare(make_clip("languages",
                        "-map 0:v -map 1:a -map 1:a -map 1:a -c:v libx264 -preset ultrafast -g 30 "
                        "-c:a:0 aac -c:a:1 mp2 -c:a:2 libopus -metadata:s:a:0 language=eng "
                        "-metadata:s:a:1 language=fra"),
              true);
  if (sounds.empty()) return;
  REQUIRE(sounds.size() == 3);
  CHECK(sounds.at(0)->language == "eng");
  CHECK(sounds.at(1)->language == "fra");
  CHECK(sounds.at(1)->index == 1);
  CHECK(sounds.at(2)->language.empty());
  CHECK(sounds.at(2)->codec == Codec::kOpus);
}

TEST_CASE("a live encoder's clip comes out as libavformat reads it", "[ts][oracle]") {
  const auto clip =
      std::filesystem::path(MILLRACE_ROOT) / "../shared/media/anim_product_1080p60_obs_6000k.ts";
  if (!std::filesystem::exists(clip)) {
    WARN("the clip is not here: not compared");
    return;
  }
  compare(clip, true);
}
