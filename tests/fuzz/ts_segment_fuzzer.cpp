// Any bytes as CMAF that becomes MPEG-TS: two bytes with the size of the init segment, that, and
// the chunks. As a picture, as sound, and as both.
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "packager/packager.h"

using namespace millrace;

namespace {

void check(const CmafSegment& video, const CmafSegment& audio) {
  constexpr std::size_t kPacketBytes = 188;
  const auto made = packager::write_ts_segment(video, audio, 12345);
  if (!made.has_value()) return;
  const auto bytes = made.value().span();
  CHECK(!bytes.empty() && bytes.size() % kPacketBytes == 0);
  for (std::size_t at = 0; at < bytes.size(); at += kPacketBytes) CHECK(bytes[at] == 0x47);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> all(data, size);
  if (all.size() < 2) return 0;
  const std::size_t init_size = static_cast<std::size_t>(all[0]) << 8 | all[1];
  const auto media = all.subspan(2);
  if (init_size > media.size()) return 0;
  const CmafSegment segment{.init = Bytes::copy_of(media.first(init_size)),
                            .chunks = {Bytes::copy_of(media.subspan(init_size))}};
  check(segment, {});
  check({}, segment);
  check(segment, segment);
  return 0;
}
