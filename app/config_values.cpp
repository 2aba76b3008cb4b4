#include "app/config_values.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

#include "app/config.h"
#include "net/http_client.h"
#include "net/ip_network.h"
#include "net/tcp_options.h"

namespace millrace::app {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

constexpr std::array kDurationUnits{Unit{"h", 3'600'000'000'000}, Unit{"m", 60'000'000'000},
                                    Unit{"s", 1'000'000'000}, Unit{"ms", 1'000'000}};
constexpr std::array kByteUnits{Unit{"GiB", std::int64_t{1} << 30}, Unit{"MiB", 1 << 20},
                                Unit{"KiB", 1 << 10}};
constexpr std::array kBitRateUnits{Unit{"M", 1'000'000}, Unit{"k", 1'000}};
constexpr std::array kNoUnits{Unit{"", 1}};

/// Longer than any key that an encoder's form takes, short enough to hash without thinking.
constexpr std::size_t kMaxKeyBytes = 256;
constexpr std::size_t kMaxLineBytes = 256;
constexpr std::size_t kMaxQuotedBytes = 60;
/// What libsrt takes.
constexpr Bounds kSecretBytes{10, 79};

std::span<const Unit> units_of(ValueKind kind) {
  if (kind == ValueKind::kDuration) return kDurationUnits;
  if (kind == ValueKind::kBytes) return kByteUnits;
  if (kind == ValueKind::kBitRate) return kBitRateUnits;
  return kNoUnits;
}

Error wrong(std::string message) {
  return {ErrorCode::kInvalidData, std::move(message)};
}

Error not_a(ValueKind kind, std::string_view text) {
  return wrong(
      fmt::format("{} is not a {}: write {}", quote(text), name_of(kind), remedy_for(kind)));
}

std::string print_number(ValueKind kind, std::int64_t number) {
  const auto units = units_of(kind);
  for (const Unit& unit : units)
    if (number != 0 && number % unit.factor == 0)
      return fmt::format("{}{}", number / unit.factor, unit.name);
  return fmt::format("{}{}", number / units.back().factor, units.back().name);
}

Result<Value> parse_number(const ValueRule& rule, std::string_view text) {
  const char* const end = text.data() + text.size();
  std::int64_t count = 0;
  const auto parsed = std::from_chars(text.data(), end, count);
  if (parsed.ec == std::errc::result_out_of_range)
    return wrong(fmt::format("{} is too large a number", quote(text)));
  if (parsed.ec != std::errc{} || text.front() == '-') return not_a(rule.kind, text);
  const std::string_view suffix(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr));
  const auto units = units_of(rule.kind);
  const auto unit =
      std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == suffix; });
  if (unit == units.end()) return not_a(rule.kind, text);
  const bool overflows = count > std::numeric_limits<std::int64_t>::max() / unit->factor;
  const std::int64_t number = overflows ? 0 : count * unit->factor;
  if (overflows || number > rule.bounds.most)
    return wrong(
        fmt::format("{} is above the most, {}", text, print_number(rule.kind, rule.bounds.most)));
  if (number < rule.bounds.least)
    return wrong(
        fmt::format("{} is below the least, {}", text, print_number(rule.kind, rule.bounds.least)));
  return number;
}

/// "0.0.0.0:8080", "[::1]:8080"; addresses only, since a name could mean several or change.
bool is_listener(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  std::string address(text.substr(0, colon));
  const std::string_view port = text.substr(colon + 1);
  std::uint16_t number = 0;
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != port.data() + port.size()) return false;
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  if (address.front() != '[') return inet_pton(AF_INET, address.c_str(), bytes.data()) == 1;
  if (address.back() != ']') return false;
  address = address.substr(1, address.size() - 2);
  return inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1;
}

/// Printable ASCII without the space: what survives an encoder's form and a URL's path.
bool is_key(std::string_view text) {
  return !text.empty() && text.size() <= kMaxKeyBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool is_line(std::string_view text) {
  return text.size() <= kMaxLineBytes && std::none_of(text.begin(), text.end(), [](char c) {
           return (c >= 0 && c < ' ') || c == 0x7f;
         });
}

std::vector<std::string_view> words(std::string_view choices) {
  std::vector<std::string_view> result;
  while (!choices.empty()) {
    const auto space = std::min(choices.find(' '), choices.size());
    result.push_back(choices.substr(0, space));
    choices.remove_prefix(std::min(space + 1, choices.size()));
  }
  return result;
}

Result<Value> parse_choice(const ValueRule& rule, std::string_view text) {
  for (const auto word : words(rule.choices))
    if (word == text) return std::string(text);
  return wrong(fmt::format("{} is none of: {}", quote(text), print_bounds(rule)));
}

}  // namespace

Result<Value> parse_value(const ValueRule& rule, std::string_view text) {
  switch (rule.kind) {
    case ValueKind::kBoolean:
      if (text != "true" && text != "false") return not_a(rule.kind, text);
      return text == "true";
    case ValueKind::kCount:
    case ValueKind::kBytes:
    case ValueKind::kBitRate:
    case ValueKind::kDuration:
      if (text.empty()) return not_a(rule.kind, text);
      return parse_number(rule, text);
    case ValueKind::kChoice:
    case ValueKind::kChoices:
      return parse_choice(rule, text);
    case ValueKind::kName:
      if (!is_channel_name(text)) return not_a(rule.kind, text);
      return std::string(text);
    case ValueKind::kPath:
      if (text.find('\0') != std::string_view::npos) return not_a(rule.kind, text);
      return std::string(text);
    case ValueKind::kPaths:
      if (text.empty() || text.find('\0') != std::string_view::npos) return not_a(rule.kind, text);
      return std::string(text);
    case ValueKind::kText:
      if (!is_line(text)) return not_a(rule.kind, text);
      return std::string(text);
    case ValueKind::kListeners:
      if (!is_listener(text))
        return wrong(
            fmt::format("{} is not ADDRESS:PORT: write an IPv4 address or an IPv6 one in "
                        "brackets, quoted, such as \"0.0.0.0:8080\" or \"[::]:8080\"",
                        quote(text)));
      return std::string(text);
    case ValueKind::kHosts:
      if (!net::parse_host_and_port(text).has_value())
        return wrong(fmt::format(
            "{} is not HOST:PORT: write a name or an address, an IPv6 one in brackets, quoted, "
            "such as \"encoder1:7400\" or \"[2001:db8::7]:7400\"",
            quote(text)));
      return std::string(text);
    case ValueKind::kNetworks:
      if (const auto network = net::IpNetwork::parse(text); !network.has_value())
        return wrong(fmt::format("{} {}", quote(text), network.error().message));
      return std::string(text);
    case ValueKind::kSrtListeners:
      if (!is_listener(text.substr(0, text.find('?'))))
        return wrong(
            "an entry is ADDRESS:PORT, such as \"0.0.0.0:9000\", or "
            "ADDRESS:PORT?passphrase=PASSPHRASE&key_length=32");
      if (Status status = ingest::check_srt_listener(text); !status.has_value())
        return wrong("a listener's parameters: " + status.error().message);
      return std::string(text);
    case ValueKind::kKeys:
      if (!is_key(text))
        return wrong(fmt::format("a key is 1 to {} printable ASCII characters without spaces",
                                 kMaxKeyBytes));
      return std::string(text);
    case ValueKind::kSecret:
      if (!text.empty() && (std::ssize(text) < kSecretBytes.least ||
                            std::ssize(text) > kSecretBytes.most || !is_key(text)))
        return wrong(
            fmt::format("a passphrase is {} to {} printable ASCII characters without spaces",
                        kSecretBytes.least, kSecretBytes.most));
      return std::string(text);
    case ValueKind::kUrl:
      if (text.empty()) return std::string();
      if (Status status = net::check_http_url(std::string(text)); !status.has_value())
        return wrong("it cannot be asked: " + status.error().message);
      return std::string(text);
    case ValueKind::kSources:
      if (Status status = ingest::check_source_url(text); !status.has_value())
        return wrong("a source cannot be used: " + status.error().message);
      return std::string(text);
  }
  return wrong("unknown kind of value");
}

std::string print_value(ValueKind kind, const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&value)) return print_number(kind, *number);
  if (const auto* text = std::get_if<std::string>(&value)) return text->empty() ? "\"\"" : *text;
  std::string list;
  for (const auto& entry : std::get<std::vector<std::string>>(value))
    list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", entry);
  return "[" + list + "]";
}

std::string print_bounds(const ValueRule& rule) {
  if (rule.kind == ValueKind::kChoice || rule.kind == ValueKind::kChoices)
    return fmt::format("{}", fmt::join(words(rule.choices), ", "));
  if (is_list(rule.kind))
    return fmt::format("{} to {} entries", rule.bounds.least, rule.bounds.most);
  if (units_of(rule.kind).front().factor == 1 && rule.kind != ValueKind::kCount) return "";
  return fmt::format("{} to {}", print_number(rule.kind, rule.bounds.least),
                     print_number(rule.kind, rule.bounds.most));
}

std::string_view name_of(ValueKind kind) {
  switch (kind) {
    case ValueKind::kBoolean:
      return "boolean";
    case ValueKind::kCount:
      return "number";
    case ValueKind::kBytes:
      return "size in bytes";
    case ValueKind::kBitRate:
      return "bit rate";
    case ValueKind::kDuration:
      return "duration";
    case ValueKind::kChoice:
      return "word";
    case ValueKind::kChoices:
      return "list of words";
    case ValueKind::kName:
      return "name";
    case ValueKind::kPath:
      return "path";
    case ValueKind::kPaths:
      return "list of paths";
    case ValueKind::kText:
      return "text";
    case ValueKind::kListeners:
      return "list of ADDRESS:PORT";
    case ValueKind::kHosts:
      return "list of HOST:PORT";
    case ValueKind::kNetworks:
      return "list of networks";
    case ValueKind::kSrtListeners:
      return "list of ADDRESS:PORT[?passphrase=…]";
    case ValueKind::kKeys:
      return "list of keys";
    case ValueKind::kSecret:
      return "passphrase";
    case ValueKind::kUrl:
      return "URL";
    case ValueKind::kSources:
      return "list of URLs";
  }
  return "value";
}

std::string_view remedy_for(ValueKind kind) {
  switch (kind) {
    case ValueKind::kBoolean:
      return "true or false";
    case ValueKind::kCount:
      return "a whole number without a unit";
    case ValueKind::kBytes:
      return "a whole number with KiB, MiB or GiB, such as 64MiB";
    case ValueKind::kBitRate:
      return "a whole number with k or M, such as 2800k";
    case ValueKind::kDuration:
      return "a whole number with ms, s, m or h, such as 200ms";
    case ValueKind::kChoice:
      return "one of the words";
    case ValueKind::kChoices:
      return "a list of the words";
    case ValueKind::kName:
      return "a-z, 0-9, _ and -, beginning with a letter or digit, at most 64 characters";
    case ValueKind::kPath:
      return "a file's path";
    case ValueKind::kPaths:
      return "a list such as [\"/etc/millrace/key.pem\"]";
    case ValueKind::kText:
      return "one line of at most 256 bytes";
    case ValueKind::kListeners:
      return "a list such as [\"0.0.0.0:8080\"]";
    case ValueKind::kHosts:
      return "a list such as [\"encoder1:7400\"]";
    case ValueKind::kNetworks:
      return "a list such as [\"192.0.2.0/24\", \"2001:db8::7\"]";
    case ValueKind::kSrtListeners:
      return "a list such as [\"0.0.0.0:9000\"]";
    case ValueKind::kKeys:
      return "a list such as [\"KEY\"]";
    case ValueKind::kSecret:
      return "10 to 79 characters";
    case ValueKind::kUrl:
      return "such as https://example.com/publish";
    case ValueKind::kSources:
      return "a list such as [\"rtsp://192.0.2.7/live\"]";
  }
  return "a value";
}

std::string quote(std::string_view text) {
  std::string result = "'";
  for (const char c : text.substr(0, kMaxQuotedBytes))
    result += (c >= 0 && c < ' ') || c == 0x7f ? '?' : c;
  return result + (text.size() > kMaxQuotedBytes ? "…'" : "'");
}

}  // namespace millrace::app
