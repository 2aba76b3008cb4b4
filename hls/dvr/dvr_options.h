#pragma once
// What is kept on disk for rewinding, and where (docs/operations.md). A part of hls.h. Any thread.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace millrace::hls {

struct DvrOptions {
  std::string folder{};  ///< One server's alone.
  /// How far back a playlist with ?dvr goes; 0: there is none.
  std::chrono::nanoseconds window{0};
  /// The same of single channels, by name.
  std::map<std::string, std::chrono::nanoseconds, std::less<>> channels{};
  /// On disk, all channels together. Past it the channel that has most loses its oldest files.
  std::uint64_t max_bytes = std::uint64_t{100} * 1024 * 1024 * 1024;
  /// Segments that wait for the disk. They are in memory anyway for as long as their window has
  /// them; past it a segment is left out.
  std::size_t max_queued_bytes = std::size_t{256} * 1024 * 1024;
  std::size_t max_queued_reads = 1000;  ///< Requests that wait for the disk; past it 503.
  /// What is to be read, or was and is on its way to clients; past it 503.
  std::size_t max_read_bytes = std::size_t{512} * 1024 * 1024;

  std::chrono::nanoseconds window_of(std::string_view channel) const {
    const auto found = channels.find(channel);
    return found == channels.end() ? window : found->second;
  }
  /// Whether anything is kept at all.
  bool is_on() const {
    if (window.count() > 0) return true;
    for (const auto& [name, its_window] : channels)
      if (its_window.count() > 0) return true;
    return false;
  }
};

}  // namespace millrace::hls
