#include "hls/gzip.h"

#include <zlib.h>

#include <algorithm>

#include "base/check.h"

namespace millrace::hls {
namespace {

// zlib's own default: a playlist becomes a sixth of itself.
constexpr int kLevel = 6;
// zlib clears and allocates for the window that it is given: 256 KiB for the usual one, which a
// playlist of 3 KB does not fill. With this one it takes a third of the time, for the same bytes.
constexpr int kSmallWindow = 12;  // 4 KiB.
constexpr int kLargeWindow = 15;
constexpr int kWithGzipHeader = 16;
constexpr int kSmallMemory = 5;
constexpr int kLargeMemory = 8;

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_gzip(std::string_view coding) {
  constexpr std::string_view kName = "gzip";
  return std::ranges::equal(coding, kName, [](char c, char lower) { return (c | 0x20) == lower; });
}

/// "q=0", "q=0.000": RFC 9110 12.4.2, "a value of 0 means not acceptable".
bool is_zero_weight(std::string_view parameter) {
  if (parameter.size() < 3 || (parameter[0] | 0x20) != 'q' || parameter[1] != '=') return false;
  return parameter.substr(2).find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

Bytes gzip(std::string_view text) {
  z_stream stream{};
  const bool is_small = text.size() <= std::size_t{1} << kSmallWindow;
  CHECK(deflateInit2(&stream, kLevel, Z_DEFLATED,
                     (is_small ? kSmallWindow : kLargeWindow) + kWithGzipHeader,
                     is_small ? kSmallMemory : kLargeMemory, Z_DEFAULT_STRATEGY) == Z_OK);
  MutableBytes out(deflateBound(&stream, static_cast<uLong>(text.size())));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  const std::size_t size = stream.total_out;
  deflateEnd(&stream);
  CHECK(result == Z_STREAM_END);  // There is room for any outcome.
  return Bytes(std::move(out)).slice(0, size);
}

bool accepts_gzip(std::string_view accept_encoding) {
  while (!accept_encoding.empty()) {
    const auto item = accept_encoding.substr(0, accept_encoding.find(','));
    accept_encoding.remove_prefix(std::min(accept_encoding.size(), item.size() + 1));
    const auto semicolon = item.find(';');
    if (!is_gzip(trimmed(item.substr(0, semicolon)))) continue;
    return semicolon == std::string_view::npos ||
           !is_zero_weight(trimmed(item.substr(semicolon + 1)));
  }
  return false;
}

}  // namespace millrace::hls
