#include "ingest/ts/pes_header.h"

#include <catch2/catch.hpp>

#include "tests/ingest/ts/ts_writer.h"

using namespace millrace::ingest;
using namespace millrace::test;

TEST_CASE("a PES header says its times and the packet's length", "[ts]") {
  const std::uint64_t pts = (std::uint64_t{1} << 33) - 2;
  const auto pes = ts_pes(0xE0, {.pts = pts, .dts = 0x155555555}, {1, 2, 3}, true);
  PesHeader header;
  REQUIRE(parse_pes_header(pes, header) == PesHeaderState::kWhole);
  CHECK(header.pts == pts);
  CHECK(header.dts == 0x155555555u);
  CHECK(header.size == 19);
  CHECK(header.packet == pes.size());
  const auto unbounded = ts_pes(0xE0, {.pts = {}}, {1, 2, 3}, false);
  REQUIRE(parse_pes_header(unbounded, header) == PesHeaderState::kWhole);
  CHECK_FALSE(header.pts);
  CHECK(header.packet == 0);
}

TEST_CASE("a PES header that is cut needs more", "[ts]") {
  const auto pes = ts_pes(0xE0, {.pts = 5, .dts = 4}, {}, false);
  PesHeader header;
  for (std::size_t size = 0; size < pes.size(); ++size)
    CHECK(parse_pes_header(std::span(pes).first(size), header) == PesHeaderState::kNeedsMore);
  CHECK(parse_pes_header(pes, header) == PesHeaderState::kWhole);
}

TEST_CASE("a PES header that does not add up is invalid", "[ts]") {
  PesHeader header;
  auto pes = ts_pes(0xE0, {.pts = 5, .dts = 4}, {}, true);
  SECTION("no start code") {
    pes[2] = 2;
  }
  SECTION("no marker") {
    pes[6] = 0;
  }
  SECTION("times longer than the header") {
    pes[8] = 9;
  }
  SECTION("a packet shorter than its header") {
    pes[5] = 3;
  }
  CHECK(parse_pes_header(pes, header) == PesHeaderState::kInvalid);
}
