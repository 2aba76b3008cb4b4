#include "packager/filler.h"

#include <catch2/catch.hpp>
#include <vector>

using namespace millrace;
using namespace millrace::packager;

namespace {

using Payload = std::vector<std::uint8_t>;

Payload unit(std::initializer_list<int> content) {
  Payload bytes{0, 0, 0, static_cast<std::uint8_t>(content.size())};
  for (const int byte : content) bytes.push_back(static_cast<std::uint8_t>(byte));
  return bytes;
}

Payload join(std::initializer_list<Payload> parts) {
  Payload all;
  for (const Payload& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Payload without_filler(Codec codec, const Payload& payload) {
  Payload kept(size_without_filler(codec, payload));
  copy_without_filler(codec, payload, kept.data());
  return kept;
}

const Payload kSlice = unit({0x65, 1, 2});
const Payload kFiller = unit({0x0c, 0xff, 0xff, 0x80});

}  // namespace

TEST_CASE("filler is left out wherever it stands", "[filler]") {
  for (const Payload& payload :
       {join({kFiller, kSlice, kSlice}), join({kSlice, kFiller, kSlice}),
        join({kSlice, kSlice, kFiller}), join({kFiller, kSlice, kFiller, kFiller, kSlice})})
    CHECK(without_filler(Codec::kH264, payload) == join({kSlice, kSlice}));
}

TEST_CASE("what is not filler in its codec stays", "[filler]") {
  CHECK(without_filler(Codec::kH264, join({kSlice, kSlice})) == join({kSlice, kSlice}));
  const Payload hevc_filler = unit({38 << 1, 1, 0xff, 0x80});
  CHECK(without_filler(Codec::kHevc, join({kFiller, hevc_filler})) == kFiller);
  CHECK(without_filler(Codec::kAv1, kFiller) == kFiller);
  CHECK(without_filler(Codec::kAac, kFiller) == kFiller);
}

TEST_CASE("a payload of filler alone is kept, so that no sample is empty", "[filler]") {
  CHECK(without_filler(Codec::kH264, kFiller) == kFiller);
  CHECK(without_filler(Codec::kH264, {}).empty());
}

TEST_CASE("a length that runs past the end leaves the payload as it came", "[filler]") {
  Payload lying = join({kFiller, kSlice});
  lying[kFiller.size() + 3] = 200;
  CHECK(without_filler(Codec::kH264, lying) == lying);
  const Payload cut = join({kFiller, kSlice, {0, 0}});
  CHECK(without_filler(Codec::kH264, cut) == join({kSlice, {0, 0}}));
  const Payload empty_unit = join({{0, 0, 0, 0}, kFiller, kSlice});
  CHECK(without_filler(Codec::kH264, empty_unit) == join({{0, 0, 0, 0}, kSlice}));
}
