#include "ingest/rtmp/on_meta_data.h"

#include <catch2/catch.hpp>
#include <limits>

#include "net/rtmp/amf0.h"

using millrace::ingest::Announcement;
using millrace::ingest::parse_on_meta_data;
using namespace millrace::net::rtmp;

namespace {

using ByteVector = std::vector<std::uint8_t>;

ByteVector message(const AmfValue& name, const AmfValue& value) {
  ByteVector body;
  append_amf0(body, name);
  append_amf0(body, value);
  return body;
}

Announcement announced(AmfObject properties) {
  const auto parsed = parse_on_meta_data(message("onMetaData", AmfValue(std::move(properties))));
  REQUIRE(parsed);
  return *parsed;
}

}  // namespace

TEST_CASE("an encoder's tracks, frame rate and name are read", "[metadata]") {
  // As OBS sends it, as far as it matters here.
  const auto announcement = announced({{"duration", 0.0},
                                       {"width", 1280.0},
                                       {"height", 720.0},
                                       {"videocodecid", 7.0},
                                       {"videodatarate", 2500.0},
                                       {"framerate", 59.94},
                                       {"audiocodecid", 10.0},
                                       {"encoder", "obs-output module (libobs version 29.0.2)"}});
  CHECK(announcement.has_video);
  CHECK(announcement.has_audio);
  CHECK(announcement.frame_rate == 59.94);
  CHECK(announcement.encoder == "obs-output module (libobs version 29.0.2)");
}

TEST_CASE("an ECMA array is read like an object, as FFmpeg sends it", "[metadata]") {
  auto body = message("onMetaData", AmfValue(AmfObject{{"audiocodecid", 10.0}}));
  // Marker 3 becomes 8 with a count.
  const auto marker = body.begin() + 3 + 10;
  REQUIRE(*marker == 3);
  *marker = 8;
  body.insert(marker + 1, {0, 0, 0, 1});
  const auto announcement = parse_on_meta_data(body);
  REQUIRE(announcement);
  CHECK_FALSE(announcement->has_video);
}

TEST_CASE("one codec alone announces one track, none announces nothing", "[metadata]") {
  const auto video = announced({{"videocodecid", "hvc1"}});
  CHECK(video.has_video);
  CHECK_FALSE(video.has_audio);
  const auto audio = announced({{"audiocodecid", 10.0}});
  CHECK_FALSE(audio.has_video);
  CHECK(audio.has_audio);
  const auto neither = announced({{"width", 1280.0}});
  CHECK(neither.has_video);
  CHECK(neither.has_audio);
}

TEST_CASE("a frame rate may go by either name", "[metadata]") {
  CHECK(announced({{"videoframerate", 25.0}}).frame_rate == 25);
  CHECK(announced({{"videoframerate", 25.0}, {"framerate", 30.0}}).frame_rate == 30);
  CHECK(announced({{"videoframerate", 25.0}, {"framerate", 0.0}}).frame_rate == 25);
}

TEST_CASE("a frame rate that cannot be is not said", "[metadata]") {
  using Limits = std::numeric_limits<double>;
  for (const AmfValue& rate :
       {AmfValue(0.0), AmfValue(-30.0), AmfValue(1000.5), AmfValue(Limits::infinity()),
        AmfValue(Limits::quiet_NaN()), AmfValue("30"), AmfValue(AmfNull{}), AmfValue(true)})
    CHECK(announced({{"framerate", rate}}).frame_rate == 0);
  CHECK(announced({{"framerate", 1000.0}}).frame_rate == 1000);
}

TEST_CASE("an encoder's name is text of a bounded length", "[metadata]") {
  CHECK(announced({{"encoder", std::string(70'000, 'x')}}).encoder == std::string(128, 'x'));
  CHECK(announced({{"encoder", 7.0}}).encoder.empty());
}

TEST_CASE("other data messages and unreadable ones announce nothing", "[metadata]") {
  CHECK_FALSE(parse_on_meta_data({}));
  CHECK_FALSE(parse_on_meta_data(message("onTextData", AmfValue(AmfObject{}))));
  CHECK_FALSE(parse_on_meta_data(message(1.0, AmfValue(AmfObject{}))));
  CHECK_FALSE(parse_on_meta_data(message("onMetaData", "none")));
  auto cut = message("onMetaData", AmfValue(AmfObject{{"framerate", 30.0}}));
  while (!cut.empty()) {
    cut.pop_back();
    CHECK_FALSE(parse_on_meta_data(cut));
  }
}
