#include "ingest/gst/sample_reader.h"

#include <gst/gst.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <string>

using namespace std::chrono_literals;
using millrace::ErrorCode;
using millrace::ingest::SampleReader;

namespace {

// x264, 320x180, constrained baseline, 30 frames a second; AAC-LC, 48 kHz, stereo.
constexpr auto kVideo =
    "video/x-h264, stream-format=(string)avc, alignment=(string)au, codec_data=(buffer)"
    "0142c015ffe1001c6742c015da05067e7c05a830303528000003000800000301e478b17501000468ce3c80";
constexpr auto kAudio =
    "audio/mpeg, mpegversion=(int)4, stream-format=(string)raw, codec_data=(buffer)1190";

// NAL units with their lengths: an IDR picture's slice, and another's.
const std::string kIdr("\0\0\0\2\x65x", 6);
const std::string kOther("\0\0\0\2\x41x", 6);

/// What an appsink would hand over.
class Sample {
 public:
  explicit Sample(const char* caps_text, const std::string& payload = kIdr) {
    gst_init(nullptr, nullptr);
    gst_segment_init(&segment_, GST_FORMAT_TIME);
    caps_ = gst_caps_from_string(caps_text);
    buffer_ = gst_buffer_new_allocate(nullptr, payload.size(), nullptr);
    gst_buffer_fill(buffer_, 0, payload.data(), payload.size());
    GST_BUFFER_PTS(buffer_) = 0;
  }
  ~Sample() {
    gst_buffer_unref(buffer_);
    gst_caps_unref(caps_);
  }
  Sample(const Sample&) = delete;
  Sample& operator=(const Sample&) = delete;

  Sample& at(GstClockTime pts, GstClockTime dts) {
    GST_BUFFER_PTS(buffer_) = pts;
    GST_BUFFER_DTS(buffer_) = dts;
    return *this;
  }
  Sample& delta() {
    GST_BUFFER_FLAG_SET(buffer_, GST_BUFFER_FLAG_DELTA_UNIT);
    return *this;
  }
  Sample& segment_from(GstClockTime start) {
    segment_.start = start;
    return *this;
  }
  auto read_by(SampleReader& reader) {
    GstSample* sample = gst_sample_new(buffer_, caps_, &segment_, nullptr);
    auto result = reader.read(sample, std::chrono::steady_clock::time_point(7s));
    gst_sample_unref(sample);
    return result;
  }

 private:
  GstSegment segment_;
  GstCaps* caps_;
  GstBuffer* buffer_;
};

}  // namespace

TEST_CASE("an appsink's sample becomes a packet of its track", "[sample_reader]") {
  SampleReader reader;
  const auto read = Sample(kVideo).at(40'000'000, 20'000'000).read_by(reader);
  REQUIRE(read.has_value());
  REQUIRE(read.value());
  const auto& packet = *read.value();
  CHECK(packet.track->codec == millrace::Codec::kH264);
  CHECK(packet.track->video.width == 320);
  CHECK(packet.track->video.height == 180);
  CHECK(packet.payload.text() == kIdr);
  CHECK(packet.pts == 40ms);
  CHECK(packet.dts == 20ms);
  CHECK(packet.is_key_frame);
  CHECK(packet.received_at == std::chrono::steady_clock::time_point(7s));
}

TEST_CASE("audio is read from its AudioSpecificConfig", "[sample_reader]") {
  SampleReader reader;
  const auto read = Sample(kAudio).read_by(reader);
  REQUIRE(read.has_value());
  CHECK(read.value()->track->audio.sample_rate == 48'000);
  CHECK(read.value()->track->audio.channels == 2);
}

TEST_CASE("a key frame is what its bits say, whatever the flag", "[sample_reader]") {
  SampleReader reader;
  CHECK(Sample(kVideo, kIdr).delta().read_by(reader).value()->is_key_frame);
  CHECK_FALSE(Sample(kVideo, kOther).read_by(reader).value()->is_key_frame);
}

TEST_CASE("a picture whose NAL units do not add up is refused", "[sample_reader]") {
  SampleReader reader;
  CHECK(Sample(kVideo, "media").read_by(reader).error().code == ErrorCode::kInvalidData);
}

TEST_CASE("times are running time, before the segment's start too", "[sample_reader]") {
  SampleReader reader;
  const auto read = Sample(kVideo)
                        .segment_from(3'600'000 * GST_SECOND)
                        .at(3'600'000 * GST_SECOND, 3'600'000 * GST_SECOND - 40'000'000)
                        .read_by(reader);
  REQUIRE(read.has_value());
  CHECK(read.value()->pts == 0ms);
  CHECK(read.value()->dts == -40ms);
}

TEST_CASE("a missing decode time is the presentation time", "[sample_reader]") {
  SampleReader reader;
  const auto read = Sample(kVideo).at(40'000'000, GST_CLOCK_TIME_NONE).read_by(reader);
  CHECK(read.value()->dts == 40ms);
}

TEST_CASE("the track stays the same object until its parameters change", "[sample_reader]") {
  SampleReader reader;
  const auto first = Sample(kVideo).read_by(reader).value()->track;
  CHECK(Sample(kVideo).read_by(reader).value()->track == first);
  const auto mono = Sample("audio/mpeg, codec_data=(buffer)1188").read_by(reader).value()->track;
  CHECK(mono != first);
}

TEST_CASE("a buffer without media is nothing", "[sample_reader]") {
  SampleReader reader;
  const auto read = Sample(kVideo, "").read_by(reader);
  REQUIRE(read.has_value());
  CHECK_FALSE(read.value());
}

TEST_CASE("what cannot be read is refused", "[sample_reader]") {
  SampleReader reader;
  CHECK(Sample("video/x-h264").read_by(reader).error().code == ErrorCode::kInvalidData);
  CHECK(Sample("video/x-vp8, codec_data=(buffer)00").read_by(reader).error().code ==
        ErrorCode::kUnsupported);
  CHECK_FALSE(Sample("video/x-h264, codec_data=(buffer)01").read_by(reader).has_value());
  const auto timeless = Sample(kVideo).at(GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE).read_by(reader);
  CHECK(timeless.error().code == ErrorCode::kInvalidData);
}
