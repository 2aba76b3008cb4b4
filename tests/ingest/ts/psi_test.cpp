#include "ingest/ts/psi.h"

#include <catch2/catch.hpp>

#include "tests/ingest/ts/ts_writer.h"

using namespace millrace::ingest;
using namespace millrace::test;

namespace {

struct Sections {
  SectionAssembler assembler;
  std::vector<ByteVector> taken;
  int bad = 0;

  void push(const ByteVector& payload, bool starts) {
    bad += assembler.push(payload, starts, [this](std::span<const std::uint8_t> section) {
      taken.emplace_back(section.begin(), section.end());
    });
  }
};

ByteVector with_pointer(const ByteVector& section, std::uint8_t pointer = 0) {
  ByteVector payload{pointer};
  append(payload, section);
  return payload;
}

}  // namespace

TEST_CASE("sections are joined over packets, and several may share one", "[ts]") {
  const auto one = ts_association({{1, 0x100}});
  const auto two = ts_map({{0x1B, 0x101}, {0x0F, 0x102}});
  ByteVector both = one;
  append(both, two);
  append(both, ByteVector(5, 0xFF));
  for (std::size_t cut = 1; cut < both.size(); ++cut) {
    Sections sections;
    const auto payload = with_pointer(both);
    const auto at = payload.begin() + static_cast<std::ptrdiff_t>(cut);
    sections.push({payload.begin(), at}, true);
    sections.push({at, payload.end()}, false);
    CHECK(sections.taken == std::vector{one, two});
    CHECK(sections.bad == 0);
  }
}

TEST_CASE("the pointer leads past the end of the section before", "[ts]") {
  const auto one = ts_association({{1, 0x100}});
  Sections sections;
  sections.push(with_pointer({one.begin(), one.begin() + 6}), true);
  ByteVector rest(one.begin() + 6, one.end());
  append(rest, one);
  sections.push(with_pointer(rest, static_cast<std::uint8_t>(one.size() - 6)), true);
  CHECK(sections.taken == std::vector{one, one});
}

TEST_CASE("a section that is damaged is counted, and what follows is taken", "[ts]") {
  auto broken = ts_association({{1, 0x100}});
  broken[9] ^= 1;
  Sections sections;
  sections.push(with_pointer(broken), true);
  sections.push(with_pointer(ts_association({{1, 0x100}})), true);
  sections.push({200, 1, 2}, true);  // A pointer past the packet.
  sections.push({1, 2, 3}, false);
  CHECK(sections.bad == 2);
  CHECK(sections.taken.size() == 1);
}

TEST_CASE("tables are read, and what does not add up is not", "[ts]") {
  const auto programs = parse_association(ts_association({{0, 0x10}, {7, 0x1ABC}}));
  REQUIRE(programs);
  REQUIRE(programs->size() == 1);
  CHECK(programs->front().program == 7);
  CHECK(programs->front().map_pid == 0x1ABC);
  const auto streams = parse_map(ts_map({{0x24, 0x101}}));
  REQUIRE(streams);
  CHECK(streams->program == 1);
  CHECK(streams->streams.front().pid == 0x101);
  CHECK(streams->streams.front().type == 0x24);
  CHECK_FALSE(parse_map(ts_association({{1, 0x100}})));
  CHECK_FALSE(parse_association(ts_map({})));
  CHECK_FALSE(parse_map(ts_section(2, {0xE1, 0, 0xF0, 9})));
  CHECK_FALSE(parse_map(ts_section(2, {0xE1, 0, 0xF0, 0, 0x1B, 0xE1, 0, 0xF0, 9})));
  auto next = ts_association({{1, 0x100}});
  next[5] &= 0xFE;  // Not valid yet.
  CHECK_FALSE(parse_association(next));
}

TEST_CASE("the descriptors of a stream of sound say its codec and its language", "[ts]") {
  const auto opus =
      parse_map(ts_section(2, {0xE1, 0,   0xF0, 0, 0x06, 0xE1, 0,   0xF0, 16,   5, 4,    'O', 'p',
                               'u',  's', 0x0A, 4, 'F',  'r',  'a', 0,    0x7F, 2, 0x80, 6}));
  REQUIRE(opus);
  CHECK(opus->streams.front().registration == 0x4F707573);
  CHECK(opus->streams.front().opus_channels == 6);
  CHECK(opus->streams.front().language == "fra");
  const auto ac3 = parse_map(ts_section(
      2, {0xE1, 0, 0xF0, 0, 0x06, 0xE1, 0, 0xF0, 9, 0x6A, 1, 0, 0x0A, 4, 'u', 'n', 'd', 0}));
  REQUIRE(ac3);
  CHECK(ac3->streams.front().is_dvb_ac3);
  CHECK(ac3->streams.front().language.empty());
  const auto nonsense = parse_map(
      ts_section(2, {0xE1, 0, 0xF0, 0, 0x0F, 0xE1, 0, 0xF0, 6, 0x0A, 4, 'e', '1', '"', 0}));
  REQUIRE(nonsense);
  CHECK(nonsense->streams.front().language.empty());
}
