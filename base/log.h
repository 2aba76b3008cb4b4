#pragma once
// One line per event that matters, as `key=value` pairs behind a stage and a sentence:
//   2026-05-01T12:00:00.123Z info  ingest: publisher connected channel=shop remote=192.0.2.7:5123
// Any thread. Never called with a lock held.
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace millrace::log {

enum class Level { kDebug, kInfo, kWarning, kError, kOff };

/// Below `level` nothing is written. Default: info, to standard error.
void set_level(Level level);
bool is_enabled(Level level);

/// Writes one line. `stage` is the folder ("ingest"); control characters of `text` are escaped, so
/// that a peer's bytes never forge a line.
void write(Level level, std::string_view stage, std::string_view text);

template <typename... Args>
void debug(std::string_view stage, fmt::format_string<Args...> format, Args&&... args) {
  if (is_enabled(Level::kDebug))
    write(Level::kDebug, stage, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void info(std::string_view stage, fmt::format_string<Args...> format, Args&&... args) {
  if (is_enabled(Level::kInfo))
    write(Level::kInfo, stage, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(std::string_view stage, fmt::format_string<Args...> format, Args&&... args) {
  if (is_enabled(Level::kWarning))
    write(Level::kWarning, stage, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(std::string_view stage, fmt::format_string<Args...> format, Args&&... args) {
  if (is_enabled(Level::kError))
    write(Level::kError, stage, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace millrace::log
