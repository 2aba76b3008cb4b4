// A channel's MPEG-TS: what is listed, and of what it is made.
#include "hls/channel_output.h"
#include "tests/support/chunk_source.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_exchange.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;
using millrace::test::body_of;
using millrace::test::FakeExchange;
using millrace::test::header_of;

namespace {

// ISO/IEC 14496-3 1.6.2.1: AAC-LC, 48 kHz, stereo; and the same with frames of 960 samples.
constexpr std::string_view kLowComplexity = "\x11\x90";
constexpr std::string_view kShortFrames = "\x11\x94";

std::shared_ptr<const InitSegment> init_of(Codec codec,
                                           std::string_view configuration = kLowComplexity) {
  const bool is_video = codec == Codec::kH264 || codec == Codec::kHevc || codec == Codec::kAv1;
  const auto usual = test::init_segment(is_video ? MediaKind::kVideo : MediaKind::kAudio);
  auto track = std::make_shared<TrackInfo>(*usual->track);
  track->codec = codec;
  if (codec == Codec::kAac) track->codec_configuration = Bytes::copy_of(configuration);
  InitSegment init = *usual;
  init.track = std::move(track);
  return std::make_shared<const InitSegment>(std::move(init));
}

std::string describe(const CmafSegment& media) {
  std::string text(media.init.text());
  for (const Bytes& chunk : media.chunks) text += "|" + std::string(chunk.text().substr(0, 8));
  return text;
}

/// One part to a segment of 2 s.
struct Fixture {
  explicit Fixture(Codec video_codec = Codec::kH264, Codec audio_codec = Codec::kAac,
                   bool is_on = true, std::size_t max_cache_bytes = 1'000'000) {
    Options options{.max_parked_requests = 100, .start_id = "s"};
    options.ts.is_on = is_on;
    options.ts.max_cache_bytes = max_cache_bytes;
    options.ts.make = [this](const CmafSegment& picture, const CmafSegment& heard,
                             SegmentNumber its_number) -> Result<Bytes> {
      ++made;
      if (fails) return Error{ErrorCode::kInvalidData, "it is broken"};
      return Bytes::copy_of(std::to_string(its_number) + ": " + describe(picture) + " + " +
                            describe(heard));
    };
    context.emplace(std::move(options), metrics, clock);
    output = std::make_shared<ChannelOutput>("shop", *context);
    output->begin(5);
    pictures.init = init_of(video_codec);
    sound.init = init_of(audio_codec);
    pictures.duration = sound.duration = 2s;
  }

  void add_video() { video = &output->add_rendition({.name = "source"}); }
  void add_audio(const std::string& name = "audio") {
    audio = &output->add_rendition({.name = name, .kind = MediaKind::kAudio});
  }
  void begin() {
    output->renditions_complete();
    output->promise_target_duration(2s);
  }
  void begin_both() {
    add_audio();
    add_video();
    begin();
  }
  void open(bool starts_discontinuity = false) {
    output->open_segment(++number, at, starts_discontinuity);
    at += 2s;
  }
  void push_video() { push(*video, pictures); }
  void push_audio() { push(*audio, sound); }
  void push(Sink<CmafChunk>& sink, test::ChunkSource& from) {
    from.begin(number);
    from.at = at - 2s;
    REQUIRE(sink.push(from.next()).has_value());
  }
  /// Whole segments, the last of which is complete.
  void run(int segments) {
    for (int i = 0; i < segments; ++i) {
      open();
      if (video) push_video();
      if (audio) push_audio();
      clock.advance(2s);
    }
    open();
  }
  /// As run(); the publisher changes before the last one.
  void run_takeover(std::shared_ptr<const InitSegment> picture,
                    std::shared_ptr<const InitSegment> heard) {
    run(2);
    push_video();
    push_audio();
    if (picture) pictures.init = std::move(picture);
    if (heard) sound.init = std::move(heard);
    open(/*starts_discontinuity=*/true);
    push_video();
    push_audio();
    open();
  }
  std::shared_ptr<FakeExchange> ask(const std::string& target,
                                    std::vector<std::pair<std::string, std::string>> headers = {}) {
    auto exchange = test::exchange_for(loop, "/live/shop/" + target, std::move(headers));
    const auto path = parse_media_path(exchange->asked.path);
    REQUIRE(path.has_value());
    output->answer(exchange, *path);
    return exchange;
  }
  int status(const std::string& target) {
    const auto exchange = ask(target);
    REQUIRE(exchange->answer.has_value());
    return exchange->answer->status;
  }
  std::string text(const std::string& target) {
    const auto exchange = ask(target);
    REQUIRE(exchange->answer.has_value());
    CHECK(exchange->answer->status == 200);
    return body_of(*exchange->answer);
  }

  test::FakeClock clock;
  Metrics metrics;
  net::EventLoop loop;
  std::optional<OriginContext> context;
  std::shared_ptr<ChannelOutput> output;
  Sink<CmafChunk>* video = nullptr;
  Sink<CmafChunk>* audio = nullptr;
  test::ChunkSource pictures;
  test::ChunkSource sound;
  SegmentNumber number = 99;
  MediaTime at = 1'750'000'000s;
  int made = 0;
  bool fails = false;
};

}  // namespace

TEST_CASE("the same segments are listed as MPEG-TS, without anything of low latency", "[ts]") {
  Fixture f;
  f.begin_both();
  f.run(2);
  CHECK(f.text("source/ts.m3u8") ==
        "#EXTM3U\n"
        "#EXT-X-VERSION:3\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-TARGETDURATION:2\n"
        "#EXT-X-MEDIA-SEQUENCE:100\n"
        "#EXT-X-DISCONTINUITY-SEQUENCE:5\n"
        "#EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:40.000Z\n"
        "#EXTINF:2.00000,\n"
        "ss-100.ts\n"
        "#EXT-X-PROGRAM-DATE-TIME:2025-06-15T15:06:42.000Z\n"
        "#EXTINF:2.00000,\n"
        "ss-101.ts\n");
  CHECK(f.made == 0);
}

TEST_CASE("a segment is made of its picture and its sound, once", "[ts]") {
  Fixture f;
  f.begin_both();
  f.run(2);
  const auto first = f.ask("source/ss-101.ts");
  CHECK(body_of(*first->answer) == "101: video init|chunk 1  + audio init|chunk 1 ");
  CHECK(header_of(*first->answer, "Content-Type") == "video/mp2t");
  CHECK(header_of(*first->answer, "Cache-Control") == "public, max-age=3600, immutable");
  CHECK(header_of(*first->answer, "ETag") == "\"tss-101\"");
  CHECK(header_of(*first->answer, "Access-Control-Allow-Origin") == "*");
  f.text("source/ss-101.ts");
  const auto range = f.ask("source/ss-101.ts", {{"range", "bytes=0-2"}});
  CHECK(range->answer->status == 206);
  CHECK(body_of(*range->answer) == "101");
  CHECK(f.ask("source/ss-101.ts", {{"if-none-match", "\"tss-101\""}})->answer->status == 304);
  CHECK(f.made == 1);
  CHECK(f.text("audio/ss-101.ts") == "101:  + audio init|chunk 1 ");
  CHECK(f.made == 2);
}

TEST_CASE("a segment is listed once its sound is complete as well", "[ts]") {
  Fixture f;
  f.begin_both();
  f.run(1);
  f.push_video();
  f.open();
  CHECK(f.text("source/index.m3u8").find("ss-101.m4s\n") != std::string::npos);
  CHECK(f.text("source/ts.m3u8").find("ss-101.ts") == std::string::npos);
  CHECK(f.status("source/ss-101.ts") == 404);
  --f.number;
  f.at -= 2s;
  f.push_audio();
  CHECK(f.text("source/ts.m3u8").find("ss-101.ts") != std::string::npos);
  CHECK(f.text("source/ss-101.ts") == "101: video init|chunk 1  + audio init|chunk 1 ");
}

TEST_CASE("a gap of the picture is a gap, and one of the sound is silence", "[ts]") {
  Fixture f;
  f.begin_both();
  f.run(1);
  f.push_audio();  // 101 has no picture,
  f.open();
  f.push_video();  // and 102 no sound.
  f.open();
  f.push_video();
  f.push_audio();
  f.open();
  f.push_video();
  f.push_audio();
  f.open();
  const std::string playlist = f.text("source/ts.m3u8");
  CHECK(playlist.find("#EXT-X-GAP\n#EXTINF:2.00000,\nss-101.ts\n") != std::string::npos);
  CHECK(playlist.find("#EXT-X-GAP", playlist.find("ss-101.ts")) == std::string::npos);
  CHECK(f.status("source/ss-101.ts") == 404);
  CHECK(f.text("source/ss-102.ts") == "102: video init|chunk 1  + ");
  CHECK(f.text("source/ss-103.ts") == "103: video init|chunk 2  + audio init|chunk 2 ");
}

TEST_CASE("discontinuities and the end of the show are there as in CMAF", "[ts]") {
  Fixture f;
  f.begin_both();
  f.run(1);
  f.push_video();
  f.push_audio();
  f.open(/*starts_discontinuity=*/true);
  f.push_video();
  f.push_audio();
  f.open();
  const auto live = f.ask("source/ts.m3u8");
  CHECK(body_of(*live->answer).find("#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM") != std::string::npos);
  CHECK(body_of(*live->answer).find("#EXT-X-ENDLIST") == std::string::npos);
  f.push_video();
  f.output->end();
  const auto ended = f.ask("source/ts.m3u8");
  CHECK(body_of(*ended->answer).ends_with("ss-103.ts\n#EXT-X-ENDLIST\n"));
  CHECK(header_of(*ended->answer, "ETag") != header_of(*live->answer, "ETag"));
  CHECK(f.text("source/ss-103.ts") == "103: video init|chunk 3  + ");
}

TEST_CASE("a playlist of MPEG-TS is another text only where it says something else", "[ts]") {
  Fixture f;
  f.begin_both();
  f.run(2);
  const auto first = f.ask("source/ts.m3u8");
  f.push_video();  // A part, of which it says nothing.
  const auto second = f.ask("source/ts.m3u8");
  CHECK(header_of(*second->answer, "ETag") == header_of(*first->answer, "ETag"));
  CHECK(f.context->playlists.ts.value() == 1);
  f.push_audio();
  f.open();
  CHECK(header_of(*f.ask("source/ts.m3u8")->answer, "ETag") != header_of(*first->answer, "ETag"));
  CHECK(f.context->playlists.ts.value() == 2);
}

TEST_CASE("the multivariant playlist has the sound in each variant", "[ts]") {
  Fixture f;
  f.begin_both();
  const auto early = f.ask("ts.m3u8");
  f.open();
  f.push_video();
  f.push_audio();
  f.loop.poll();
  CHECK(f.status("index.m3u8") == 200);
  const auto media = f.ask("source/ts.m3u8");
  CHECK(early->answers + media->answers == 0);  // No segment is complete yet.
  f.open();
  f.loop.poll();
  for (const auto& waited : {early, media}) {
    REQUIRE(waited->answers == 1);
    CHECK(waited->answer->status == 200);
  }
  const std::string playlist = f.text("ts.m3u8");
  CHECK(playlist.find("CODECS=\"avc1.64001f,mp4a.40.2\"") != std::string::npos);
  CHECK(playlist.ends_with("\nsource/ts.m3u8\n"));
  CHECK(playlist.find("#EXT-X-MEDIA:") == std::string::npos);
}

TEST_CASE("without pictures the sound is the variant", "[ts]") {
  Fixture f;
  f.add_audio();
  f.begin();
  f.run(2);
  CHECK(f.text("ts.m3u8").ends_with("CODECS=\"mp4a.40.2\"\naudio/ts.m3u8\n"));
  CHECK(f.text("audio/ts.m3u8").find("ss-101.ts") != std::string::npos);
}

TEST_CASE("what has no place in MPEG-TS is left out", "[ts]") {
  Fixture opus(Codec::kHevc, Codec::kOpus);
  opus.begin_both();
  opus.run(2);
  CHECK(opus.text("ts.m3u8").find("CODECS=\"avc1.64001f\"") != std::string::npos);
  CHECK(opus.text("source/ss-101.ts") == "101: video init|chunk 1  + ");
  CHECK(opus.status("audio/ts.m3u8") == 404);
  CHECK(opus.status("audio/ss-101.ts") == 404);
  Fixture av1(Codec::kAv1);
  av1.begin_both();
  av1.run(2);
  CHECK(av1.text("ts.m3u8").ends_with("CODECS=\"mp4a.40.2\"\naudio/ts.m3u8\n"));
  CHECK(av1.status("source/ts.m3u8") == 404);
}

TEST_CASE("pictures of before that have no place in MPEG-TS are gaps", "[ts]") {
  Fixture f(Codec::kAv1);
  f.begin_both();
  f.run_takeover(init_of(Codec::kH264), nullptr);
  const std::string playlist = f.text("source/ts.m3u8");
  for (const char* const gap : {"ss-100.ts", "ss-101.ts", "ss-102.ts"}) {
    CAPTURE(gap);
    CHECK(playlist.find("#EXT-X-GAP\n#EXTINF:2.00000,\n" + std::string(gap)) != std::string::npos);
    CHECK(f.status("source/" + std::string(gap)) == 404);
  }
  CHECK(f.made == 0);
  CHECK(playlist.find("Z\n#EXTINF:2.00000,\nss-103.ts\n") != std::string::npos);
  CHECK(f.text("source/ss-103.ts") == "103: video init|chunk 3  + audio init|chunk 3 ");
}

TEST_CASE("sound of before that has no place in MPEG-TS is not heard", "[ts]") {
  Fixture f(Codec::kH264, Codec::kOpus);
  f.begin_both();
  f.run_takeover(nullptr, init_of(Codec::kAac));
  CHECK(f.text("source/ts.m3u8").find("#EXT-X-GAP") == std::string::npos);
  CHECK(f.text("source/ss-102.ts") == "102: video init|chunk 2  + ");
  CHECK(f.text("source/ss-103.ts") == "103: video init|chunk 3  + audio init|chunk 3 ");
  CHECK(f.status("audio/ss-102.ts") == 404);
  CHECK(f.status("audio/ss-103.ts") == 200);
}

TEST_CASE("what was in MPEG-TS stays what it was when what follows has no place there", "[ts]") {
  Fixture f(Codec::kH264, Codec::kAac, /*is_on=*/true, /*max_cache_bytes=*/1);
  f.begin_both();
  f.run_takeover(nullptr, init_of(Codec::kOpus));
  // Each is made again, and is the same.
  CHECK(f.text("source/ss-102.ts") == "102: video init|chunk 2  + audio init|chunk 2 ");
  CHECK(f.text("source/ss-103.ts") == "103: video init|chunk 3  + ");
  f.push_video();
  f.push_audio();
  f.pictures.init = init_of(Codec::kAv1);
  f.open(/*starts_discontinuity=*/true);
  f.push_video();
  f.push_audio();
  f.open();
  CHECK(f.status("source/ts.m3u8") == 404);
  CHECK(f.text("source/ss-102.ts") == "102: video init|chunk 2  + audio init|chunk 2 ");
  CHECK(f.status("source/ss-105.ts") == 404);
}

TEST_CASE("AAC of which ADTS cannot tell has no place in MPEG-TS", "[ts]") {
  Fixture f;
  f.sound.init = init_of(Codec::kAac, kShortFrames);
  f.begin_both();
  f.run(2);
  CHECK(f.text("ts.m3u8").find("CODECS=\"avc1.64001f\"") != std::string::npos);
  CHECK(f.text("source/ss-101.ts") == "101: video init|chunk 1  + ");
  CHECK(f.status("audio/ts.m3u8") == 404);
  CHECK(f.status("audio/ss-101.ts") == 404);
}

TEST_CASE("there is no MPEG-TS where it is not on, nor of what is not there", "[ts]") {
  Fixture off(Codec::kH264, Codec::kAac, /*is_on=*/false);
  off.begin_both();
  off.run(2);
  for (const char* const path : {"ts.m3u8", "source/ts.m3u8", "source/ss-101.ts"})
    CHECK(off.status(path) == 404);
  Fixture f;
  f.begin_both();
  f.run(2);
  for (const char* const path :
       {"720p/ts.m3u8", "source/ss-102.ts", "source/ss-99.ts", "source/sx-101.ts"})
    CHECK(f.status(path) == 404);
  CHECK(f.made == 0);
  f.fails = true;
  CHECK(f.status("source/ss-101.ts") == 404);
  f.fails = false;
  CHECK(f.status("source/ss-101.ts") == 200);
}

TEST_CASE("single channels are on or off by themselves", "[ts]") {
  TsOptions options{.make = [](const auto&, const auto&, auto) -> Result<Bytes> { return Bytes(); },
                    .is_on = true,
                    .channels = {{"shop", false}, {"fair", true}}};
  CHECK_FALSE(options.is_on_for("shop"));
  CHECK(options.is_on_for("fair"));
  CHECK(options.is_on_for("other"));
  options.is_on = false;
  CHECK_FALSE(options.is_on_for("other"));
  CHECK(options.is_on_for("fair"));
  options.make = nullptr;
  CHECK_FALSE(options.is_on_for("fair"));
}

TEST_CASE("a publisher without sound has segments without it, and what was is made no other",
          "[ts]") {
  Fixture f;
  f.begin_both();
  f.run(3);
  CHECK(f.text("source/ss-101.ts") == "101: video init|chunk 1  + audio init|chunk 1 ");
  REQUIRE(f.video->finish().has_value());
  REQUIRE(f.audio->finish().has_value());
  f.output->add_rendition({.name = "source"});
  f.output->renditions_complete();
  f.audio = nullptr;
  f.open(/*starts_discontinuity=*/true);
  f.push_video();
  f.run(12);
  CHECK(f.text("ts.m3u8").find("CODECS=\"avc1.64001f\"") != std::string::npos);
  const auto newest = f.number - 1;
  CHECK(f.text("source/ss-" + std::to_string(newest) + ".ts").ends_with(" + "));
  // Its sound is forgotten; without it, it would be another one.
  f.context->ts_cache.tick();
  f.clock.advance(3min);
  f.context->ts_cache.tick();
  CHECK(f.status("source/ss-101.ts") == 404);
}

TEST_CASE("who asks for MPEG-TS of an idle rung waits for it, and is its demand", "[ts]") {
  Fixture f;
  f.add_audio();
  f.add_video();
  const auto rung_init = init_of(Codec::kH264);
  Sink<CmafChunk>& rung = f.output->add_rendition({.name = "480p", .init = rung_init});
  int awaited = 0;
  f.output->on_awaited([&] { ++awaited; });
  f.begin();
  f.run(2);
  CHECK(f.text("ts.m3u8").ends_with("\n480p/ts.m3u8\n"));
  const auto waiting = f.ask("480p/ts.m3u8");
  CHECK_FALSE(waiting->answer.has_value());
  CHECK(awaited == 1);
  CHECK(f.output->demand("480p").last_request == f.clock.steady_now());
  CHECK(f.output->demand("480p").from > 0);
  CHECK(f.output->demand("480p").promised == 0);
  test::ChunkSource chunks;
  chunks.init = rung_init;
  chunks.duration = 2s;
  f.push_video();
  f.push_audio();
  f.push(rung, chunks);
  f.open();
  f.loop.poll();
  REQUIRE(waiting->answer.has_value());
  CHECK(waiting->answer->status == 200);
  const std::string playlist = body_of(*waiting->answer);
  CHECK(playlist.find("#EXT-X-GAP\n") != std::string::npos);
  CHECK(f.text("480p/ts.m3u8").find("ss-102.ts") != std::string::npos);
  CHECK(f.text("480p/ss-102.ts") == "102: video init|chunk 0  + audio init|chunk 2 ");
}
