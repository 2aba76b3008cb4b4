// Any bytes as a live playlist: what the check of a CDN reads of it stays in bounds.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "app/cdn_check/live_playlist.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto playlist =
      millrace::app::cdn_check::parse_live_playlist({reinterpret_cast<const char*>(bytes), size});
  if (!playlist) return 0;
  const auto next = playlist->next();
  CHECK(!playlist->reached(next) || playlist->segments.empty());
  CHECK(playlist->ahead_of(*playlist).count() < 1e-3);
  for (const auto& segment : playlist->segments)
    CHECK(segment.parts.size() == segment.part_uris.size() && segment.duration.count() >= 0);
  return 0;
}
