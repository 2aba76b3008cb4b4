#include "ingest/auth/publish_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace millrace::ingest {
namespace {

constexpr std::string_view kSignature = "sig";
// Above any that makes sense, far below where sums of them overflow.
constexpr std::int64_t kMostBitsPerSecond = 1'000'000'000'000;
constexpr std::int64_t kMostPixels = 65'536;
constexpr std::int64_t kMostFrameRate = 1'000;
constexpr std::int64_t kMostSeconds = 10LL * 365 * 24 * 3600;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::int64_t factor_of(std::string_view limit, std::string_view unit) {
  if (unit.empty()) return 1;
  if (limit == "bitrate") return unit == "k" ? 1'000 : unit == "M" ? 1'000'000 : 0;
  if (limit == "session") return unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3'600 : 0;
  return 0;
}

std::int64_t most_of(std::string_view limit) {
  if (limit == "bitrate") return kMostBitsPerSecond;
  if (limit == "frame_rate") return kMostFrameRate;
  if (limit == "session") return kMostSeconds;
  return kMostPixels;
}

template <typename Number>
Number stricter_of(Number a, Number b) {
  if (a == Number{}) return b;
  return b == Number{} ? a : std::min(a, b);
}

}  // namespace

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                           hex_digit(text[i + 2]) >= 0;
    decoded += is_escape ? static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]))
                         : text[i];
    if (is_escape) i += 2;
  }
  return decoded;
}

const std::string* PublishName::find(std::string_view parameter) const {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [&](const auto& entry) { return entry.first == parameter; });
  return found == parameters.end() ? nullptr : &found->second;
}

Result<PublishName> parse_publish_name(std::string_view text) {
  if (text.size() > kMaxPublishNameBytes) return Error{ErrorCode::kInvalidData, "it is too long"};
  PublishName parsed;
  const auto question = std::min(text.find('?'), text.size());
  parsed.name = text.substr(0, question);
  if (parsed.name.empty())
    return Error{ErrorCode::kInvalidData, "there is nothing in front of the '?'"};
  std::size_t at = question + 1;
  while (at < text.size()) {
    const auto end = std::min(text.find('&', at), text.size());
    const std::string_view field = text.substr(at, end - at);
    const auto equals = field.find('=');
    if (equals != std::string_view::npos && equals != 0) {
      const std::string_view name = field.substr(0, equals);
      if (parsed.find(name) != nullptr)
        return Error{ErrorCode::kInvalidData, "a parameter is there twice"};
      parsed.parameters.emplace_back(name, percent_decoded(field.substr(equals + 1)));
      if (name == kSignature) {
        parsed.signed_text = text.substr(0, at - 1);
        break;
      }
    }
    at = end + 1;
  }
  return parsed;
}

Status set_limit(PublishLimits& limits, std::string_view name, std::string_view value) {
  constexpr std::string_view kNames[] = {"bitrate", "width", "height", "frame_rate", "session"};
  if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames))
    return Error{ErrorCode::kUnsupported,
                 "it is none of bitrate, width, height, frame_rate, "
                 "session"};
  std::int64_t number = 0;
  const char* const end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, number);
  const bool is_number = parsed.ec == std::errc{} && number > 0 && number <= most_of(name);
  const auto factor =
      factor_of(name, std::string_view(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr)));
  if (!is_number || factor == 0 || number > most_of(name) / factor)
    return Error{
        ErrorCode::kInvalidData,
        fmt::format("{} is not a whole number above 0 with a unit that it may have", name)};
  number *= factor;
  if (name == "bitrate") limits.bits_per_second = number;
  if (name == "width") limits.width = static_cast<int>(number);
  if (name == "height") limits.height = static_cast<int>(number);
  if (name == "frame_rate") limits.frame_rate = static_cast<double>(number);
  if (name == "session") limits.session = std::chrono::seconds(number);
  return ok();
}

std::string print_limits(const PublishLimits& limits) {
  std::string text;
  const auto print = [&text](std::string_view name, std::int64_t value) {
    if (value > 0) text += fmt::format("{}{}={}", text.empty() ? "" : "&", name, value);
  };
  print("bitrate", limits.bits_per_second);
  print("width", limits.width);
  print("height", limits.height);
  print("frame_rate", static_cast<std::int64_t>(limits.frame_rate));
  print("session", limits.session.count());
  return text;
}

PublishLimits stricter(const PublishLimits& a, const PublishLimits& b) {
  return {.bits_per_second = stricter_of(a.bits_per_second, b.bits_per_second),
          .width = stricter_of(a.width, b.width),
          .height = stricter_of(a.height, b.height),
          .frame_rate = stricter_of(a.frame_rate, b.frame_rate),
          .session = stricter_of(a.session, b.session)};
}

}  // namespace millrace::ingest
