#include "hls/playlist/multivariant_playlist.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace millrace;
using namespace millrace::hls::playlist;

namespace {

RenditionEntry video(std::string name, int width, int height, std::int64_t bandwidth) {
  TrackInfo track;
  track.video = {.width = width, .height = height, .frame_rate = {30, 1}, .colour = {1, 1, 1}};
  return {.name = std::move(name),
          .codecs = "avc1.640028",
          .bandwidth = bandwidth,
          .average_bandwidth = bandwidth * 4 / 5,
          .track = std::make_shared<const TrackInfo>(std::move(track))};
}

RenditionEntry audio(std::string name = "audio", std::string codecs = "mp4a.40.2",
                     int channels = 2) {
  TrackInfo track;
  track.kind = MediaKind::kAudio;
  track.codec = Codec::kAac;
  track.audio = {.sample_rate = 48000, .channels = channels};
  return {.name = std::move(name),
          .codecs = std::move(codecs),
          .bandwidth = 132'000,
          .average_bandwidth = 128'000,
          .track = std::make_shared<const TrackInfo>(std::move(track))};
}

std::string rendered(const std::vector<RenditionEntry>& renditions) {
  return render_multivariant(renditions, ClosedCaptions::kNone, AudioOnly::kLeftOut);
}

/// The tag of a lone video rendition whose parameters are changed.
template <typename Change>
std::string stream_inf(Change change) {
  RenditionEntry entry = video("source", 1920, 1080, 5'000'000);
  TrackInfo track = *entry.track;
  change(track.video);
  entry.track = std::make_shared<const TrackInfo>(std::move(track));
  const std::string text = rendered({entry});
  const std::string before =
      "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=5000000,"
      "AVERAGE-BANDWIDTH=4000000,CODECS=\"avc1.640028\",";
  const std::string behind = ",CLOSED-CAPTIONS=NONE\nsource/index.m3u8\n";
  REQUIRE(text.substr(0, before.size()) == before);
  REQUIRE(text.substr(text.size() - behind.size()) == behind);
  return text.substr(before.size(), text.size() - before.size() - behind.size());
}

std::string at_rate(Rational rate) {
  return stream_inf([rate](VideoParameters& video) { video.frame_rate = rate; });
}

std::string with_transfer(int transfer) {
  return stream_inf([transfer](VideoParameters& video) { video.colour.transfer = transfer; });
}

std::string of_size(int width, int height, Rational sample_aspect_ratio) {
  return stream_inf([=](VideoParameters& video) {
    video.width = width;
    video.height = height;
    video.sample_aspect_ratio = sample_aspect_ratio;
  });
}

/// Lines that begin with a space go on with the one before.
std::string unwrapped(std::string text) {
  for (auto at = text.find("\n "); at != std::string::npos; at = text.find("\n ", at))
    text.erase(at, text.find_first_not_of(' ', at + 1) - at);
  return text;
}

}  // namespace

TEST_CASE("every video rendition is a variant with the group's sound", "[multivariant]") {
  CHECK(rendered({video("source", 1920, 1080, 5'000'000), video("720p", 1280, 720, 2'800'000),
                  audio()}) == unwrapped(R"(#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="audio",LANGUAGE="und",
  DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=5132000,AVERAGE-BANDWIDTH=4128000,CODECS="avc1.640028,mp4a.40.2",
  RESOLUTION=1920x1080,FRAME-RATE=30.000,VIDEO-RANGE=SDR,CLOSED-CAPTIONS=NONE,AUDIO="audio"
source/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=2932000,AVERAGE-BANDWIDTH=2368000,CODECS="avc1.640028,mp4a.40.2",
  RESOLUTION=1280x720,FRAME-RATE=30.000,VIDEO-RANGE=SDR,CLOSED-CAPTIONS=NONE,AUDIO="audio"
720p/index.m3u8
)"));
}

TEST_CASE("pictures without sound are variants without a group", "[multivariant]") {
  CHECK(rendered({video("source", 1080, 1920, 5'000'000)}) == unwrapped(R"(#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=5000000,AVERAGE-BANDWIDTH=4000000,CODECS="avc1.640028",
  RESOLUTION=1080x1920,FRAME-RATE=30.000,VIDEO-RANGE=SDR,CLOSED-CAPTIONS=NONE
source/index.m3u8
)"));
}

TEST_CASE("sound without pictures is a variant itself", "[multivariant]") {
  CHECK(rendered({audio()}) == unwrapped(R"(#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=132000,AVERAGE-BANDWIDTH=128000,CODECS="mp4a.40.2"
audio/index.m3u8
)"));
}

TEST_CASE("with two codecs of sound each variant names both and counts the larger",
          "[multivariant]") {
  RenditionEntry surround = audio("surround", "mp4a.40.5", 6);
  surround.bandwidth = 330'000;
  surround.average_bandwidth = 320'000;
  CHECK(rendered({audio(), video("source", 1920, 1080, 5'000'000), surround}) ==
        unwrapped(R"(#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="audio",LANGUAGE="und",
  DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio/index.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="surround",LANGUAGE="und",
  DEFAULT=NO,AUTOSELECT=NO,CHANNELS="6",URI="surround/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=5330000,AVERAGE-BANDWIDTH=4320000,
  CODECS="avc1.640028,mp4a.40.2,mp4a.40.5",
  RESOLUTION=1920x1080,FRAME-RATE=30.000,VIDEO-RANGE=SDR,CLOSED-CAPTIONS=NONE,AUDIO="audio"
source/index.m3u8
)"));
}

TEST_CASE("a codec of two audio renditions is named once", "[multivariant]") {
  const std::string text =
      rendered({video("source", 1920, 1080, 5'000'000), audio("first"), audio("second")});
  CHECK(text.find("CODECS=\"avc1.640028,mp4a.40.2\",") != std::string::npos);
}

TEST_CASE("an average is never above the peak", "[multivariant]") {
  RenditionEntry calm = video("source", 1920, 1080, 5'000'000);
  calm.average_bandwidth = 6'000'000;
  CHECK(rendered({calm}).find("BANDWIDTH=5000000,AVERAGE-BANDWIDTH=5000000,") != std::string::npos);
}

TEST_CASE("a frame rate has three decimals, rounded", "[multivariant]") {
  CHECK(at_rate({25, 1}) == "RESOLUTION=1920x1080,FRAME-RATE=25.000,VIDEO-RANGE=SDR");
  CHECK(at_rate({30000, 1001}) == "RESOLUTION=1920x1080,FRAME-RATE=29.970,VIDEO-RANGE=SDR");
  CHECK(at_rate({60000, 1001}) == "RESOLUTION=1920x1080,FRAME-RATE=59.940,VIDEO-RANGE=SDR");
  CHECK(at_rate({24000, 1001}) == "RESOLUTION=1920x1080,FRAME-RATE=23.976,VIDEO-RANGE=SDR");
  CHECK(at_rate({15, 2}) == "RESOLUTION=1920x1080,FRAME-RATE=7.500,VIDEO-RANGE=SDR");
  CHECK(at_rate({10007, 1000}) == "RESOLUTION=1920x1080,FRAME-RATE=10.007,VIDEO-RANGE=SDR");
}

TEST_CASE("of a variable frame rate nothing is said", "[multivariant]") {
  CHECK(at_rate({0, 1}) == "RESOLUTION=1920x1080,VIDEO-RANGE=SDR");
}

TEST_CASE("the range follows the transfer characteristics", "[multivariant]") {
  const std::string before = "RESOLUTION=1920x1080,FRAME-RATE=30.000,VIDEO-RANGE=";
  CHECK(with_transfer(16) == before + "PQ");
  CHECK(with_transfer(18) == before + "HLG");
  for (const int transfer : {1, 2, 6, 13, 14, 15}) CHECK(with_transfer(transfer) == before + "SDR");
}

TEST_CASE("the resolution is that of the display", "[multivariant]") {
  const std::string behind = ",FRAME-RATE=30.000,VIDEO-RANGE=SDR";
  CHECK(of_size(720, 576, {64, 45}) == "RESOLUTION=1024x576" + behind);
  CHECK(of_size(1440, 1080, {4, 3}) == "RESOLUTION=1920x1080" + behind);
  CHECK(of_size(720, 480, {10, 11}) == "RESOLUTION=655x480" + behind);
  CHECK(of_size(1280, 720, {0, 0}) == "RESOLUTION=1280x720" + behind);
}

TEST_CASE("captions in the pictures are a rendition of their own in every variant",
          "[multivariant]") {
  CHECK(render_multivariant({video("source", 1920, 1080, 5'000'000)}, ClosedCaptions::kCea608,
                            AudioOnly::kOffered) == unwrapped(R"(#EXTM3U
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="captions",NAME="CC1",LANGUAGE="und",
  DEFAULT=NO,AUTOSELECT=YES,INSTREAM-ID="CC1"
#EXT-X-STREAM-INF:BANDWIDTH=5000000,AVERAGE-BANDWIDTH=4000000,CODECS="avc1.640028",
  RESOLUTION=1920x1080,FRAME-RATE=30.000,VIDEO-RANGE=SDR,CLOSED-CAPTIONS="captions"
source/index.m3u8
)"));
}

namespace {

RenditionEntry sound(std::string name, int index, std::string language) {
  RenditionEntry entry = audio(std::move(name));
  TrackInfo track = *entry.track;
  track.index = index;
  track.language = std::move(language);
  entry.track = std::make_shared<const TrackInfo>(std::move(track));
  return entry;
}

}  // namespace

TEST_CASE("sound in several languages is one group, the main one first and by default",
          "[multivariant]") {
  const std::string text =
      rendered({sound("audio-2", 1, "fra"), video("source", 1920, 1080, 5'000'000),
                sound("audio", 0, "eng"), sound("audio-3", 2, "fre"), sound("audio-4", 3, "tlh")});
  const std::string wanted = unwrapped(R"(#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="English",LANGUAGE="en",
  DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2",URI="audio/index.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Français",LANGUAGE="fr",
  DEFAULT=NO,AUTOSELECT=YES,CHANNELS="2",URI="audio-2/index.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="audio-3",LANGUAGE="fr",
  DEFAULT=NO,AUTOSELECT=NO,CHANNELS="2",URI="audio-3/index.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="audio-4",LANGUAGE="tlh",
  DEFAULT=NO,AUTOSELECT=YES,CHANNELS="2",URI="audio-4/index.m3u8"
)");
  CHECK(text.substr(0, wanted.size()) == wanted);
}

TEST_CASE("the sound alone is the last variant where it is offered", "[multivariant]") {
  RenditionEntry surround = audio("surround", "mp4a.40.5", 6);
  surround.bandwidth = 330'000;
  surround.average_bandwidth = 320'000;
  const std::vector<RenditionEntry> renditions = {audio(), video("source", 1920, 1080, 5'000'000),
                                                  surround};
  const std::string without = rendered(renditions);
  CHECK(render_multivariant(renditions, ClosedCaptions::kNone, AudioOnly::kOffered) ==
        without + unwrapped(R"(#EXT-X-STREAM-INF:BANDWIDTH=330000,AVERAGE-BANDWIDTH=320000,
  CODECS="mp4a.40.2,mp4a.40.5",CLOSED-CAPTIONS=NONE,AUDIO="audio"
audio/index.m3u8
)"));
}

TEST_CASE("the sound alone has none of the pictures' captions", "[multivariant]") {
  const std::string text = render_multivariant({video("source", 1920, 1080, 5'000'000), audio()},
                                               ClosedCaptions::kCea608, AudioOnly::kOffered);
  const std::string behind = unwrapped(R"(
#EXT-X-STREAM-INF:BANDWIDTH=132000,AVERAGE-BANDWIDTH=128000,CODECS="mp4a.40.2",
  AUDIO="audio"
audio/index.m3u8
)");
  CHECK(text.substr(text.size() - behind.size()) == behind);
}

TEST_CASE("sound without pictures is no variant a second time", "[multivariant]") {
  CHECK(render_multivariant({audio()}, ClosedCaptions::kNone, AudioOnly::kOffered) ==
        rendered({audio()}));
}

TEST_CASE("variants of MPEG-TS have their sound in them, and what its packets take",
          "[multivariant]") {
  CHECK(render_ts_multivariant(
            {video("source", 1920, 1080, 5'000'000), video("480p", 854, 480, 1'200'000)}, audio(),
            ClosedCaptions::kNone) ==
        "#EXTM3U\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=5303341,AVERAGE-BANDWIDTH=4277515,"
        "CODECS=\"avc1.640028,mp4a.40.2\",RESOLUTION=1920x1080,FRAME-RATE=30.000,"
        "VIDEO-RANGE=SDR,CLOSED-CAPTIONS=NONE\n"
        "source/ts.m3u8\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=1420733,AVERAGE-BANDWIDTH=1171428,"
        "CODECS=\"avc1.640028,mp4a.40.2\",RESOLUTION=854x480,FRAME-RATE=30.000,"
        "VIDEO-RANGE=SDR,CLOSED-CAPTIONS=NONE\n"
        "480p/ts.m3u8\n");
  CHECK(render_ts_multivariant({}, audio(), ClosedCaptions::kNone) ==
        "#EXTM3U\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=166870,AVERAGE-BANDWIDTH=162783,CODECS=\"mp4a.40.2\"\n"
        "audio/ts.m3u8\n");
  const std::string captioned = render_ts_multivariant({video("source", 1280, 720, 1'000'000)},
                                                       std::nullopt, ClosedCaptions::kCea608);
  CHECK(captioned.find("#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS") != std::string::npos);
  CHECK(captioned.find("CODECS=\"avc1.640028\"") != std::string::npos);
  CHECK(captioned.find("CLOSED-CAPTIONS=\"captions\"") != std::string::npos);
}
