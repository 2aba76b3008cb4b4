#include "ingest/gst/source_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

namespace millrace::ingest {
namespace {

constexpr std::size_t kMaxUrlBytes = 2'048;
// A pipeline is longer than a URL; still a line in a file.
constexpr std::size_t kMaxPipelineBytes = 16'384;
constexpr std::string_view kPipelinePrefix = "gst:";
constexpr std::string_view kScrubbed = "***";

struct Scheme {
  std::string_view name;
  SourceKind kind;
  bool needs_host = true;
  bool needs_port = false;
  std::string_view address{};  ///< The scheme of the location; empty: there is none.
};

constexpr Scheme kSchemes[] = {
    {.name = "rtsp", .kind = SourceKind::kRtsp, .address = "rtsp"},
    {.name = "rtsp+udp", .kind = SourceKind::kRtsp, .address = "rtsp"},
    {.name = "udp", .kind = SourceKind::kUdp, .needs_host = false, .needs_port = true},
    {.name = "rtp", .kind = SourceKind::kRtp, .needs_host = false, .needs_port = true},
    {.name = "http", .kind = SourceKind::kHttp, .address = "http"},
    {.name = "https", .kind = SourceKind::kHttp, .address = "https"},
    {.name = "hls+http", .kind = SourceKind::kHls, .address = "http"},
    {.name = "hls+https", .kind = SourceKind::kHls, .address = "https"},
    {.name = "file", .kind = SourceKind::kFile, .needs_host = false},
    {.name = "test", .kind = SourceKind::kTest, .needs_host = false},
    {.name = "srt", .kind = SourceKind::kSrt, .needs_port = true},
};

struct Option {
  enum class Form { kNumber, kText, kSize, kWord };
  SourceKind kind;
  std::string_view name;
  Form form;
  std::int64_t least = 0;
  std::int64_t most = 0;
  std::string_view words{};  ///< Of a kWord: "no yes".
};

using Form = Option::Form;
constexpr Option kOptions[] = {
    {SourceKind::kRtsp, "transport", Form::kWord, 0, 0, "tcp udp"},
    {SourceKind::kRtsp, "latency", Form::kNumber, 0, 10'000},
    {SourceKind::kUdp, "interface", Form::kText, 1, 15},
    {SourceKind::kRtp, "interface", Form::kText, 1, 15},
    {SourceKind::kRtp, "latency", Form::kNumber, 0, 10'000},
    {SourceKind::kTest, "size", Form::kSize, 64, 4'096},
    {SourceKind::kTest, "fps", Form::kNumber, 1, 120},
    {SourceKind::kTest, "gop", Form::kNumber, 1, 1'200},
    {SourceKind::kTest, "bframes", Form::kNumber, 0, 4},
    {SourceKind::kTest, "bitrate", Form::kNumber, 50, 50'000},
    {SourceKind::kTest, "audio", Form::kWord, 0, 0, "yes no"},
    {SourceKind::kTest, "video", Form::kWord, 0, 0, "yes no"},
    {SourceKind::kSrt, "streamid", Form::kText, 1, 512},
    // What libsrt takes.
    {SourceKind::kSrt, "passphrase", Form::kText, 10, 79},
    {SourceKind::kSrt, "latency", Form::kNumber, 20, 30'000},
    {SourceKind::kSrt, "mode", Form::kWord, 0, 0, "caller"},
};

Error wrong(std::string message) {
  return {ErrorCode::kInvalidData, std::move(message)};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Nothing: an escape is broken, or stands for a control character.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size() || hex_digit(text[i + 1]) < 0 || hex_digit(text[i + 2]) < 0)
      return std::nullopt;
    const int byte = hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]);
    if (byte < ' ' || byte == 0x7F) return std::nullopt;
    decoded += static_cast<char>(byte);
    i += 2;
  }
  return decoded;
}

bool is_word_of(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    const auto space = std::min(words.find(' '), words.size());
    if (words.substr(0, space) == word) return true;
    words.remove_prefix(std::min(space + 1, words.size()));
  }
  return false;
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_size(std::string_view text, const Option& option) {
  const auto cross = text.find('x');
  if (cross == std::string_view::npos) return false;
  for (const auto side : {text.substr(0, cross), text.substr(cross + 1)}) {
    const auto pixels = parse_number(side);
    if (!pixels || *pixels < option.least || *pixels > option.most || *pixels % 2 != 0)
      return false;
  }
  return true;
}

Status check_option(const Option& option, const std::string& value) {
  const auto length = static_cast<std::int64_t>(value.size());
  switch (option.form) {
    case Form::kNumber:
      if (const auto number = parse_number(value);
          number && *number >= option.least && *number <= option.most)
        return ok();
      return wrong(fmt::format("the option {} is a whole number from {} to {}", option.name,
                               option.least, option.most));
    case Form::kText:
      if (length >= option.least && length <= option.most) return ok();
      return wrong(fmt::format("the option {} has {} to {} characters", option.name, option.least,
                               option.most));
    case Form::kSize:
      if (is_size(value, option)) return ok();
      return wrong(fmt::format("the option {} is WIDTHxHEIGHT, even numbers from {} to {}",
                               option.name, option.least, option.most));
    case Form::kWord:
      if (is_word_of(option.words, value)) return ok();
      return wrong(fmt::format("the option {} is one of: {}", option.name, option.words));
  }
  return ok();
}

const Option* find_option(SourceKind kind, std::string_view name) {
  const auto found = std::find_if(
      std::begin(kOptions), std::end(kOptions),
      [&](const Option& option) { return option.kind == kind && option.name == name; });
  return found == std::end(kOptions) ? nullptr : &*found;
}

std::string option_names(SourceKind kind) {
  std::string names;
  for (const auto& option : kOptions)
    if (option.kind == kind) names += (names.empty() ? "" : ", ") + std::string(option.name);
  return names.empty() ? "it takes none" : "it takes " + names;
}

/// Whether a query belongs to the server that is asked: then only our own options are taken out.
bool has_foreign_query(SourceKind kind) {
  return kind == SourceKind::kRtsp || kind == SourceKind::kHls || kind == SourceKind::kHttp;
}

/// Fills url.options; what is not ours stays, in order, in the result.
Result<std::string> take_options(std::string_view query, SourceUrl& url) {
  std::string rest;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view field = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto equals = std::min(field.find('='), field.size());
    const Option* const option = find_option(url.kind, field.substr(0, equals));
    if (!option && has_foreign_query(url.kind)) {
      rest += (rest.empty() ? "" : "&") + std::string(field);
      continue;
    }
    if (field.empty()) continue;
    if (!option) return wrong("there is an option that is not known; " + option_names(url.kind));
    auto value = percent_decoded(field.substr(std::min(equals + 1, field.size())));
    if (!value) return wrong(fmt::format("the option {} has a broken %XX", option->name));
    RETURN_IF_ERROR(check_option(*option, *value));
    if (!url.options.emplace(option->name, std::move(*value)).second)
      return wrong(fmt::format("the option {} is there twice", option->name));
  }
  return rest;
}

Status take_credentials(std::string_view text, SourceUrl& url) {
  const auto colon = std::min(text.find(':'), text.size());
  auto user = percent_decoded(text.substr(0, colon));
  auto password = percent_decoded(text.substr(std::min(colon + 1, text.size())));
  if (!user || !password) return wrong("the user or password has a broken %XX");
  url.user = std::move(*user);
  url.password = std::move(*password);
  return ok();
}

bool is_host(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  });
}

bool is_ipv6(std::string_view text) {
  return text.find(':') != std::string_view::npos &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return hex_digit(c) >= 0 || c == ':' || c == '.'; });
}

/// "HOST:PORT", "[IPV6]:PORT", without a port too.
Status take_address(std::string_view text, SourceUrl& url) {
  std::string_view host = text;
  std::string_view port;
  const bool has_brackets = text.starts_with('[');
  const auto host_end = has_brackets ? text.find(']') : std::min(text.rfind(':'), text.size());
  if (has_brackets && host_end == std::string_view::npos) return wrong("a bracket is not closed");
  host = has_brackets ? text.substr(1, host_end - 1) : text.substr(0, host_end);
  std::string_view behind = text.substr(has_brackets ? host_end + 1 : host_end);
  if (!behind.empty()) {
    if (!behind.starts_with(':')) return wrong("behind the address comes :PORT");
    port = behind.substr(1);
    const auto number = parse_number(port);
    if (!number || *number < 1 || *number > 65'535) return wrong("the port is 1 to 65535");
    url.port = static_cast<std::uint16_t>(*number);
  }
  if (!(has_brackets ? is_ipv6(host) : is_host(host)))
    return wrong("the host is a name or an address, an IPv6 address in brackets");
  url.host = host;
  return ok();
}

Result<SourceUrl> parse_pipeline(std::string_view text) {
  if (text.size() > kMaxPipelineBytes)
    return wrong(fmt::format("a pipeline has at most {} bytes", kMaxPipelineBytes));
  const std::string_view description = text.substr(kPipelinePrefix.size());
  if (description.find_first_not_of(' ') == std::string_view::npos)
    return wrong("behind gst: comes a pipeline whose appsinks are named video and audio");
  SourceUrl url;
  url.kind = SourceKind::kPipeline;
  url.location = description;
  url.shown = "gst:";
  return url;
}

const Scheme* find_scheme(std::string_view name) {
  const auto found = std::find_if(std::begin(kSchemes), std::end(kSchemes),
                                  [&](const Scheme& scheme) { return scheme.name == name; });
  return found == std::end(kSchemes) ? nullptr : &*found;
}

std::string shown_host(const SourceUrl& url) {
  return url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
}

/// `path` begins with '/' or is empty; `query` is what is not ours.
Status set_location(const Scheme& scheme, std::string_view path, const std::string& query,
                    SourceUrl& url) {
  const std::string port = url.port == 0 ? "" : fmt::format(":{}", url.port);
  url.shown = fmt::format("{}://{}{}", scheme.name, shown_host(url), port);
  if (!scheme.address.empty()) {
    url.location = fmt::format("{}://{}{}{}{}{}", scheme.address, shown_host(url), port, path,
                               query.empty() ? "" : "?", query);
  } else if (url.kind == SourceKind::kFile) {
    auto decoded = percent_decoded(path);
    if (!url.host.empty() || !decoded || decoded->size() < 2)
      return wrong("a file is file:///PATH, with %XX for what a URL cannot have");
    url.location = std::move(*decoded);
    url.shown = "file://" + url.location;
  } else if (path.size() > 1) {
    return wrong("nothing but options comes behind the address");
  }
  return ok();
}

/// Of "element property=value", values that are long enough to be found.
void add_property_values(std::string_view pipeline, std::vector<std::string>& values) {
  while (!pipeline.empty()) {
    const auto end = std::min(pipeline.find(' '), pipeline.size());
    std::string_view word = pipeline.substr(0, end);
    pipeline.remove_prefix(std::min(end + 1, pipeline.size()));
    word.remove_prefix(std::min(word.find('='), word.size()));
    while (!word.empty() && std::string_view("=\"'").find(word.front()) != std::string_view::npos)
      word.remove_prefix(1);
    while (!word.empty() && (word.back() == '"' || word.back() == '\'')) word.remove_suffix(1);
    if (word.size() >= 4) values.emplace_back(word);
  }
}

/// What a message of somebody else's may quote. Short words are left: they would be found
/// everywhere.
std::vector<std::string> secrets_of(const SourceUrl& url) {
  constexpr std::size_t kShortest = 4;
  std::vector<std::string> secrets;
  const auto add = [&](std::string_view secret, std::size_t shortest) {
    if (secret.size() >= shortest) secrets.emplace_back(secret);
  };
  add(url.location, kShortest);
  if (has_foreign_query(url.kind)) {
    // Behind scheme and address: cameras have passwords in their paths, too.
    const auto path = url.location.find('/', url.location.find("://") + 3);
    if (path != std::string::npos) add(std::string_view(url.location).substr(path + 1), kShortest);
    if (const auto query = url.location.find('?'); query != std::string::npos)
      add(std::string_view(url.location).substr(query + 1), kShortest);
  }
  if (url.kind == SourceKind::kPipeline) add_property_values(url.location, secrets);
  for (const auto* const option : {"passphrase", "streamid"})
    if (const auto found = url.options.find(option); found != url.options.end())
      add(found->second, 1);
  add(url.password, 1);
  return secrets;
}

}  // namespace

Result<SourceUrl> parse_source_url(std::string_view text) {
  const bool is_printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!is_printable) return wrong("a source is printable ASCII: write %XX for other characters");
  if (text.starts_with(kPipelinePrefix)) return parse_pipeline(text);
  if (text.size() > kMaxUrlBytes || text.find_first_of(" \"\\") != std::string_view::npos)
    return wrong(
        fmt::format("a URL has at most {} characters, no space or quotation mark", kMaxUrlBytes));
  const auto scheme_end = text.find("://");
  const Scheme* const scheme =
      scheme_end == std::string_view::npos ? nullptr : find_scheme(text.substr(0, scheme_end));
  if (!scheme)
    return wrong(
        "a source is rtsp://, rtsp+udp://, udp://, rtp://, http(s)://, hls+http(s)://, file://, "
        "test://, srt:// or gst:PIPELINE");
  std::string_view rest = text.substr(scheme_end + 3);
  const auto query_at = std::min(rest.find('?'), rest.size());
  const std::string_view query = rest.substr(std::min(query_at + 1, rest.size()));
  rest = rest.substr(0, query_at);
  const auto path_at = std::min(rest.find('/'), rest.size());
  const std::string_view path = rest.substr(path_at);
  std::string_view authority = rest.substr(0, path_at);

  SourceUrl url;
  url.kind = scheme->kind;
  if (url.kind == SourceKind::kHttp && (path.ends_with(".m3u8") || path.ends_with(".m3u")))
    url.kind = SourceKind::kHls;
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    RETURN_IF_ERROR(take_credentials(authority.substr(0, at), url));
    authority = authority.substr(at + 1);
  }
  RETURN_IF_ERROR(take_address(authority, url));
  if (scheme->needs_host && url.host.empty()) return wrong("has no host");
  if (scheme->needs_port && url.port == 0) return wrong("has no port: write HOST:PORT");
  ASSIGN_OR_RETURN(const std::string foreign_query, take_options(query, url));
  if (scheme->name == "rtsp+udp") url.options["transport"] = "udp";
  if (url.options.contains("audio") && url.options.contains("video") &&
      url.options["audio"] == "no" && url.options["video"] == "no")
    return wrong("without audio and video nothing is left");
  RETURN_IF_ERROR(set_location(*scheme, path, foreign_query, url));
  return url;
}

std::string scrubbed(const SourceUrl& url, std::string text) {
  for (const auto& secret : secrets_of(url))
    for (auto at = text.find(secret); at != std::string::npos;
         at = text.find(secret, at + kScrubbed.size()))
      text.replace(at, secret.size(), kScrubbed);
  return text;
}

std::int64_t number_of(const SourceUrl& url, const std::string& option, std::int64_t otherwise) {
  const auto found = url.options.find(option);
  if (found == url.options.end()) return otherwise;
  return parse_number(found->second).value_or(otherwise);
}

}  // namespace millrace::ingest
