#include "hls/responses.h"

#include <fmt/format.h>

#include <utility>

#include "hls/byte_range.h"
#include "net/accept_encoding.h"

namespace millrace::hls {
namespace {

using net::HttpMethod;
using net::HttpResponse;
using Headers = std::vector<std::pair<std::string, std::string>>;

void add_cors(Headers& headers) {
  headers.emplace_back("Access-Control-Allow-Origin", "*");
  // Players correct their clocks and a cache's staleness by these (llhls.md section 11).
  headers.emplace_back("Access-Control-Expose-Headers",
                       "Age, Content-Length, Content-Range, Date, ETag");
}

std::string to_header(const CacheRule& rule) {
  if (rule.max_age.count() == 0) return "no-cache";
  return fmt::format("public, max-age={}{}", rule.max_age.count(),
                     rule.is_immutable ? ", immutable" : "");
}

/// RFC 9110 13.1.2: weak comparison, a list or "*".
bool matches(std::string_view if_none_match, std::string_view etag) {
  if (if_none_match == "*") return true;
  return if_none_match.find(fmt::format("\"{}\"", etag)) != std::string_view::npos;
}

std::string_view content_type_of(MediaObject object, MediaKind kind) {
  if (object == MediaObject::kTsSegment) return "video/mp2t";  // RFC 8216 10: of sound as well.
  return kind == MediaKind::kVideo ? "video/mp4" : "audio/mp4";
}

}  // namespace

HttpResponse playlist_response(const net::HttpRequest& request, const PlaylistText& text,
                               MediaObject object, const CacheRule& rule) {
  const bool is_compressed = net::accepts_gzip(request.header("accept-encoding"));
  const std::string etag = text.etag() + (is_compressed ? "-gzip" : "");
  HttpResponse response{.status = 200, .kind = to_string(object), .headers = {}, .body = {}};
  response.headers.reserve(8);
  response.headers.emplace_back("Content-Type", "application/vnd.apple.mpegurl");
  response.headers.emplace_back("Cache-Control", to_header(rule));
  response.headers.emplace_back("ETag", '"' + etag + '"');
  response.headers.emplace_back("Vary", "Accept-Encoding");
  add_cors(response.headers);
  if (matches(request.header("if-none-match"), etag)) {
    response.status = 304;
    return response;
  }
  if (is_compressed) response.headers.emplace_back("Content-Encoding", "gzip");
  response.body = is_compressed ? text.compressed() : text.plain();
  return response;
}

HttpResponse media_response(const net::HttpRequest& request, MediaObject object, MediaKind kind,
                            std::string_view etag, std::vector<Bytes> body, const CacheRule& rule) {
  HttpResponse response{.status = 200, .kind = to_string(object), .headers = {}, .body = {}};
  response.headers.reserve(8);
  response.headers.emplace_back("Content-Type", content_type_of(object, kind));
  response.headers.emplace_back("Cache-Control", to_header(rule));
  response.headers.emplace_back("ETag", fmt::format("\"{}\"", etag));
  response.headers.emplace_back("Accept-Ranges", "bytes");
  add_cors(response.headers);
  if (matches(request.header("if-none-match"), etag)) {
    response.status = 304;
    return response;
  }
  std::uint64_t size = 0;
  for (const Bytes& piece : body) size += piece.size();
  // RFC 9110 14.2: "A server MUST ignore a Range header field received with a request method that
  // is unrecognized or for which range handling is not defined. For this specification, GET is the
  // only method for which range handling is defined." 13.1.5: nor is one of another version wanted.
  const auto if_range = request.header("if-range");
  const bool is_wanted = request.method == HttpMethod::kGet &&
                         (if_range.empty() || if_range == fmt::format("\"{}\"", etag));
  const ByteRange range = is_wanted ? parse_byte_range(request.header("range"), size) : ByteRange{};
  switch (range.kind) {
    case ByteRange::Kind::kWhole:
      response.body = std::move(body);
      break;
    case ByteRange::Kind::kPart:
      response.status = 206;
      response.headers.emplace_back("Content-Range",
                                    fmt::format("bytes {}-{}/{}", range.first, range.last, size));
      response.body = slice(body, range.first, range.last);
      break;
    case ByteRange::Kind::kUnsatisfiable:
      response.status = 416;
      response.headers.emplace_back("Content-Range", fmt::format("bytes */{}", size));
      break;
  }
  return response;
}

HttpResponse error_response(MediaObject object, int status, std::string_view why,
                            std::chrono::seconds max_age) {
  HttpResponse response{.status = status,
                        .kind = to_string(object),
                        .headers = {{"Content-Type", "text/plain"}},
                        .body = {Bytes::copy_of(fmt::format("{}\n", why))}};
  const bool is_kept = status != 403 && status != 503;
  response.headers.emplace_back("Cache-Control",
                                is_kept ? to_header({.max_age = max_age}) : "no-store");
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  add_cors(response.headers);
  return response;
}

HttpResponse redirect_response(MediaObject object, std::string location) {
  HttpResponse response{.status = 302, .kind = to_string(object), .headers = {}, .body = {}};
  response.headers.emplace_back("Location", std::move(location));
  response.headers.emplace_back("Cache-Control", "no-store");
  add_cors(response.headers);
  return response;
}

std::optional<HttpResponse> method_response(const net::HttpRequest& request) {
  if (request.method == HttpMethod::kGet || request.method == HttpMethod::kHead)
    return std::nullopt;
  constexpr const char* kAllowed = "GET, HEAD, OPTIONS";
  HttpResponse response{.status = 204, .kind = "preflight", .headers = {}, .body = {}};
  if (request.method != HttpMethod::kOptions) {
    response.status = 405;
    response.kind = "error";
  }
  response.headers.emplace_back("Allow", kAllowed);
  add_cors(response.headers);
  response.headers.emplace_back("Access-Control-Allow-Methods", kAllowed);
  response.headers.emplace_back(
      "Access-Control-Allow-Headers",
      "Range, If-Range, If-None-Match, CMCD-Request, CMCD-Object, CMCD-Status, CMCD-Session");
  response.headers.emplace_back("Access-Control-Max-Age", "86400");
  return response;
}

}  // namespace millrace::hls
