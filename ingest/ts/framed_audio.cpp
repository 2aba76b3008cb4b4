#include "ingest/ts/framed_audio.h"

#include <utility>

namespace millrace::ingest {
namespace {

constexpr std::size_t kSyncBytes = 2;

}  // namespace

Status FramedAudio::push(std::span<const std::uint8_t> bytes, const Take& take) {
  const std::size_t old = kept_.size();  // From here on frames start in this packet.
  kept_.insert(kept_.end(), bytes.begin(), bytes.end());
  std::size_t at = 0;
  while (kept_.size() - at >= header_bytes_) {
    const auto rest = std::span<const std::uint8_t>(kept_).subspan(at);
    Header header;
    const bool is_header = read_header(rest, header);
    // Once lost, one that may be an accident counts only with another behind its frame.
    const std::size_t needed = header.frame + (is_lost_ ? kSyncBytes : 0);
    if (is_header && rest.size() < needed) break;
    if (!is_header || (is_lost_ && !has_sync(rest.subspan(header.frame)))) {
      if (!std::exchange(is_lost_, true)) ++dropped_;
      ++at;
      continue;
    }
    is_lost_ = false;
    const auto frame = rest.first(header.frame);
    const auto track = track_of(frame);
    const bool starts_here = at >= old;
    at += header.frame;
    if (!track) {
      ++dropped_;
      continue;
    }
    if (auto status = take(track, frame.subspan(header.stripped), starts_here);
        !status.has_value()) {
      kept_.clear();
      return status;
    }
  }
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(at));
  return ok();
}

}  // namespace millrace::ingest
