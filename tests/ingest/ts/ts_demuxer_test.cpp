#include "ingest/ts/ts_demuxer.h"

#include <catch2/catch.hpp>

#include "ingest/ts/elementary_stream.h"
#include "tests/ingest/ts/ts_writer.h"
#include "tests/support/flv_tags.h"

using namespace millrace;
using namespace millrace::ingest;
using namespace millrace::test;
using namespace std::chrono_literals;

namespace {

struct Collected final : TsEvents {
  std::vector<Announcement> programs;
  std::vector<SourcePacket> packets;

  void on_program(const Announcement& program) override { programs.push_back(program); }
  Status on_packet(SourcePacket packet) override {
    packets.push_back(std::move(packet));
    return ok();
  }
  std::size_t count(MediaKind kind) const {
    return static_cast<std::size_t>(std::count_if(
        packets.begin(), packets.end(), [&](const auto& one) { return one.track->kind == kind; }));
  }
};

struct Refusing final : TsEvents {
  void on_program(const Announcement&) override {}
  Status on_packet(SourcePacket) override { return Error{ErrorCode::kClosed, "enough"}; }
};

ByteVector unit(const ByteVector& nal) {
  ByteVector bytes{0, 0, 0, 1};
  append(bytes, nal);
  return bytes;
}

/// A picture of about `size` bytes; a key frame with the parameter sets of avcc_640x360().
ByteVector picture(bool is_key, std::size_t size) {
  ByteVector bytes = unit({0x09, 0xF0});
  if (is_key) {
    const auto record = avcc_640x360();
    append(bytes, unit({record.begin() + 8, record.begin() + 8 + 26}));
    append(bytes, unit({record.begin() + 37, record.begin() + 37 + 6}));
  }
  ByteVector slice(size, 0xAA);
  slice[0] = is_key ? 0x65 : 0x41;
  append(bytes, unit(slice));
  return bytes;
}

ByteVector adts_frame() {
  return {0xFF, 0xF1, 0x4C, 0x80, 0x01, 0x3F, 0xFC, 0x21, 0x10};
}

struct Fixture {
  TsWriter writer;
  Collected out;
  TsDemuxer demuxer{{.max_access_unit_bytes = 100'000}, out};

  void video(std::uint64_t ticks, bool is_key, std::size_t size = 500, bool says_length = false) {
    writer.pes(0x100, 0xE0, {.pts = ticks & 0x1FFFFFFFF}, picture(is_key, size), says_length);
  }
  void audio(std::uint64_t ticks) {
    writer.pes(0x101, 0xC0, {.pts = ticks & 0x1FFFFFFFF}, adts_frame(), true);
  }
  Status push() { return demuxer.push(std::exchange(writer.bytes, {}), {}); }
};

}  // namespace

TEST_CASE("a program's pictures and sound come out with their times", "[ts]") {
  Fixture f;
  f.writer.tables();
  f.video(90'000, true);
  f.audio(90'000 + 900);
  f.video(93'003, false);
  REQUIRE(f.push().has_value());
  REQUIRE(f.out.programs.size() == 1);
  CHECK(f.out.programs[0].has_video);
  CHECK(f.out.programs[0].has_audio);
  REQUIRE(f.out.packets.size() == 3);
  CHECK(f.out.packets[0].dts == 1s);
  CHECK(f.out.packets[0].is_key_frame);
  CHECK(f.out.packets[0].track->video.width == 640);
  CHECK(f.out.packets[1].dts == 1'010ms);
  CHECK(f.out.packets[1].payload == Bytes::copy_of(ByteVector{0x21, 0x10}));
  CHECK(f.out.packets[2].dts == 1'033'366'667ns);
  CHECK_FALSE(f.out.packets[2].is_key_frame);
  CHECK(f.out.packets[2].track == f.out.packets[0].track);
}

TEST_CASE("bytes cut anywhere give the same", "[ts]") {
  Fixture f;
  f.writer.tables();
  for (unsigned i = 0; i < 10; ++i) {
    f.video(90'000 + i * 3'000, i % 5 == 0, 200 + i * 77);
    f.audio(90'000 + i * 3'000);
  }
  const ByteVector bytes = f.writer.bytes;
  REQUIRE(f.push().has_value());
  CHECK(f.out.packets.size() == 20);
  for (const std::size_t piece : {1u, 7u, 188u, 189u, 1'316u}) {
    Collected out;
    TsDemuxer demuxer({}, out);
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      REQUIRE(demuxer
                  .push(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)),
                        TsDemuxer::TimePoint{})
                  .has_value());
    REQUIRE(out.packets.size() == f.out.packets.size());
    for (std::size_t i = 0; i < out.packets.size(); ++i) {
      CHECK(out.packets[i].payload == f.out.packets[i].payload);
      CHECK(out.packets[i].dts == f.out.packets[i].dts);
    }
  }
}

TEST_CASE("a picture is handed on when its last packet is stuffed, or its length reached", "[ts]") {
  Fixture f;
  f.writer.tables();
  f.video(0, true, 500, GENERATE(false, true));
  REQUIRE(f.push().has_value());
  CHECK(f.out.packets.size() == 1);
}

TEST_CASE("a picture that fills its last packet waits for the next one, or a short message",
          "[ts]") {
  Fixture f;
  f.writer.tables();
  // 14 bytes of PES header, 6 of delimiter, 5 of slice: five packets to the byte.
  f.video(0, true);
  f.video(3'000, false, 184 * 5 - 14 - 6 - 4);
  REQUIRE(f.push().has_value());
  CHECK(f.out.packets.size() == 1);
  SECTION("the next one") {
    f.video(6'000, false);
    REQUIRE(f.push().has_value());
    CHECK(f.out.packets.size() == 3);
  }
  SECTION("a short message") {
    REQUIRE(f.demuxer.end_short_message().has_value());
    CHECK(f.out.packets.size() == 2);
  }
  SECTION("the end of the stream") {
    REQUIRE(f.demuxer.finish().has_value());
    CHECK(f.out.packets.size() == 2);
  }
  CHECK(f.demuxer.counts().dropped_units == 0);
}

TEST_CASE("where stuffing is no end, one picture is cut and no other", "[ts]") {
  Fixture f;
  f.writer.tables();
  f.video(0, true);
  REQUIRE(f.push().has_value());
  // A muxer that stuffs in the middle of a picture.
  const auto pes = ts_pes(0xE0, {.pts = 3'000}, picture(false, 900), false);
  for (int i = 0; i < 3; ++i) {
    f.writer.packet(0x100, std::span(pes).first(100), true);
    f.writer.packet(0x100, std::span(pes).subspan(100, 100), false);
    f.writer.packet(0x100, std::span(pes).subspan(200, 184), false);
  }
  REQUIRE(f.push().has_value());
  REQUIRE(f.demuxer.finish().has_value());
  REQUIRE(f.out.packets.size() == 4);
  CHECK(f.out.packets[1].payload.size() < 100);
  CHECK(f.out.packets[2].payload.size() > 300);
  CHECK(f.out.packets[3].payload.size() > 300);
  CHECK(f.demuxer.counts().dropped_units == 1);
}

TEST_CASE("times pass the wrap together, whichever stream is there first", "[ts]") {
  Fixture f;
  constexpr std::uint64_t kWrap = std::uint64_t{1} << 33;
  f.writer.tables();
  f.video(kWrap - 3'000, true);
  f.audio(kWrap + 1'000);
  f.video(kWrap, false);
  f.audio(kWrap - 900);
  f.video(kWrap + 3'000, false);
  REQUIRE(f.push().has_value());
  REQUIRE(f.out.packets.size() == 5);
  const auto first = f.out.packets[0].dts;
  CHECK(f.out.packets[1].dts - first == 44'444'444ns);
  CHECK(f.out.packets[2].dts - first == 33'333'333ns);
  CHECK(f.out.packets[3].dts - first == 23'333'333ns);
  CHECK(f.out.packets[4].dts - first == 66'666'666ns);
}

TEST_CASE("a lost packet costs its picture and is counted, the next one comes", "[ts]") {
  Fixture f;
  f.writer.tables();
  f.video(0, true);
  const std::size_t before = f.writer.bytes.size();
  f.video(3'000, false, 1'000);
  const auto lost = f.writer.bytes.begin() + static_cast<std::ptrdiff_t>(before + 188 * 2);
  f.writer.bytes.erase(lost, lost + 188);
  f.video(6'000, false);
  REQUIRE(f.push().has_value());
  REQUIRE(f.out.packets.size() == 2);
  CHECK(f.out.packets[1].dts == 66'666'667ns);
  CHECK(f.demuxer.counts().continuity_errors == 1);
  CHECK(f.demuxer.counts().dropped_units == 1);
}

TEST_CASE("a packet that comes twice is taken once", "[ts]") {
  Fixture f;
  f.writer.tables();
  const std::size_t before = f.writer.bytes.size();
  f.video(0, true, 1'000);
  const auto at = f.writer.bytes.begin() + static_cast<std::ptrdiff_t>(before + 188);
  const ByteVector twice(at, at + 188);
  f.writer.bytes.insert(at, twice.begin(), twice.end());
  REQUIRE(f.push().has_value());
  CHECK(f.out.packets.size() == 1);
  CHECK(f.demuxer.counts().continuity_errors == 0);
}

TEST_CASE("what is no transport stream is skipped, and in the end refused", "[ts]") {
  Fixture f;
  ByteVector garbage(1'000, 0x47);  // Sync bytes, but nothing behind them is a packet of a program.
  garbage.resize(1'500, 0x11);
  REQUIRE(f.demuxer.push(garbage, {}).has_value());
  f.writer.tables();
  f.video(0, true);
  REQUIRE(f.push().has_value());
  CHECK(f.out.packets.size() == 1);
  CHECK(f.demuxer.counts().lost_sync == 1);
  Status status = ok();
  for (int i = 0; i < 400 && status.has_value(); ++i)
    status = f.demuxer.push(ByteVector(1'000, 0x11), {});
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().message == "ts: what comes is no MPEG transport stream");
}

TEST_CASE("a scrambled stream is refused in words", "[ts]") {
  Fixture f;
  f.writer.tables();
  const std::size_t before = f.writer.bytes.size();
  f.video(0, true, 3'000);
  f.writer.bytes[before + 3] |= 0x80;  // One may be damaged.
  REQUIRE(f.push().has_value());
  f.video(3'000, true, 3'000);
  for (std::size_t at = 3; at < f.writer.bytes.size(); at += 188) f.writer.bytes[at] |= 0x80;
  const auto status = f.push();
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().message == "ts: the transport stream is scrambled");
}

TEST_CASE("the first program with media is taken, and another one when it is gone", "[ts]") {
  Fixture f;
  f.writer.section(0, ts_association({{1, 0x1000}, {2, 0x1001}}));
  f.writer.section(0x1000, ts_map({{0x06, 0x200}}));
  f.writer.section(0x1001, ts_map({{0x1B, 0x100}}, 2));
  f.video(0, true);
  REQUIRE(f.push().has_value());
  REQUIRE(f.out.programs.size() == 1);
  CHECK_FALSE(f.out.programs[0].has_audio);
  f.writer.section(0, ts_association({{3, 0x1002}, {4, 0x1003}}));
  f.writer.section(0x1003, ts_map({{0x06, 0x200}}, 4));
  f.writer.section(0x1002, ts_map({{0x0F, 0x101}}, 3));
  f.audio(3'000);
  REQUIRE(f.push().has_value());
  CHECK(f.out.programs.size() == 2);
  CHECK(f.out.count(MediaKind::kVideo) == 1);
  CHECK(f.out.count(MediaKind::kAudio) == 1);
}

TEST_CASE("a map that changes in mid-stream changes the tracks", "[ts]") {
  Fixture f;
  f.writer.tables();
  f.video(0, true);
  f.writer.section(0x1000, ts_map({{0x1B, 0x100}, {0x0F, 0x101}}));  // The same again.
  f.writer.section(0x1000, ts_map({{0x1B, 0x102}, {0x0F, 0x101}, {0x1B, 0x103}, {0x87, 0x104}}));
  f.video(3'000, true);  // On the PID that is gone.
  f.writer.pes(0x102, 0xE0, {.pts = 6'000}, picture(true, 300), false);
  f.audio(6'000);
  REQUIRE(f.push().has_value());
  CHECK(f.out.programs.size() == 2);
  REQUIRE(f.out.count(MediaKind::kVideo) == 2);
  CHECK(f.out.packets[1].dts == 66'666'667ns);
  CHECK(f.out.packets[1].track != f.out.packets[0].track);
  CHECK(f.out.count(MediaKind::kAudio) == 1);
  CHECK(f.demuxer.counts().unsupported_streams == 2);
}

TEST_CASE("a picture without parameter sets or a time, and one that is too long, are dropped",
          "[ts]") {
  Fixture f;
  f.writer.tables();
  f.video(0, false);
  f.writer.pes(0x100, 0xE0, {.pts = {}}, picture(true, 300), false);
  f.video(3'000, false, 120'000);
  f.video(6'000, false);
  REQUIRE(f.push().has_value());
  REQUIRE(f.out.packets.size() == 1);
  CHECK(f.out.packets[0].dts == 66'666'667ns);
  CHECK(f.demuxer.counts().dropped_units == 3);
}

TEST_CASE("several frames of sound in a packet have times by their length", "[ts]") {
  Fixture f;
  f.writer.tables();
  ByteVector frames;
  for (int i = 0; i < 3; ++i) append(frames, adts_frame());
  f.writer.pes(0x101, 0xC0, {.pts = 90'000}, frames, true);
  REQUIRE(f.push().has_value());
  REQUIRE(f.out.packets.size() == 3);
  CHECK(f.out.packets[1].dts == 1'021'333'333ns);
  CHECK(f.out.packets[2].dts == 1'042'666'667ns);
}

TEST_CASE("programs that share a map's PID are told apart", "[ts]") {
  Fixture f;
  f.writer.section(0, ts_association({{1, 0x1000}, {2, 0x1000}}));
  for (int i = 0; i < 3; ++i) {
    f.writer.section(0x1000, ts_map({{0x1B, 0x100}}, 1));
    f.writer.section(0x1000, ts_map({{0x1B, 0x200}}, 2));
  }
  f.video(0, true);
  REQUIRE(f.push().has_value());
  CHECK(f.out.programs.size() == 1);
  CHECK(f.out.packets.size() == 1);
}

TEST_CASE("of a program's sound eight tracks are taken, each with its place", "[ts]") {
  Fixture f;
  std::vector<std::pair<std::uint8_t, std::uint16_t>> streams;
  for (std::uint16_t i = 0; i < 10; ++i)
    streams.emplace_back(0x0F, static_cast<std::uint16_t>(0x101 + i));
  f.writer.tables({streams.begin(), streams.end()});
  for (std::uint16_t i = 0; i < 10; ++i)
    f.writer.pes(static_cast<std::uint16_t>(0x101 + i), 0xC0, {.pts = 90'000}, adts_frame(), true);
  REQUIRE(f.push().has_value());
  REQUIRE(f.out.packets.size() == 8);
  for (int i = 0; i < 8; ++i) CHECK(f.out.packets[static_cast<std::size_t>(i)].track->index == i);
  CHECK(f.demuxer.counts().unsupported_streams == 2);
}

TEST_CASE("a program of which nothing can be taken is counted once", "[ts]") {
  Fixture f;
  for (int i = 0; i < 3; ++i) f.writer.tables({{0x02, 0x100}, {0x87, 0x101}});
  REQUIRE(f.push().has_value());
  CHECK(f.out.programs.empty());
  CHECK(f.demuxer.counts().unsupported_streams == 2);
}

TEST_CASE("a picture parameter set that comes by itself is added to the others", "[ts]") {
  Fixture f;
  f.writer.tables();
  f.video(0, true);
  ByteVector bytes = unit({0x68, 0x5B, 0xE3});  // Its id is 1.
  append(bytes, picture(false, 100));
  f.writer.pes(0x100, 0xE0, {.pts = 3'000}, bytes, false);
  f.video(6'000, false);
  REQUIRE(f.push().has_value());
  REQUIRE(f.out.packets.size() == 3);
  const auto& record = f.out.packets[1].track->codec_configuration;
  CHECK(record.size() == f.out.packets[0].track->codec_configuration.size() + 5);
  CHECK(f.out.packets[2].track == f.out.packets[1].track);
}

TEST_CASE("more parameter sets than a configuration can hold are passed over", "[ts]") {
  Fixture f;
  f.writer.tables();
  f.video(0, true);
  ByteVector bytes;
  for (int i = 0; i < 400; ++i)
    append(bytes, unit({0x68, 0x80, static_cast<std::uint8_t>(0x80 | (i / 100)),
                        static_cast<std::uint8_t>(0x80 | (i % 100))}));
  append(bytes, picture(false, 100));
  f.writer.pes(0x100, 0xE0, {.pts = 3'000}, bytes, false);
  f.video(6'000, false);
  REQUIRE(f.push().has_value());
  REQUIRE(f.out.packets.size() == 3);
  CHECK(f.out.packets[1].track == f.out.packets[0].track);
}

TEST_CASE("an error of the receiver ends the demuxing", "[ts]") {
  Refusing refusing;
  Fixture f;
  f.writer.tables();
  f.video(0, true);
  TsDemuxer demuxer({}, refusing);
  const auto status = demuxer.push(f.writer.bytes, {});
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().message == "enough");
}

TEST_CASE("an error while a stream that is gone is flushed leaves nothing behind", "[ts]") {
  Refusing refusing;
  Fixture f;
  f.writer.tables();
  f.video(0, true, 184 * 5 - 14 - 6 - 4 - 26 - 6 - 8);  // Not known to be whole.
  f.writer.section(0x1000, ts_map({{0x1B, 0x102}, {0x0F, 0x101}}));
  TsDemuxer demuxer({}, refusing);
  CHECK_FALSE(demuxer.push(f.writer.bytes, {}).has_value());
  CHECK(demuxer.end_short_message().has_value());
  CHECK(demuxer.finish().has_value());
}
