// is_channel_name() of ingest/ingest.h.
#include <algorithm>

#include "ingest/ingest.h"

namespace millrace::ingest {
namespace {

constexpr std::size_t kMaxChannelNameBytes = 64;

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

}  // namespace

bool is_channel_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxChannelNameBytes && is_lower_or_digit(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_lower_or_digit(c) || c == '_' || c == '-'; });
}

}  // namespace millrace::ingest
