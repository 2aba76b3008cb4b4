#include "hls/playback/playback_path.h"

#include <fmt/format.h>

#include <algorithm>

#include "hls/playback/playback_options.h"

namespace millrace::hls {
namespace {

constexpr std::string_view kRoot = "/live/";
constexpr std::string_view kTokenRoot = "/s/";
constexpr std::string_view kParameter = "token=";

/// The next "name=value" of a query, which it leaves.
std::string_view take_pair(std::string_view& query) {
  const auto pair = query.substr(0, query.find('&'));
  query.remove_prefix(std::min(query.size(), pair.size() + 1));
  return pair;
}

}  // namespace

PlaybackPath parse_playback_path(std::string_view path, std::string_view query) {
  if (path.starts_with(kTokenRoot)) {
    const auto rest = path.substr(kTokenRoot.size());
    const auto end = std::min(rest.find('/'), rest.size());
    return {.token = rest.substr(0, end), .path = rest.substr(end)};
  }
  while (!query.empty()) {
    const auto pair = take_pair(query);
    if (pair.starts_with(kParameter))
      return {.token = pair.substr(kParameter.size()), .path = path, .is_in_query = true};
  }
  return {.token = {}, .path = path};
}

std::string path_form_of(const PlaybackPath& asked, std::string_view query) {
  std::string location;
  // As many folders up as the path has, of which the last component is a file.
  for (auto left = std::count(asked.path.begin(), asked.path.end(), '/'); left > 1; --left)
    location += "../";
  location += fmt::format("s/{}{}", asked.token, asked.path);
  char separator = '?';
  while (!query.empty()) {
    const auto pair = take_pair(query);
    if (pair.starts_with(kParameter)) continue;
    location += separator;
    location += pair;
    separator = '&';
  }
  return location;
}

std::string playback_path(std::string_view channel, std::string_view token, bool is_in_query) {
  const auto path = fmt::format("{}{}/index.m3u8", kRoot, channel);
  return is_in_query ? fmt::format("{}?{}{}", path, kParameter, token)
                     : fmt::format("{}{}{}", kTokenRoot, token, path);
}

bool is_origin_path(std::string_view path) {
  return path.starts_with(kRoot) || path.starts_with(kTokenRoot);
}

}  // namespace millrace::hls
