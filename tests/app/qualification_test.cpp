#include "app/qualification.h"

#include <catch2/catch.hpp>

#include "base/log.h"

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::app;
using transcode::Otherwise;

namespace {

struct Fixture {
  Fixture() { log::set_level(log::Level::kOff); }
  ~Fixture() { log::set_level(log::Level::kInfo); }

  Metrics metrics;
  Ladder ladder{{.name = "source", .passthrough = true}};
  Qualification qualification{"shop", metrics};

  /// A publisher under the ladder as it is now.
  void begin() { qualification.begin(ladder); }
  double told(const char* reason) {
    return metrics
        .counter("millrace_passthrough_unqualified_total", "",
                 {{"channel", "shop"}, {"reason", reason}})
        .value();
  }
};

std::shared_ptr<const TrackInfo> video(Codec codec = Codec::kH264, bool is_interlaced = false) {
  TrackInfo track;
  track.codec = codec;
  track.video.width = 1920;
  track.video.height = 1080;
  track.video.frame_rate = {30, 1};
  track.video.is_interlaced = is_interlaced;
  return std::make_shared<const TrackInfo>(track);
}

/// H.264 in the profile High 4:2:2.
std::shared_ptr<const TrackInfo> professional_video() {
  TrackInfo track = *video();
  track.codec_configuration = Bytes::copy_of(std::string_view("\x01\x7a\x00\x1f", 4));
  return std::make_shared<const TrackInfo>(track);
}

std::vector<ingest::Finding> found(const std::string& code) {
  return {{.code = code, .text = "It is so.", .remedy = "Make it not so.", .since = {}}};
}

}  // namespace

TEST_CASE("without a word in the ladder every source is passed through", "[qualification]") {
  Fixture f;
  f.begin();
  for (const auto& track : {video(Codec::kHevc, true), professional_video()}) {
    CHECK_FALSE(f.qualification.check(track));
    CHECK_FALSE(f.qualification.is_encoded(*track));
  }
  CHECK(f.told("codec") + f.told("profile") + f.told("interlaced") == 0);
}

TEST_CASE("a source past a limit is told once a publisher, and passed through all the same",
          "[qualification]") {
  Fixture f;
  f.ladder[0].limits.codecs = {Codec::kH264};
  f.begin();
  CHECK_FALSE(f.qualification.check(video(Codec::kHevc)));
  CHECK_FALSE(f.qualification.check(video(Codec::kHevc)));  // The same in another object.
  CHECK_FALSE(f.qualification.follow(found("unqualified_codec")));
  CHECK_FALSE(f.qualification.is_encoded(*video(Codec::kHevc)));
  CHECK(f.told("codec") == 1);
  f.begin();
  CHECK_FALSE(f.qualification.check(video(Codec::kHevc)));
  CHECK(f.told("codec") == 2);
}

TEST_CASE("what does not qualify is encoded where the ladder says so", "[qualification]") {
  Fixture f;
  f.ladder[0].otherwise = Otherwise::kEncode;
  f.ladder[0].limits.codecs = {Codec::kH264};
  f.ladder[0].limits.height = 1080;
  f.begin();
  CHECK_FALSE(f.qualification.is_encoded(*video()));
  CHECK(f.qualification.is_encoded(*video(Codec::kHevc)));
  CHECK(f.qualification.is_encoded(*video(Codec::kH264, true)));
  CHECK(f.qualification.is_encoded(*professional_video()));
  TrackInfo large = *video();
  large.video.width = 2560;
  large.video.height = 1440;
  CHECK(f.qualification.is_encoded(large));
  f.ladder[0].max_frame_rate = 30;
  f.begin();
  TrackInfo fast = *video();
  fast.video.frame_rate = {60, 1};
  CHECK(f.qualification.is_encoded(fast));
  CHECK_FALSE(f.qualification.is_encoded(*video()));
}

TEST_CASE("what is measured of a publisher counts from the next one on", "[qualification]") {
  Fixture f;
  f.ladder[0].otherwise = Otherwise::kEncode;
  f.begin();
  CHECK_FALSE(f.qualification.is_encoded(*video()));
  CHECK_FALSE(f.qualification.follow(found("unqualified_gop")));
  CHECK_FALSE(f.qualification.is_encoded(*video()));  // Its source begins anew.
  f.begin();
  f.begin();  // One that sent nothing says nothing.
  CHECK(f.qualification.is_encoded(*video()));
  f.begin();  // That one was good.
  CHECK_FALSE(f.qualification.is_encoded(*video()));
  CHECK_FALSE(f.qualification.follow(found("unqualified_codec")));
  f.begin();  // Its parameters speak for themselves.
  CHECK_FALSE(f.qualification.is_encoded(*video()));
}

TEST_CASE("a publisher that is refused is told why, once", "[qualification]") {
  Fixture f;
  f.ladder[0].otherwise = Otherwise::kRefuse;
  f.ladder[0].limits.codecs = {Codec::kH264};
  f.begin();
  CHECK_FALSE(f.qualification.check(video(Codec::kH264, true)));
  CHECK_FALSE(f.qualification.is_refused());
  const auto reason = f.qualification.check(video(Codec::kHevc));
  REQUIRE(reason);
  CHECK(*reason == "The picture is hevc, and the channel passes on h264. Send h264.");
  CHECK(f.qualification.is_refused());
  CHECK_FALSE(f.qualification.follow(found("unqualified_gop")));
  f.begin();
  CHECK_FALSE(f.qualification.is_refused());
  CHECK_FALSE(f.qualification.follow(found("key_frame_interval")));
  CHECK(f.qualification.follow(found("unqualified_gop")) == "It is so. Make it not so.");
  f.begin();
  CHECK(f.qualification.check(professional_video()));
}
