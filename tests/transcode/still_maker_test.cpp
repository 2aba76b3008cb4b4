#include "transcode/still_maker.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "tests/transcode/clip.h"
#include "transcode/decoder.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::transcode;

namespace {

StillOptions options() {
  return {.channel = "shop",
          .worker_path = MILLRACE_TRANSCODER,
          .rungs = {{"source", 320, 180, 500'000}, {"small", 160, 90, 200'000}},
          .pictures = 60,
          .picture_duration = 33'333'333ns,
          .slate = {}};
}

/// Runs the loop until the reply has come; empty after 20 s.
std::optional<Result<std::vector<StillRung>>> make(const StillOptions& still,
                                                   const std::vector<EncodedPacket>& source) {
  net::EventLoop loop;
  net::Timer deadline(loop);
  std::optional<Result<std::vector<StillRung>>> reply;
  auto maker = make_still(still, source, loop, [&](Result<std::vector<StillRung>> stills) {
    reply.emplace(std::move(stills));
    loop.stop();
  });
  if (!maker.has_value()) return Result<std::vector<StillRung>>(maker.error());
  deadline.start(20s, [&loop] { loop.stop(); });
  loop.run();
  return reply;
}

std::vector<Frame> decode(const StillRung& rung) {
  auto decoder = Decoder::create(rung.track);
  REQUIRE(decoder.has_value());
  std::vector<Frame> frames;
  const auto on_frame = [&frames](Frame frame) { frames.push_back(std::move(frame)); };
  for (std::size_t i = 0; i < rung.pictures.size(); ++i) {
    EncodedPacket packet;
    packet.track = rung.track;
    packet.payload = rung.pictures[i];
    packet.pts = packet.dts = static_cast<std::int64_t>(i) * 33'333'333ns;
    packet.is_key_frame = i == 0;
    decoder.value()->push(packet, on_frame);
  }
  decoder.value()->drain(on_frame);
  CHECK(decoder.value()->errors() == 0);
  return frames;
}

double mean_difference(const AVFrame& a, const AVFrame& b) {
  REQUIRE(a.width == b.width);
  REQUIRE(a.height == b.height);
  double sum = 0;
  for (int y = 0; y < a.height; ++y)
    for (int x = 0; x < a.width; ++x)
      sum += std::abs(a.data[0][y * a.linesize[0] + x] - b.data[0][y * b.linesize[0] + x]);
  return sum / (a.width * a.height);
}

/// A white file of 40 by 90, gone with this.
struct PictureFile {
  explicit PictureFile(const std::string& suffix)
      : path(std::filesystem::temp_directory_path() /
             ("still_" + std::to_string(::getpid()) + suffix)) {
    const std::string command = "ffmpeg -v error -y -f lavfi -i color=c=white:s=40x90 -frames:v 1 ";
    REQUIRE(std::system((command + path.string()).c_str()) == 0);
  }
  ~PictureFile() { std::filesystem::remove(path); }
  const std::filesystem::path path;
};

}  // namespace

TEST_CASE("the last picture is encoded once for every rung, to be repeated", "[still]") {
  const auto clip = test::make_clip({.frames = 45, .gop = 30, .b_frames = 2});
  const auto reply = make(options(), {clip.begin() + 30, clip.end()});
  REQUIRE(reply.has_value());
  REQUIRE(reply->has_value());
  const auto& rungs = reply->value();
  REQUIRE(rungs.size() == 2);
  CHECK(rungs[0].track->video.width == 320);
  CHECK(rungs[1].track->video.width == 160);
  CHECK(rungs[0].track->video.frame_rate == Rational{30, 1});
  for (const auto& rung : rungs) {
    CHECK(rung.pictures.size() == 60);
    CHECK(decode(rung).size() == 60);
    // A picture that does not move takes next to nothing.
    CHECK(rung.pictures.back().size() < rung.pictures.front().size() / 5);
  }
  // It is the last one that the source showed.
  auto decoder = Decoder::create(clip.front().track);
  REQUIRE(decoder.has_value());
  FramePointer newest;
  const auto keep = [&newest](Frame frame) { newest = std::move(frame.planes); };
  for (const auto& packet : clip) decoder.value()->push(packet, keep);
  decoder.value()->drain(keep);
  CHECK(mean_difference(*newest, *decode(rungs[0]).back().planes) < 4);
}

TEST_CASE("a still picture is of the codec that its rung asks for", "[still]") {
  const auto clip = test::make_clip({.frames = 30});
  StillOptions still = options();
  still.rungs[0].codec = GENERATE(Codec::kHevc, Codec::kAv1);
  const auto reply = make(still, clip);
  REQUIRE(reply.has_value());
  REQUIRE(reply->has_value());
  const auto& rungs = reply->value();
  CHECK(rungs[0].track->codec == still.rungs[0].codec);
  CHECK(rungs[1].track->codec == Codec::kH264);
  CHECK(decode(rungs[0]).size() == 60);
  CHECK(rungs[0].pictures.back().size() < rungs[0].pictures.front().size() / 5);
}

TEST_CASE("a slate stands in the middle of black, in its own proportions", "[still]") {
  const auto clip = test::make_clip({.frames = 30});
  StillOptions still = options();
  const PictureFile file(GENERATE(".png", ".jpg"));
  still.slate = file.path;
  const auto reply = make(still, clip);
  REQUIRE(reply.has_value());
  REQUIRE(reply->has_value());
  const auto frames = decode(reply->value()[0]);
  REQUIRE_FALSE(frames.empty());
  const AVFrame& picture = *frames.back().planes;
  const auto luma = [&picture](int x, int y) {
    return picture.data[0][y * picture.linesize[0] + x];
  };
  CHECK(luma(160, 90) > 225);  // 80 by 180, in the middle.
  CHECK(luma(160, 2) > 225);
  CHECK(luma(100, 90) < 24);
  CHECK(luma(220, 90) < 24);
}

TEST_CASE("a held picture keeps high dynamic range where its rung does, a slate has none",
          "[still]") {
  auto clip = test::make_clip({.frames = 30});
  TrackInfo hdr = *clip.front().track;
  hdr.video.colour = {9, 16, 9, false};
  const auto track = std::make_shared<const TrackInfo>(hdr);
  for (auto& packet : clip) packet.track = track;
  StillOptions still = options();
  still.rungs[0].codec = Codec::kHevc;
  still.rungs[0].hdr = HdrMode::kKeep;
  still.pictures = 6;
  const Colour standard{.primaries = 1, .transfer = 1, .matrix = 1};

  const auto picture = make(still, clip);
  REQUIRE(picture.has_value());
  REQUIRE(picture->has_value());
  CHECK(picture->value()[0].track->video.colour == hdr.video.colour);
  CHECK(decode(picture->value()[0]).back().planes->format == AV_PIX_FMT_YUV420P10);
  CHECK(picture->value()[1].track->video.colour == standard);

  const PictureFile file(".png");
  still.slate = file.path;
  const auto slate = make(still, clip);
  REQUIRE(slate.has_value());
  REQUIRE(slate->has_value());
  for (const auto& rung : slate->value()) {
    CHECK(rung.track->video.colour == standard);
    const auto frames = decode(rung);
    REQUIRE_FALSE(frames.empty());
    const AVFrame& shown = *frames.back().planes;
    CHECK(shown.format == AV_PIX_FMT_YUV420P);
    CHECK(shown.data[0][shown.height / 2 * shown.linesize[0] + shown.width / 2] > 225);
  }
}

TEST_CASE("a still picture that cannot be made says why", "[still]") {
  const auto clip = test::make_clip({.frames = 30});
  SECTION("a slate that is not there") {
    StillOptions still = options();
    still.slate = "nowhere.png";
    const auto reply = make(still, clip);
    REQUIRE(reply.has_value());
    REQUIRE_FALSE(reply->has_value());
    CHECK(reply->error().message.find("nowhere.png") != std::string::npos);
  }
  SECTION("no picture that can be decoded") {
    auto broken = clip.front();
    broken.payload = Bytes::copy_of("nothing that a decoder knows");
    const auto reply = make(options(), {broken});
    REQUIRE(reply.has_value());
    CHECK_FALSE(reply->has_value());
  }
  SECTION("no source") {
    CHECK_FALSE(make(options(), {})->has_value());
  }
  SECTION("no worker") {
    StillOptions still = options();
    still.worker_path = "/bin/false";
    const auto reply = make(still, clip);
    REQUIRE(reply.has_value());
    CHECK_FALSE(reply->has_value());
  }
}
