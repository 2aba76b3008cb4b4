#pragma once
// Languages as players and viewers know them. Pure; any thread.
#include <string_view>

namespace millrace::hls::playlist {

struct Language {
  std::string_view tag;   ///< RFC 5646: the shortest code ("fr").
  std::string_view name;  ///< In the language itself; empty: not known here.
};

/// Of an ISO 639-2 code, terminological or bibliographic ("fra", "fre"). A code that is not known
/// here is its own tag; what is no code is "und". The result refers to `code`.
Language find_language(std::string_view code);

}  // namespace millrace::hls::playlist
