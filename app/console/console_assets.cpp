#include "app/console/console_assets.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

// What cmake/embed_assets.py put into the binary: SYMBOL … SYMBOL_end and SYMBOL_gzip ….
#define ASSET(symbol, path, content_type, etag)  \
  extern "C" const std::uint8_t symbol[];        \
  extern "C" const std::uint8_t symbol##_end[];  \
  extern "C" const std::uint8_t symbol##_gzip[]; \
  extern "C" const std::uint8_t symbol##_gzip_end[];
#include "console_files.inc"
#undef ASSET

namespace millrace::console {
namespace {

Bytes between(const std::uint8_t* begin, const std::uint8_t* end) {
  return Bytes::of_static(std::span(begin, static_cast<std::size_t>(end - begin)));
}

}  // namespace

const Asset* find_asset(std::string_view path) {
#define ASSET(symbol, url_path, content_type, etag)            \
  Asset{url_path, content_type, between(symbol, symbol##_end), \
        between(symbol##_gzip, symbol##_gzip_end), etag},
  static const auto assets = std::to_array<Asset>({
#include "console_files.inc"
  });
#undef ASSET
  const auto found = std::find_if(assets.begin(), assets.end(),
                                  [&](const Asset& asset) { return asset.path == path; });
  return found == assets.end() ? nullptr : &*found;
}

}  // namespace millrace::console
