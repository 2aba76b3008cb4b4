#include "net/accept_encoding.h"

#include <algorithm>

#include "base/text.h"

namespace millrace::net {
namespace {

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

}  // namespace millrace::net
