#pragma once
// What the flags of a fragment's boxes say (ISO/IEC 14496-12), as the writer sets them and the
// reader takes them.
#include <cstdint>

namespace millrace::packager {

// 8.8.7: default-base-is-moof; default sample duration and flags where all agree.
constexpr std::uint32_t kDefaultBaseIsMoof = 0x020000;
constexpr std::uint32_t kDefaultDuration = 0x000008;
constexpr std::uint32_t kDefaultFlags = 0x000020;
// 8.8.8.
constexpr std::uint32_t kDataOffset = 0x000001;
constexpr std::uint32_t kFirstSampleFlags = 0x000004;
constexpr std::uint32_t kSampleDuration = 0x000100;
constexpr std::uint32_t kSampleSize = 0x000200;
constexpr std::uint32_t kSampleFlags = 0x000400;
constexpr std::uint32_t kSampleOffset = 0x000800;

}  // namespace millrace::packager
