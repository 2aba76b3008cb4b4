#include "transcode/encoder.h"

#include "media/codec_configuration.h"
#include "tests/transcode/picture.h"
#include "transcode/decoder.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::transcode;

namespace {

constexpr Rational kThirty{30, 1};
constexpr Rational kNtsc{30000, 1001};

/// An encoder of 160x90 and all that came out of it.
struct Encoding {
  explicit Encoding(Profile profile, Rational frame_rate = kThirty)
      : Encoding(profile, test::picture_track(160, 90, frame_rate)) {}
  Encoding(Profile profile, std::shared_ptr<const TrackInfo> source_track)
      : source(std::move(source_track)) {
    auto created = Encoder::create({"small", 160, 90, 300'000},
                                   encoder_settings(profile, source->video, 500ms), source->video);
    REQUIRE(created.has_value());
    encoder = std::move(created).value();
    track = std::make_shared<const TrackInfo>(encoder->track());
  }

  void push(const Frame& frame) {
    pushed.push_back(frame.picture);
    REQUIRE(encoder->push(frame, [this](const auto& output) { record(output); }).has_value());
  }
  void push(int number, std::optional<SegmentNumber> opens_segment = std::nullopt) {
    Frame frame = test::make_frame(source, number);
    frame.picture.opens_segment = opens_segment;
    push(frame);
  }
  void drain() {
    REQUIRE(encoder->drain([this](const auto& output) { record(output); }).has_value());
  }
  void record(const Encoder::Output& output) {
    packets.push_back({.track = track,
                       .payload = Bytes::copy_of(output.payload),
                       .pts = output.picture.pts,
                       .dts = output.dts,
                       .duration = output.duration,
                       .is_key_frame = output.is_key_frame,
                       .follows_gap = output.picture.follows_gap,
                       .opens_segment = output.picture.opens_segment,
                       .starts_discontinuity = output.picture.starts_discontinuity,
                       .received_at = output.picture.received_at});
  }
  std::vector<Frame> decoded() const {
    auto decoder = Decoder::create(track);
    REQUIRE(decoder.has_value());
    std::vector<Frame> frames;
    const auto on_frame = [&frames](Frame frame) { frames.push_back(std::move(frame)); };
    for (const auto& packet : packets) decoder.value()->push(packet, on_frame);
    decoder.value()->drain(on_frame);
    CHECK(decoder.value()->errors() == 0);
    return frames;
  }

  std::shared_ptr<const TrackInfo> source;
  std::unique_ptr<Encoder> encoder;
  std::shared_ptr<const TrackInfo> track;
  std::vector<Picture> pushed;
  std::vector<EncodedPacket> packets;
};

/// Every picture at its time, and decode times as an EncodedPacket promises them.
void check_times(const Encoding& encoding) {
  const auto& packets = encoding.packets;
  std::vector<MediaTime> expected, got;
  for (const auto& picture : encoding.pushed) expected.push_back(picture.pts);
  for (const auto& packet : packets) got.push_back(packet.pts);
  std::sort(got.begin(), got.end());
  REQUIRE(got == expected);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    CAPTURE(i);
    REQUIRE(packets[i].dts <= packets[i].pts);
    REQUIRE(packets[i].duration > 0s);
    if (i == 0) continue;
    const MediaTime end = packets[i - 1].dts + packets[i - 1].duration;
    REQUIRE(packets[i].dts >= end);
    if (!packets[i].follows_gap && !packets[i].starts_discontinuity) REQUIRE(packets[i].dts == end);
  }
}

bool holds_idr_slice(std::span<const std::uint8_t> payload) {
  while (payload.size() > 4) {
    std::size_t length = 0;
    for (const std::uint8_t byte : payload.first(4)) length = length << 8 | byte;
    REQUIRE(length > 0);
    REQUIRE(length <= payload.size() - 4);
    if ((payload[4] & 31) == 5) return true;
    payload = payload.subspan(4 + length);
  }
  return false;
}

struct Span {
  MediaTime begin{};
  MediaTime end{};
  friend bool operator==(const Span&, const Span&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Span& span) {
    return out << span.begin.count() << " to " << span.end.count();
  }
};

Span span(DecodeTimes::Times times) {
  return {times.dts, times.dts + times.duration};
}

Picture picture(MediaTime pts, MediaTime duration) {
  Picture made;
  made.pts = pts;
  made.duration = duration;
  return made;
}

const auto kProfiles = {Profile::kRealtime, Profile::kBalanced, Profile::kQuality};

}  // namespace

TEST_CASE("a picture that opens a segment is an IDR, no other is but the first", "[encoder]") {
  for (const auto profile : kProfiles) {
    Encoding encoding(profile);
    for (int i = 0; i < 24; ++i) {
      const bool opens = i == 4 || i == 5 || i == 12 || i == 23;
      encoding.push(i, opens ? std::optional(static_cast<SegmentNumber>(i)) : std::nullopt);
    }
    encoding.drain();
    REQUIRE(encoding.packets.size() == 24);
    for (const auto& packet : encoding.packets) {
      const bool is_first = packet.pts == encoding.pushed[0].pts;
      CHECK(packet.is_key_frame == (is_first || packet.opens_segment));
      CHECK(holds_idr_slice(packet.payload.span()) == packet.is_key_frame);
    }
    check_times(encoding);
  }
}

TEST_CASE("realtime gives each picture's packet at once, balanced holds five pictures back",
          "[encoder]") {
  Encoding realtime(Profile::kRealtime), balanced(Profile::kBalanced);
  for (int i = 0; i < 12; ++i) {
    realtime.push(i);
    CHECK(realtime.packets.size() == static_cast<std::size_t>(i + 1));
    balanced.push(i);
    CHECK(balanced.packets.size() == static_cast<std::size_t>(std::max(0, i + 1 - 5)));
  }
  balanced.drain();
  CHECK(balanced.packets.size() == 12);
}

TEST_CASE("nothing pushed, nothing drained", "[encoder]") {
  Encoding encoding(Profile::kBalanced);
  encoding.drain();
  CHECK(encoding.packets.empty());
}

TEST_CASE("pictures keep their times and what was said of them", "[encoder]") {
  for (const auto profile : kProfiles) {
    Encoding encoding(profile, kNtsc);
    for (int i = 0; i < 20; ++i) {
      Frame frame = test::make_frame(encoding.source, i);
      frame.picture.received_at += std::chrono::seconds(i);
      if (i % 8 == 0) frame.picture.opens_segment = static_cast<SegmentNumber>(i);
      frame.picture.starts_discontinuity = i == 8;
      frame.picture.follows_gap = i == 16;
      encoding.push(frame);
    }
    encoding.drain();
    check_times(encoding);
    for (const auto& packet : encoding.packets) {
      const auto picture =
          std::find_if(encoding.pushed.begin(), encoding.pushed.end(),
                       [&packet](const auto& candidate) { return candidate.pts == packet.pts; });
      CHECK(packet.received_at == picture->received_at);
      CHECK(packet.opens_segment == picture->opens_segment);
      CHECK(packet.starts_discontinuity == picture->starts_discontinuity);
      CHECK(packet.follows_gap == picture->follows_gap);
    }
    CHECK(encoding.decoded().size() == 20);
  }
}

TEST_CASE("left-out pictures leave no hole in decode time, which stays before the picture's",
          "[encoder]") {
  for (const auto profile : kProfiles) {
    for (const int missing : {1, 2, 5, 12}) {
      for (const int before : {6, 7}) {  // Of which one would be a B-frame.
        CAPTURE(static_cast<int>(profile), missing, before);
        Encoding encoding(profile);
        for (int i = 0; i < 16; ++i) encoding.push(i < before ? i : i + missing);
        encoding.drain();
        check_times(encoding);
        CHECK(std::none_of(encoding.packets.begin(), encoding.packets.end(),
                           [](const auto& packet) { return packet.follows_gap; }));
      }
    }
  }
}

TEST_CASE("a source that makes a hole good with a longer frame is not late ever after",
          "[encoder]") {
  // As ingest's timeline hands on skipped frames: the frame behind them lasts as long as they did.
  for (const auto profile : kProfiles) {
    for (const int before : {6, 7}) {
      Encoding encoding(profile);
      for (int i = 0; i < 16; ++i) {
        Frame frame = test::make_frame(encoding.source, i < before ? i : i + 5);
        if (i == before) frame.picture.duration *= 6;
        encoding.push(frame);
      }
      encoding.drain();
      check_times(encoding);
    }
  }
}

TEST_CASE("behind a gap, told or longer than half a second, an IDR begins at its true time",
          "[encoder]") {
  for (const auto profile : kProfiles) {
    for (const int missing : {3, 16}) {
      for (const int before : {6, 7}) {
        CAPTURE(static_cast<int>(profile), missing, before);
        Encoding encoding(profile);
        for (int i = 0; i < 16; ++i) {
          Frame frame = test::make_frame(encoding.source, i < before ? i : i + missing);
          frame.picture.follows_gap = i == before && missing == 3;
          encoding.push(frame);
        }
        encoding.drain();
        check_times(encoding);
        const auto& behind = encoding.packets[static_cast<std::size_t>(before)];
        CHECK(behind.pts == encoding.pushed[static_cast<std::size_t>(before)].pts);
        CHECK(behind.is_key_frame);
        CHECK(behind.follows_gap);
        CHECK(behind.pts - behind.dts < 34ms);
        CHECK(encoding.decoded().size() == 16);
      }
    }
  }
}

TEST_CASE("a variable rate keeps every picture's time", "[encoder]") {
  TrackInfo source = *test::picture_track(160, 90, {0, 1});
  source.video.longest_frame = 35ms;
  const auto track = std::make_shared<const TrackInfo>(source);
  for (const auto profile : kProfiles) {
    Encoding encoding(profile, track);
    REQUIRE(encoder_settings(profile, track->video, 200ms).is_zero_latency ==
            (profile == Profile::kRealtime));
    MediaTime pts = 1h;
    for (int i = 0; i < 30; ++i) {
      Frame frame;
      frame.source = track;
      frame.planes = test::make_picture(160, 90, i);
      frame.picture.pts = pts;
      // Twice longer than the first GOP promised.
      frame.picture.duration =
          i % 10 == 7 ? MediaTime(90ms) : std::chrono::microseconds(7'001 + i * 1'234 % 28'000);
      pts += frame.picture.duration;
      encoding.push(frame);
    }
    encoding.drain();
    check_times(encoding);
  }
}

TEST_CASE("another encoder's packets begin where the last one's ended", "[encoder]") {
  Encoding fast(Profile::kBalanced, {60, 1});
  for (int i = 0; i < 8; ++i) fast.push(i);
  fast.drain();
  const MediaTime end = fast.packets.back().dts + fast.packets.back().duration;
  const auto slow_track = test::picture_track(160, 90, kThirty);
  auto created = Encoder::create({"small", 160, 90, 300'000},
                                 encoder_settings(Profile::kBalanced, slow_track->video, 200ms),
                                 slow_track->video, end);
  REQUIRE(created.has_value());
  Encoding slow(Profile::kBalanced, slow_track);
  slow.encoder = std::move(created).value();
  for (int i = 4; i < 12; ++i) slow.push(i);  // Picture 4 of 30 per second is number 8 of 60.
  slow.drain();
  check_times(slow);
  CHECK(slow.packets[0].dts == end);
}

TEST_CASE("the track is complete and true from the start", "[encoder]") {
  TrackInfo source = *test::picture_track(160, 90, kNtsc);
  source.codec = Codec::kHevc;
  source.codec_configuration = Bytes::copy_of("hvcC");
  source.video.bit_depth = 10;
  source.video.colour = {9, 14, 9, true};
  source.video.sample_aspect_ratio = {4, 3};
  Encoding encoding(Profile::kRealtime, std::make_shared<const TrackInfo>(source));
  const TrackInfo& track = encoding.encoder->track();
  CHECK(track.kind == MediaKind::kVideo);
  CHECK(track.codec == Codec::kH264);
  VideoParameters expected = source.video;
  expected.bit_depth = 8;
  CHECK(track.video == expected);
  const auto parsed = parse_avc_configuration(track.codec_configuration);
  REQUIRE(parsed.has_value());
  CHECK(parsed.value().video == expected);
  for (int i = 0; i < 3; ++i) encoding.push(i);
  const auto frames = encoding.decoded();
  REQUIRE(frames.size() == 3);
  CHECK(frames[0].planes->width == 160);
  CHECK(frames[0].planes->height == 90);
}

TEST_CASE("RGB, which the scaler makes BT.709, is not announced as RGB", "[encoder]") {
  TrackInfo source = *test::picture_track(160, 90, kThirty);
  source.video.colour = {1, 13, 0, true};
  const Encoding encoding(Profile::kRealtime, std::make_shared<const TrackInfo>(source));
  const Colour expected{1, 13, 1, true};
  CHECK(encoding.track->video.colour == expected);
  CHECK(parse_avc_configuration(encoding.track->codec_configuration).value().video.colour ==
        expected);
}

TEST_CASE("a rung in other proportions than its source is shown in the source's", "[encoder]") {
  const auto ratio_of = [](int width, int height, const VideoParameters& source) {
    const auto created = Encoder::create({"rung", width, height, 300'000},
                                         encoder_settings(Profile::kRealtime, source, 0ms), source);
    REQUIRE(created.has_value());
    const TrackInfo& track = created.value()->track();
    CHECK(parse_avc_configuration(track.codec_configuration).value().video.sample_aspect_ratio ==
          track.video.sample_aspect_ratio);
    return track.video.sample_aspect_ratio;
  };
  VideoParameters source = test::picture_track(1920, 1080, kThirty)->video;
  CHECK(ratio_of(854, 480, source) == Rational{1, 1});  // Off by rounding only.
  CHECK(ratio_of(160, 120, source) == Rational{4, 3});
  source = test::picture_track(720, 576, {25, 1})->video;
  source.sample_aspect_ratio = {64, 45};
  CHECK(ratio_of(360, 288, source) == Rational{64, 45});
  CHECK(ratio_of(512, 288, source) == Rational{1, 1});
}

TEST_CASE("noise does not make a rung pass its bit rate", "[encoder]") {
  for (const auto profile : kProfiles) {
    Encoding encoding(profile);
    std::uint32_t random = 1;
    for (int i = 0; i < 60; ++i) {
      Frame frame = test::make_frame(encoding.source, i);
      for (int y = 0; y < 90; ++y)
        for (int x = 0; x < 160; ++x)
          frame.planes->data[0][y * frame.planes->linesize[0] + x] =
              static_cast<std::uint8_t>((random = random * 1664525 + 1013904223) >> 24);
      encoding.push(frame);
    }
    encoding.drain();
    std::size_t bytes = 0;
    for (const auto& packet : encoding.packets) bytes += packet.payload.size();
    // Two seconds at 1.2 times the rung's, and the buffer of one more.
    CHECK(bytes * 8 <= 3 * 360'000);
    CHECK(bytes * 8 >= 300'000);
  }
}

TEST_CASE("the encoder leaves the picture as it is for the other rungs", "[encoder]") {
  Encoding encoding(Profile::kRealtime);
  Frame frame = test::make_frame(encoding.source, 0);
  frame.picture.opens_segment = 1;
  frame.planes->pts = 77;
  const auto reference = test::make_frame(encoding.source, 0);
  encoding.push(frame);
  CHECK(frame.planes->pts == 77);
  CHECK(frame.planes->pict_type == reference.planes->pict_type);
  CHECK(std::equal(frame.planes->data[0], frame.planes->data[0] + 160, reference.planes->data[0]));
}

TEST_CASE("a rung that x264 cannot encode is unsupported", "[encoder]") {
  const auto source = test::picture_track(160, 90, kThirty);
  const auto created = Encoder::create({"none", 0, 0, 300'000}, EncoderSettings{}, source->video);
  REQUIRE_FALSE(created.has_value());
  CHECK(created.error().code == ErrorCode::kUnsupported);
}

TEST_CASE("packets take the pictures' places, the reordering delay before them", "[decode_times]") {
  DecodeTimes times(33ms, 33ms);
  for (const MediaTime pts : {100ms, 133ms, 166ms}) times.add_picture(picture(pts, 33ms));
  CHECK(span(times.next()) == Span{67ms, 100ms});
  CHECK(span(times.next()) == Span{100ms, 133ms});
  // The next one may come a rounded nanosecond before the end of this one.
  CHECK(span(times.next()) == Span{133ms, 166ms - 1ns});
}

TEST_CASE("a hole belongs to the packet behind it, whether or not that is known already",
          "[decode_times]") {
  DecodeTimes late(0ms, 33ms), early(33ms, 33ms);
  std::vector<Span> spans;
  for (const MediaTime pts : {0ms, 33ms, 165ms, 198ms}) {
    late.add_picture(picture(pts, 33ms));
    spans.push_back(span(late.next()));
    early.add_picture(picture(pts, 33ms));
  }
  CHECK(spans == std::vector<Span>{{0ms, 33ms - 1ns},
                                   {33ms - 1ns, 66ms - 1ns},
                                   {66ms - 1ns, 198ms - 1ns},
                                   {198ms - 1ns, 231ms - 1ns}});
  CHECK(span(early.next()) == Span{-33ms, 0ms});
  CHECK(span(early.next()) == Span{0ms, 33ms});
  CHECK(span(early.next()) == Span{33ms, 165ms});
  CHECK(span(early.next()) == Span{165ms, 198ms - 1ns});
}

TEST_CASE("times start anew at a gap, a discontinuity and a long hole, and never run back",
          "[decode_times]") {
  DecodeTimes times(10ms, 33ms, 1s);
  std::vector<Span> spans;
  const auto add = [&](Picture added) {
    const bool starts_anew = times.add_picture(added);
    spans.push_back(span(times.next()));
    return starts_anew;
  };
  CHECK(add(picture(1s, 33ms)));
  CHECK_FALSE(add(picture(1033ms, 33ms)));
  Picture behind_gap = picture(1200ms, 33ms);
  behind_gap.follows_gap = true;
  CHECK(add(behind_gap));
  Picture discontinuity = picture(1400ms, 33ms);
  discontinuity.starts_discontinuity = true;
  CHECK(add(discontinuity));
  CHECK_FALSE(add(picture(1933ms, 33ms)));
  CHECK(add(picture(3s, 33ms)));
  discontinuity.pts = 2s;
  CHECK(add(discontinuity));
  CHECK(spans == std::vector<Span>{{1000ms, 1023ms - 1ns},
                                   {1023ms - 1ns, 1056ms - 1ns},
                                   {1190ms, 1223ms - 1ns},
                                   {1390ms, 1423ms - 1ns},
                                   {1423ms - 1ns, 1956ms - 1ns},
                                   {2990ms, 3023ms - 1ns},
                                   {3023ms - 1ns, 3023ms}});
}
