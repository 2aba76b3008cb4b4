#include "net/http_request_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <charconv>
#include <cstdint>
#include <utility>

#include "base/check.h"
#include "net/http_method.h"
#include "net/http_target.h"

namespace millrace::net {
namespace {

namespace http = boost::beast::http;
using boost::beast::iequals;
using View = boost::beast::string_view;
using ErrorCodeOut = boost::beast::error_code;

// Browsers send some 20; each field costs two strings.
constexpr std::size_t kMaxFields = 100;

std::string lower_case(View name) {
  std::string lower(name);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

int refusal_of(const ErrorCodeOut& error) {
  if (error == http::error::body_limit) return 413;
  if (error == http::error::bad_version) return 505;
  return 400;
}

// RFC 9110 5.6.2. Every method is a token, no TLS handshake begins as one.
bool begins_token(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// The bytes up to and with the line break in front of `bytes`: 0 while it has not come, and a
// refusal where it does not come within `max_bytes` or is none (RFC 9112 2.2: CRLF).
struct LineEnd {
  std::size_t size = 0;
  int refusal = 0;
};
LineEnd find_line_end(std::string_view bytes, std::size_t max_bytes) {
  const auto feed = bytes.substr(0, max_bytes).find('\n');
  if (feed == std::string_view::npos) return {0, bytes.size() >= max_bytes ? 431 : 0};
  if (feed == 0 || bytes[feed - 1] != '\r') return {0, 400};
  return {feed + 1, 0};
}

// From the request line to the empty line.
LineEnd find_header_end(std::string_view bytes, std::size_t max_bytes) {
  for (std::size_t at = 0;;) {
    const auto [size, refusal] = find_line_end(bytes.substr(at), max_bytes - at);
    if (size == 0) return {0, refusal};
    at += size;
    if (size == 2) return {at, 0};
  }
}

// One whole header. A status of ours in `refusal_` stands for the error that we make Beast stop
// with.
class HeaderParser final : public http::basic_parser<true> {
 public:
  explicit HeaderParser(const HttpRequestLimits& limits) {
    header_limit(static_cast<std::uint32_t>(limits.max_header_bytes));
    body_limit(limits.max_body_bytes);
    eager(false);  // Not beyond the header.
  }

  /// The status to refuse it with, or 0.
  int parse(std::string_view header) {
    ErrorCodeOut error;
    put(boost::asio::const_buffer(header.data(), header.size()), error);
    if (error) return refusal_ != 0 ? refusal_ : refusal_of(error);
    return is_header_done() ? 0 : 400;
  }
  ParsedHttpRequest take() { return std::move(parsed_); }
  bool expects_continue() const { return expects_continue_; }

 private:
  void refuse(int status, ErrorCodeOut& error) {
    refusal_ = status;
    error = http::make_error_code(http::error::bad_field);
  }

  void on_request_impl(http::verb, View method, View target, int version,
                       ErrorCodeOut& error) override {
    parsed_.request.method = http_method_of({method.data(), method.size()});
    parsed_.is_http_1_0 = version == 10;
    if (!split_target(target, parsed_.request)) refuse(400, error);
  }

  void on_field_impl(http::field field, View name, View value, ErrorCodeOut& error) override {
    auto& headers = parsed_.request.headers;
    if (headers.size() == kMaxFields) return refuse(431, error);
    if (field == http::field::host) ++hosts_;
    // RFC 9112 6.1: what we cannot unframe is 501; a request with both framings is refused by
    // Beast (6.3).
    if (field == http::field::transfer_encoding && !iequals(value, "chunked"))
      return refuse(501, error);
    if (field == http::field::expect) expects_continue_ = iequals(value, "100-continue");
    headers.emplace_back(lower_case(name), std::string(value));
  }

  void on_header_impl(ErrorCodeOut& error) override {
    // RFC 9112 3.2: "A server MUST respond with a 400 […] to any HTTP/1.1 request message that
    // lacks a Host header field and to any request message that contains more than one".
    if (hosts_ > 1 || (hosts_ == 0 && !parsed_.is_http_1_0)) return refuse(400, error);
    // RFC 9112 6.1: Transfer-Encoding is no part of HTTP/1.0; its framing is not to be trusted.
    if (parsed_.is_http_1_0 && chunked()) return refuse(400, error);
    parsed_.keeps_alive = keep_alive();
  }

  void on_response_impl(int, View, int, ErrorCodeOut&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCodeOut&) override {}
  std::size_t on_body_impl(View body, ErrorCodeOut&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, View, ErrorCodeOut&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View body, ErrorCodeOut&) override {
    return body.size();
  }
  void on_finish_impl(ErrorCodeOut&) override {}

  ParsedHttpRequest parsed_;
  int refusal_ = 0;
  int hosts_ = 0;
  bool expects_continue_ = false;
};

}  // namespace

// A request whose header is complete, while its content is passed over. Beast is not asked to: its
// outcome depends on how the bytes are cut, and an empty chunked body that comes in two pieces
// fails an assertion of its own.
class HttpRequestParser::Message {
 public:
  Message(HeaderParser& header, const HttpRequestLimits& limits)
      : parsed(header.take()),
        expects_continue(header.expects_continue()),
        limits_(limits),
        content_left_(header.content_length().value_or(0)),
        next_(header.chunked()     ? Part::kSize
              : content_left_ == 0 ? Part::kNothing
                                   : Part::kContent),
        is_chunked_(header.chunked()) {}

  bool is_done() const { return next_ == Part::kNothing; }

  /// Takes the content from the front of `bytes` as far as it has come; the status to refuse it
  /// with, or 0.
  int skip(std::string_view& bytes) {
    while (!is_done() && !bytes.empty()) {
      if (next_ == Part::kContent) {
        skip_content(bytes);
        continue;
      }
      const auto max_bytes = limits_.max_header_bytes - trailer_bytes_;
      const auto [size, refusal] = find_line_end(bytes, max_bytes);
      if (size == 0) return refusal;
      const auto line = bytes.substr(0, size - 2);
      bytes.remove_prefix(size);
      if (const int status = take_line(line); status != 0) return status;
    }
    return 0;
  }

  ParsedHttpRequest parsed;
  bool expects_continue;  ///< And has not been told yet.

 private:
  // RFC 9112 7.1: chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF, trailer lines, CRLF.
  enum class Part { kSize, kContent, kContentEnd, kTrailer, kNothing };

  void skip_content(std::string_view& bytes) {
    const auto count = std::min<std::uint64_t>(content_left_, bytes.size());
    bytes.remove_prefix(static_cast<std::size_t>(count));
    content_left_ -= count;
    if (content_left_ == 0) next_ = is_chunked_ ? Part::kContentEnd : Part::kNothing;
  }

  int take_line(std::string_view line) {
    if (line.find('\r') != std::string_view::npos) return 400;
    if (next_ == Part::kSize) return take_size(line);
    if (next_ == Part::kContentEnd) {
      if (!line.empty()) return 400;
      next_ = Part::kSize;
    } else if (line.empty()) {
      next_ = Part::kNothing;
    } else {
      // RFC 9110 6.5.1: not to be merged into the header.
      trailer_bytes_ += line.size() + 2;
    }
    return 0;
  }

  int take_size(std::string_view line) {
    const char* const end = line.data() + line.size();
    const auto [rest, error] = std::from_chars(line.data(), end, content_left_, 16);
    if (error == std::errc::result_out_of_range) return 413;
    // 7.1.1: "A recipient MUST ignore unrecognized chunk extensions", and blanks in front of them.
    if (error != std::errc{} || (rest != end && *rest != ';' && *rest != ' ' && *rest != '\t'))
      return 400;
    if (content_left_ > limits_.max_body_bytes - chunked_bytes_) return 413;
    chunked_bytes_ += static_cast<std::size_t>(content_left_);
    next_ = content_left_ == 0 ? Part::kTrailer : Part::kContent;
    return 0;
  }

  const HttpRequestLimits limits_;
  std::uint64_t content_left_;  // Of the body, or of the chunk.
  std::size_t chunked_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  Part next_;
  const bool is_chunked_;
};

HttpRequestParser::HttpRequestParser(HttpRequestLimits limits) : limits_(limits) {}
HttpRequestParser::~HttpRequestParser() = default;

HttpRequestParser::Progress HttpRequestParser::parse(std::string_view bytes) {
  Progress progress;
  auto rest = bytes;
  if (!message_) {
    // RFC 9112 2.2: empty lines before a request line are ignored.
    while (rest.starts_with("\r\n")) rest.remove_prefix(2);
    progress.used = bytes.size() - rest.size();
    if (rest.empty() || rest == "\r") return progress;
    // What is no HTTP at all is told at once, not when a header's end would be due.
    if (!begins_token(rest.front())) {
      progress.refusal = 400;
      return progress;
    }
    // Only whole headers are parsed: neither the limit nor what is refused depends on the pieces.
    const auto [size, refusal] = find_header_end(rest, limits_.max_header_bytes);
    progress.refusal = refusal;
    if (size == 0) return progress;
    HeaderParser header(limits_);
    progress.refusal = header.parse(rest.substr(0, size));
    if (progress.refusal != 0) return progress;
    message_ = std::make_unique<Message>(header, limits_);
    rest.remove_prefix(size);
  }
  progress.refusal = message_->skip(rest);
  progress.used = bytes.size() - rest.size();
  progress.is_complete = progress.refusal == 0 && message_->is_done();
  return progress;
}

bool HttpRequestParser::is_inside_request() const {
  return message_ != nullptr;
}

bool HttpRequestParser::take_expectation() {
  return message_ && !message_->is_done() && std::exchange(message_->expects_continue, false);
}

ParsedHttpRequest HttpRequestParser::take() {
  CHECK(message_ && message_->is_done());
  auto parsed = std::move(message_->parsed);
  message_.reset();
  return parsed;
}

}  // namespace millrace::net
