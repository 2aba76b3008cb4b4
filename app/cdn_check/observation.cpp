#include "app/cdn_check/observation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace millrace::app::cdn_check {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

std::optional<Seconds> to_seconds(std::string_view text) {
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data() || value < 0) return std::nullopt;
  return Seconds(static_cast<double>(value));
}

/// The argument of a directive such as "max-age"; empty where it is not there or has none.
std::string_view directive(std::string_view list, std::string_view name) {
  for (std::size_t at = list.find(name); at != std::string_view::npos;
       at = list.find(name, at + 1)) {
    const bool begins_word = at == 0 || list[at - 1] == ' ' || list[at - 1] == ',';
    std::string_view rest = list.substr(at + name.size());
    if (!begins_word || !rest.starts_with('=')) continue;
    rest.remove_prefix(1);
    if (rest.starts_with('"')) rest.remove_prefix(1);
    return rest;
  }
  return {};
}

}  // namespace

std::string_view Observation::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [name](const auto& field) { return field.first == name; });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

bool Observation::has_header(std::string_view name) const {
  return std::any_of(headers.begin(), headers.end(),
                     [name](const auto& field) { return field.first == name; });
}

std::string outcome_of(const Observation& seen) {
  const std::string what =
      seen.failure.empty() ? fmt::format("status {}", seen.status) : seen.failure;
  return fmt::format("{} after {:.2f} s", what, seen.waited.count());
}

std::optional<Seconds> lifetime_of(const Observation& seen) {
  const std::string control = lower(seen.header("cache-control"));
  for (const auto* never : {"no-store", "no-cache", "private"})
    if (control.find(never) != std::string::npos) return Seconds(0);
  for (const auto* name : {"s-maxage", "max-age"})
    if (const auto lifetime = to_seconds(directive(control, name))) return lifetime;
  return std::nullopt;
}

std::optional<Seconds> age_of(const Observation& seen) {
  return to_seconds(seen.header("age"));
}

CacheWord cache_word(const Observation& seen) {
  for (const auto* name : {"cache-status", "x-cache", "cf-cache-status", "x-cache-status",
                           "x-proxy-cache", "cdn_cache_status", "cdn-cache"}) {
    const std::string word = lower(seen.header(name));
    // RFC 9211: a member says "hit", or "fwd=miss", where one that was collapsed says so.
    if (word.find("hit") != std::string::npos || word.find("collapsed") != std::string::npos)
      return CacheWord::kHit;
    if (!word.empty()) return CacheWord::kMiss;
  }
  // Varnish names the request that fetched it beside this one.
  const std::string_view varnish = seen.header("x-varnish");
  if (!varnish.empty())
    return varnish.find(' ') != std::string_view::npos ? CacheWord::kHit : CacheWord::kMiss;
  if (const auto age = age_of(seen); age && age->count() > 0) return CacheWord::kHit;
  return CacheWord::kUnknown;
}

}  // namespace millrace::app::cdn_check
