#include "net/http2_limits.h"

#include <algorithm>

namespace millrace::net {
namespace {

// Headers are a sixth of what one request may have: 2.7 KiB each, where all are under way.
constexpr std::size_t kStreamsPerHeader = 6;
constexpr std::size_t kLeastHeaders = 16;
// Each stream twice at once, a viewer who seeks or a page that is left, and then a fifth of them
// each second.
constexpr double kCutsPerStream = 2;
constexpr double kCutsPerStreamAndSecond = 0.2;
constexpr double kLeastCutsPerSecond = 20;

}  // namespace

Http2Limits http2_limits(const HttpServerOptions& options) {
  const auto streams = static_cast<double>(options.max_streams);
  return {.header_bytes = options.max_header_bytes *
                          std::max(kLeastHeaders, options.max_streams / kStreamsPerHeader),
          .cuts_at_once = kCutsPerStream * streams,
          .cuts_per_second = std::max(kLeastCutsPerSecond, kCutsPerStreamAndSecond * streams)};
}

}  // namespace millrace::net
