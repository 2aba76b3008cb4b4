// The first byte chooses the record, the rest is its body.
#include <cstdint>

#include "media/codec_configuration.h"
#include "packager/packager.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const auto body = millrace::Bytes::copy_of(std::span(bytes + 1, size - 1));
  const auto parse = [&] {
    switch (bytes[0] % 4) {
      case 0:
        return millrace::parse_avc_configuration(body);
      case 1:
        return millrace::parse_hevc_configuration(body);
      case 2:
        return millrace::parse_av1_configuration(body);
      default:
        return millrace::parse_aac_configuration(body);
    }
  };
  // What is accepted must be usable by the packager.
  if (const auto track = parse(); track.has_value()) {
    if (millrace::packager::codec_string(track.value()).empty()) __builtin_trap();
    if (millrace::packager::part_target_for(track.value(), std::chrono::milliseconds(200)) <=
        millrace::MediaTime::zero())
      __builtin_trap();
  }
  return 0;
}
