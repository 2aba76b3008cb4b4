// Any bytes as AMF0 values: an error at worst, and what was read is written and reads the same.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "net/rtmp/amf0.h"

namespace {

using namespace millrace::net::rtmp;

// As ==, but a number is its bits: one that is none equals itself.
bool is_same(const AmfValue& a, const AmfValue& b) {
  if (a.number() && b.number())
    return std::bit_cast<std::uint64_t>(*a.number()) == std::bit_cast<std::uint64_t>(*b.number());
  if (a.object() == nullptr || b.object() == nullptr) return a == b;
  if (a.object()->size() != b.object()->size()) return false;
  for (std::size_t i = 0; i < a.object()->size(); ++i) {
    const auto &one = (*a.object())[i], &other = (*b.object())[i];
    if (one.name != other.name || !is_same(one.value, other.value)) return false;
    CHECK(a.find(one.name) != nullptr);
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::vector<AmfValue> values;
  Amf0Reader reader({bytes, size});
  while (!reader.at_end()) {
    const auto before = reader.position();
    auto value = reader.read();
    if (!value.has_value()) break;
    CHECK(reader.position() > before && reader.position() <= size);
    values.push_back(std::move(value).value());
  }

  std::vector<std::uint8_t> written;
  for (const auto& value : values) append_amf0(written, value);
  Amf0Reader again(written);
  for (const auto& value : values) {
    const auto read = again.read();
    CHECK(read.has_value() && is_same(read.value(), value));
  }
  CHECK(again.at_end());
  return 0;
}
