// Any bytes as a transport stream, in pieces as they say themselves: an error at worst, and what
// comes out is what the rest of the server counts on.
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "ingest/ts/ts_demuxer.h"
#include "tests/fuzz/pieces.h"

namespace {

using namespace millrace;

struct Checked final : ingest::TsEvents {
  void on_program(const ingest::Announcement& program) override {
    CHECK(program.has_video || program.has_audio || has_begun);
    has_begun = true;
  }
  Status on_packet(ingest::SourcePacket packet) override {
    CHECK(has_begun && packet.track && !packet.payload.empty());
    CHECK(std::chrono::abs(packet.dts) <= std::chrono::hours(24 * 365 * 50));
    CHECK(std::chrono::abs(packet.pts - packet.dts) <= std::chrono::hours(27));
    return ok();
  }
  bool has_begun = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Checked checked;
  ingest::TsDemuxer demuxer({.max_access_unit_bytes = 64 * 1024}, checked);
  const millrace::test::Pieces pieces({bytes, size});
  bool goes_on = true;
  pieces.for_each([&](std::span<const std::uint8_t> piece) {
    goes_on = demuxer.push(piece, {}).has_value() &&
              (piece.size() % 7 != 0 || demuxer.end_short_message().has_value());
    return goes_on;
  });
  if (goes_on) CHECK(demuxer.finish().has_value());
  return 0;
}
