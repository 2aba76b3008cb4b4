#include "hls/byte_range.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace millrace::hls {
namespace {

std::optional<std::uint64_t> parse_position(std::string_view digits) {
  std::uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto parsed = std::from_chars(digits.data(), end, number);
  if (digits.empty() || parsed.ptr != end) return std::nullopt;
  // RFC 8673: a client that wants all there will be names a last byte beyond any.
  if (parsed.ec == std::errc::result_out_of_range) return UINT64_MAX;
  return number;
}

/// RFC 9110 14.1: range units are case-insensitive.
bool is_bytes(std::string_view unit) {
  constexpr std::string_view kName = "bytes";
  return std::ranges::equal(unit, kName, [](char c, char lower) { return (c | 0x20) == lower; });
}

}  // namespace

ByteRange parse_byte_range(std::string_view header, std::uint64_t size) {
  const auto equals = header.find('=');
  if (equals == std::string_view::npos || !is_bytes(header.substr(0, equals))) return {};
  header.remove_prefix(equals + 1);
  const auto dash = header.find('-');
  if (dash == std::string_view::npos) return {};
  const auto first_text = header.substr(0, dash), last_text = header.substr(dash + 1);
  const auto first = parse_position(first_text), last = parse_position(last_text);
  if ((!first && !first_text.empty()) || (!last && !last_text.empty())) return {};
  if (!first && !last) return {};
  const ByteRange unsatisfiable{.kind = ByteRange::Kind::kUnsatisfiable};
  if (!first) {  // "-N": the last N.
    if (*last == 0 || size == 0) return unsatisfiable;
    return {
        .kind = ByteRange::Kind::kPart, .first = size - std::min(*last, size), .last = size - 1};
  }
  if (last && *last < *first) return {};  // 14.1.1: invalid, to be ignored.
  if (*first >= size) return unsatisfiable;
  return {.kind = ByteRange::Kind::kPart,
          .first = *first,
          .last = std::min(last.value_or(size - 1), size - 1)};
}

std::vector<Bytes> slice(const std::vector<Bytes>& pieces, std::uint64_t first,
                         std::uint64_t last) {
  std::vector<Bytes> result;
  std::uint64_t begin = 0;
  for (const Bytes& piece : pieces) {
    const std::uint64_t end = begin + piece.size();
    if (begin <= last && end > first) {
      const std::uint64_t from = std::max(first, begin) - begin;
      const std::uint64_t to = std::min(last + 1, end) - begin;
      result.push_back(piece.slice(from, to - from));
    }
    begin = end;
  }
  return result;
}

}  // namespace millrace::hls
