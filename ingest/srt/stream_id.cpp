#include "ingest/srt/stream_id.h"

#include <algorithm>
#include <iterator>

#include "ingest/auth/publish_name.h"

namespace millrace::ingest {
namespace {

using net::srt::Refusal;

// SRT itself allows 512 bytes.
constexpr std::size_t kMaxBytes = 512;
constexpr std::string_view kAccessControl = "#!::";
constexpr std::string_view kNested = "#!:{";
constexpr std::string_view kPublish = "publish:";
constexpr std::string_view kApplication = "live/";

/// What stood in a URL: some clients hand it on as it is. A key has no '?' of its own.
bool is_percent_encoded(std::string_view text) {
  return text.starts_with("%23") || text.starts_with("publish%3") ||
         (text.find('?') == std::string_view::npos && (text.find("%3F") != std::string_view::npos ||
                                                       text.find("%3f") != std::string_view::npos));
}

/// Of a publish name, for encoders whose form has no room for '?' and '&'.
bool is_parameter(std::string_view field) {
  constexpr std::string_view kParameters[] = {"key",    "expires",    "bitrate", "width",
                                              "height", "frame_rate", "session", "sig"};
  return std::find(std::begin(kParameters), std::end(kParameters), field) != std::end(kParameters);
}

std::string_view without_prefix(std::string_view text, std::string_view prefix) {
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

bool refuse(StreamIdError& error, Refusal refusal, std::string_view message) {
  error = {refusal, std::string(message)};
  return false;
}

bool parse_access_control(std::string_view fields, StreamId& id, StreamIdError& error) {
  std::string query;
  while (!fields.empty()) {
    const auto comma = fields.find(',');
    const std::string_view field = fields.substr(0, comma);
    fields = comma == std::string_view::npos ? std::string_view{} : fields.substr(comma + 1);
    const auto equals = field.find('=');
    if (equals == std::string_view::npos) {
      if (field.empty()) continue;
      return refuse(error, Refusal::kBadRequest, "a field of the stream id has no '='");
    }
    const std::string_view name = field.substr(0, equals);
    const std::string_view value = field.substr(equals + 1);
    if (name == "r") {
      id.key = without_prefix(value, kApplication);
    } else if (name == "u") {
      id.user = value;
    } else if (is_parameter(name)) {
      query.append(query.empty() ? "?" : "&").append(field);
    } else if (name == "m" && value != "publish") {
      return refuse(error, Refusal::kBadMode, "the stream id's mode is not m=publish");
    } else if (name == "t" && value != "stream") {
      return refuse(error, Refusal::kBadType, "the stream id's type is not t=stream");
    }
    // `h`, `s` and what encoders invent say nothing here.
  }
  if (!id.key.empty()) id.key += query;
  return true;
}

}  // namespace

bool parse_stream_id(std::string_view text, StreamId& id, StreamIdError& error) {
  id = {};
  if (text.size() > kMaxBytes)
    return refuse(error, Refusal::kBadRequest, "the stream id is too long");
  std::string decoded;
  if (is_percent_encoded(text)) {
    decoded = percent_decoded(text);
    text = decoded;
  }
  if (text.starts_with(kNested))
    return refuse(error, Refusal::kBadRequest, "the nested form of the stream id is not supported");
  if (text.starts_with(kAccessControl)) {
    if (!parse_access_control(text.substr(kAccessControl.size()), id, error)) return false;
  } else if (text.starts_with("request:") || text.starts_with("read:") ||
             text.starts_with("play:")) {
    return refuse(error, Refusal::kBadMode, "the stream id asks to play");
  } else {
    id.key = without_prefix(without_prefix(text, kPublish), kApplication);
  }
  if (id.key.empty())
    return refuse(error, Refusal::kUnauthorized, "the stream id has no publishing key");
  return true;
}

}  // namespace millrace::ingest
