#include "ingest/report/stream_report.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/fake_clock.h"

namespace millrace::ingest {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<const TrackInfo> make_video() {
  TrackInfo track;
  track.codec_configuration = Bytes::copy_of(std::string_view("\x01\x64\x00\x1f", 4));
  track.video.width = 1280;
  track.video.height = 720;
  return std::make_shared<const TrackInfo>(track);
}

std::shared_ptr<const TrackInfo> make_audio() {
  TrackInfo track;
  track.kind = MediaKind::kAudio;
  track.codec = Codec::kAac;
  track.audio.sample_rate = 48'000;
  track.audio.channels = 2;
  return std::make_shared<const TrackInfo>(track);
}

Announcement announcing(double frame_rate) {
  Announcement announcement;
  announcement.frame_rate = frame_rate;
  return announcement;
}

/// A publisher of 25 pictures a second and as many frames of sound, whose habits are its members.
struct Source {
  MediaTime frame = 40ms;
  int key_frame_every = 50;
  MediaTime audio_ahead{};
  double clock_rate = 1;  ///< Of the source's clock against ours.
  bool has_audio = true;
  bool has_b_frames = false;
  MediaTime origin{};
  std::size_t key_frame_bytes = 8'000;

  test::FakeClock clock;
  Metrics metrics;
  ChannelReport report{"show", metrics, clock};
  std::shared_ptr<const TrackInfo> video = make_video();
  std::shared_ptr<const TrackInfo> audio = make_audio();
  int sent = 0;

  explicit Source(const std::string& protocol = "rtmp") { report.begin(protocol, {}); }

  void push(const std::shared_ptr<const TrackInfo>& track, MediaTime dts, MediaTime offset,
            bool is_key_frame, std::size_t bytes = 4'000) {
    report.add({.track = track,
                .payload = Bytes::copy_of(std::string(bytes, 'x')),
                .dts = dts,
                .pts = dts + offset,
                .is_key_frame = is_key_frame,
                .received_at = clock.steady_now()});
  }

  void send_frame() {
    const auto stamp = MediaTime(static_cast<std::int64_t>(
                           static_cast<double>((sent * frame).count()) * clock_rate)) +
                       origin;
    const bool is_key_frame = key_frame_every > 0 && sent % key_frame_every == 0;
    if (has_audio) push(audio, stamp + audio_ahead, 0ms, true, 300);
    const MediaTime offset = !has_b_frames ? 0ms : is_key_frame || sent % 2 == 0 ? 80ms : 0ms;
    push(video, stamp, offset, is_key_frame, is_key_frame ? key_frame_bytes : 4'000);
    ++sent;
    clock.advance(frame);
    report.tick();
  }
  void send(MediaTime length) {
    for (const auto frames = length / frame, end = sent + frames; sent < end;) send_frame();
  }

  const Finding* find(const std::string& code) {
    newest = report.findings();
    const auto found = std::find_if(newest->begin(), newest->end(),
                                    [&](const auto& finding) { return finding.code == code; });
    return found == newest->end() ? nullptr : &*found;
  }
  std::vector<std::string> codes() {
    std::vector<std::string> result;
    for (const auto& finding : *report.findings()) result.push_back(finding.code);
    return result;
  }
  double metric(const std::string& name) {
    return metrics.gauge(name, "", {{"channel", "show"}}).value();
  }

  std::shared_ptr<const std::vector<Finding>> newest;
};

using Codes = std::vector<std::string>;

}  // namespace

TEST_CASE("a good source has nothing told of it, and its figures are metrics", "[report]") {
  Source source;
  source.send(20s);
  CHECK(source.codes() == Codes{});
  CHECK(source.metric("millrace_ingest_key_frame_interval_seconds") == Approx(2));
  CHECK(source.metric("millrace_ingest_frame_rate") == Approx(25));
  CHECK(source.metric("millrace_ingest_bits_per_second") == Approx(876'000).epsilon(0.02));
}

TEST_CASE("key frames far apart are told with the interval, while the next one is awaited too",
          "[report]") {
  Source source;
  source.key_frame_every = 200;
  source.send(7s);
  REQUIRE(source.find("key_frame_interval"));
  CHECK(source.find("key_frame_interval")->value == Approx(7).margin(0.1));
  source.send(11s);
  const Finding* const finding = source.find("key_frame_interval");
  REQUIRE(finding);
  CHECK(finding->value == Approx(8));
  CHECK(finding->text.find("every 8.0 s") != std::string::npos);
  CHECK(finding->severity == Finding::Severity::kWarning);
}

TEST_CASE("key frames that come often again are told no more", "[report]") {
  Source source;
  source.key_frame_every = 200;
  source.send(9s);
  REQUIRE(source.find("key_frame_interval"));
  source.key_frame_every = 50;
  source.send(6s);
  CHECK_FALSE(source.find("key_frame_interval"));
  CHECK(source.metrics
            .gauge("millrace_ingest_findings", "",
                   {{"channel", "show"}, {"code", "key_frame_interval"}})
            .value() == 0);
}

TEST_CASE("key frames whose times run backwards leave the interval as it was", "[report]") {
  Source source;
  source.send(8200ms);
  source.push(source.video, 7900ms, 0ms, true);
  source.clock.advance(2s);
  source.report.tick();
  CHECK(source.metric("millrace_ingest_key_frame_interval_seconds") == Approx(2));
}

TEST_CASE("a source without any key frame is a problem", "[report]") {
  Source source;
  source.key_frame_every = 0;
  source.send(30s);
  REQUIRE(source.find("no_key_frame"));
  CHECK(source.report.findings()->front().code == "no_key_frame");
}

TEST_CASE("fewer pictures than announced are told with both rates", "[report]") {
  Source source;
  source.report.announce(announcing(60));
  source.send(11s);
  const Finding* const finding = source.find("frame_rate");
  REQUIRE(finding);
  CHECK(finding->text == "60 pictures a second are announced, 25 come.");
}

TEST_CASE("an announced frame rate that is no number is not judged by", "[report]") {
  Source source;
  const double rate = GENERATE(std::numeric_limits<double>::quiet_NaN(),
                               std::numeric_limits<double>::infinity(), -30.0, 1e9);
  source.report.announce(announcing(rate));
  source.send(11s);
  CHECK(source.codes() == Codes{});
}

TEST_CASE("an upload that falls behind is told with its share", "[report]") {
  Source source;
  source.clock_rate = 0.62;
  source.send(11s);
  const Finding* const finding = source.find("slow_upload");
  REQUIRE(finding);
  CHECK(finding->value == Approx(0.62).epsilon(0.02));
  CHECK(finding->severity == Finding::Severity::kProblem);
}

TEST_CASE("sound apart from the picture is told from 80 ms on, in its direction", "[report]") {
  Source source;
  source.audio_ahead = 70ms;
  source.send(11s);
  CHECK_FALSE(source.find("av_skew"));
  CHECK(source.metric("millrace_ingest_av_skew_seconds") == Approx(0.07));
  source.audio_ahead = 180ms;
  source.send(11s);
  REQUIRE(source.find("av_skew"));
  CHECK(source.find("av_skew")->text.find("180 ms ahead of") != std::string::npos);
  source.audio_ahead = -90ms;
  source.send(11s);
  REQUIRE(source.find("av_skew"));
  CHECK(source.find("av_skew")->text.find("90 ms behind") != std::string::npos);
}

TEST_CASE("a transport stream may send the picture ahead of its sound", "[report]") {
  Source source("srt");
  source.audio_ahead = -700ms;
  source.send(11s);
  CHECK_FALSE(source.find("av_skew"));
}

TEST_CASE("a clock that drifts by 200 ppm is told after minutes, one that keeps time is not",
          "[report]") {
  Source source;
  SECTION("slow") {
    source.clock_rate = 1 - 200e-6;
    source.send(400s);
    REQUIRE(source.find("clock_drift"));
    CHECK(source.find("clock_drift")->value == Approx(200).epsilon(0.15));
  }
  SECTION("exact") {
    source.send(400s);
    CHECK_FALSE(source.find("clock_drift"));
  }
}

TEST_CASE("timestamps that jump, run backwards or repeat are counted", "[report]") {
  Source source;
  source.send(3s);
  const MediaTime now = source.sent * source.frame;
  source.push(source.video, now - 500ms, 0ms, false);
  source.push(source.video, now - source.frame, 0ms, false);
  source.push(source.video, now, -10ms, false);
  source.push(source.video, now + 20ms, 0ms, false, 0);
  source.origin = 1h;
  source.send(3s);
  REQUIRE(source.find("timestamps_backwards"));
  CHECK(source.find("timestamps_backwards")->value == 1);
  REQUIRE(source.find("timestamps_repeated"));
  CHECK(source.find("timestamps_repeated")->value == 1);
  REQUIRE(source.find("shown_before_decoded"));
  REQUIRE(source.find("empty_packets"));
  REQUIRE(source.find("timestamp_jumps"));
  CHECK(source.find("timestamp_jumps")->value == 2);  // Once in each track.
}

TEST_CASE("times at the ends of what can be said do no harm", "[report]") {
  Source source;
  source.send(3s);
  for (const MediaTime time : {MediaTime::max(), MediaTime::min(), MediaTime(0), MediaTime::max()})
    source.push(source.video, time, 0ms, true);
  source.origin = 3s;
  source.send(12s);
  REQUIRE(source.find("timestamp_jumps"));
  CHECK(source.metric("millrace_ingest_frame_rate") == Approx(25));
}

TEST_CASE("B-frames are told with what they add, open groups by what is shown too early",
          "[report]") {
  Source source;
  source.has_b_frames = true;
  source.send(8s);
  REQUIRE(source.find("b_frames"));
  CHECK(source.find("b_frames")->text.find("80 ms") != std::string::npos);
  CHECK(source.find("open_groups"));
}

TEST_CASE("a missing track is told once the source has settled", "[report]") {
  Source source;
  source.has_audio = false;
  source.send(4s);
  CHECK_FALSE(source.find("no_audio"));
  source.send(3s);
  REQUIRE(source.find("no_audio"));
}

TEST_CASE("a publisher that falls silent is told by the seconds, and since when", "[report]") {
  Source source;
  source.send(6s);
  for (int i = 0; i < 100; ++i) {
    source.clock.advance(100ms);
    source.report.tick();
  }
  const Finding* const finding = source.find("silent");
  REQUIRE(finding);
  CHECK(finding->value == Approx(10).margin(1.1));
  CHECK(source.clock.steady_now() - finding->since > 5s);
}

TEST_CASE("a size that changes and a profile that browsers do not play are told", "[report]") {
  Source source;
  source.send(3s);
  TrackInfo other = *source.video;
  other.video.width = 720;
  other.video.height = 1280;
  other.codec_configuration = Bytes::copy_of(std::string_view("\x01\x7a\x00\x1f", 4));
  source.video = std::make_shared<const TrackInfo>(other);
  source.send(3s);
  REQUIRE(source.find("size_changes"));
  REQUIRE(source.find("profile"));
  CHECK(source.find("profile")->value == 122);
}

TEST_CASE("interlaced pictures and video tracks that are not aligned are told", "[report]") {
  Source source;
  TrackInfo interlaced = *source.video;
  interlaced.video.is_interlaced = true;
  source.video = std::make_shared<const TrackInfo>(interlaced);
  source.report.add_unaligned_rung();
  source.report.add_unaligned_rung();
  source.send(3s);
  REQUIRE(source.find("interlaced"));
  REQUIRE(source.find("unaligned_tracks"));
  CHECK(source.find("unaligned_tracks")->value == 2);
}

TEST_CASE("tracks beside the main ones are not judged", "[report]") {
  Source source;
  source.send(3s);
  TrackInfo other = *source.audio;
  other.index = 1;
  source.push(std::make_shared<const TrackInfo>(other), 1h, 0ms, true);
  source.send(2s);
  CHECK_FALSE(source.find("timestamp_jumps"));
}

TEST_CASE("key frames as large as a second of the stream are told", "[report]") {
  Source source;
  source.key_frame_bytes = 400'000;
  source.send(11s);
  REQUIRE(source.find("key_frame_size"));
}

TEST_CASE("SRT: a latency below four round trips and dropped packets are told", "[report]") {
  Source source("srt");
  const Labels labels{{"channel", "show"}};
  source.metrics.gauge("millrace_srt_round_trip_seconds", "", labels).set(0.09);
  source.metrics.gauge("millrace_srt_latency_seconds", "", labels).set(0.12);
  source.metrics.counter("millrace_srt_packets_dropped_total", "", labels).increment(7);
  source.send(3s);
  REQUIRE(source.find("srt_latency"));
  CHECK(source.find("srt_latency")->remedy == "Set the latency in the encoder to 360 ms.");
  REQUIRE(source.find("lost_packets"));
  CHECK(source.find("lost_packets")->value == 7);

  source.report.begin("rtmp", {});  // Another publisher is not told of them.
  source.send(3s);
  CHECK_FALSE(source.find("srt_latency"));
  CHECK_FALSE(source.find("lost_packets"));
}

TEST_CASE("a source that keeps its channel's limits of passing on is told nothing", "[report]") {
  Source source;
  source.report.begin("rtmp", {.codecs = {Codec::kHevc, Codec::kH264},
                               .bits_per_second = 700'000,  // 816 kb/s are within the tolerance.
                               .key_frame_interval = 1900ms,
                               .frame_rate = 24,
                               .height = 720,
                               .may_have_b_frames = false,
                               .may_be_interlaced = false,
                               .may_be_unplayable = false});
  source.send(40s);
  CHECK(source.codes() == Codes{});
}

TEST_CASE("each limit of passing on that a source does not keep is told", "[report]") {
  Source source;
  TrackInfo track = *source.video;
  track.codec_configuration = Bytes::copy_of(std::string_view("\x01\x7a\x00\x1f", 4));
  track.video.is_interlaced = true;
  source.video = std::make_shared<const TrackInfo>(track);
  source.has_b_frames = true;
  source.report.begin("rtmp", {.codecs = {Codec::kHevc},
                               .bits_per_second = 600'000,
                               .key_frame_interval = 1s,
                               .frame_rate = 22,
                               .height = 360,
                               .may_have_b_frames = false,
                               .may_be_interlaced = false,
                               .may_be_unplayable = false});
  source.send(8s);
  for (const auto* reason :
       {"codec", "profile", "interlaced", "height", "frame_rate", "gop", "bitrate", "b_frames"}) {
    CAPTURE(reason);
    CHECK(source.find(std::string(kUnqualified) + reason));
  }
  CHECK(source.find("unqualified_gop")->text ==
        "A key frame comes every 2.0 s: at least one in 1.0 s is to.");
  CHECK(source.find("unqualified_codec")->remedy == "Send hevc.");
  source.report.begin("rtmp", {});
  source.send(8s);
  CHECK_FALSE(source.find("unqualified_codec"));
}

TEST_CASE("what the parameters say of passing on needs no measuring", "[report]") {
  TrackInfo track = *make_video();
  track.video.frame_rate = {60'000, 1001};
  CHECK(check_passthrough({.codecs = {Codec::kH264}, .frame_rate = 60, .height = 720}, track)
            .empty());
  const auto found = check_passthrough({.frame_rate = 30}, track);
  REQUIRE(found.size() == 1);
  CHECK(found[0].code == "unqualified_frame_rate");
  const auto is_playable = [](Codec codec, std::string_view record) {
    TrackInfo other = *make_video();
    other.codec = codec;
    other.codec_configuration = Bytes::copy_of(record);
    return check_passthrough({.may_be_unplayable = false}, other).empty();
  };
  CHECK(is_playable(Codec::kH264, "\x01\x42"));
  CHECK_FALSE(is_playable(Codec::kH264, "\x01\x6e"));  // High 10.
  CHECK(is_playable(Codec::kHevc, "\x01\x22"));        // Main 10, in the high tier.
  CHECK_FALSE(is_playable(Codec::kHevc, "\x01\x04"));  // Range extensions.
  CHECK(is_playable(Codec::kAv1, "\x81\x08"));
  CHECK_FALSE(is_playable(Codec::kAv1, "\x81\x28"));  // High: 4:4:4.
  CHECK(is_playable(Codec::kAv1, ""));
}

TEST_CASE("what was told of a publisher goes with it", "[report]") {
  Source source;
  source.key_frame_every = 0;
  source.send(12s);
  REQUIRE_FALSE(source.report.findings()->empty());
  source.report.end();
  CHECK(source.report.findings()->empty());
  CHECK(source.metric("millrace_ingest_frame_rate") == 0);
}

}  // namespace millrace::ingest
