#include "net/http_response_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>

namespace millrace::net {
namespace {

// RFC 9110 15 and RFC 6585; what the server and its handlers answer with.
std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 416:
      return "Range Not Satisfiable";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";  // RFC 9112 4: the phrase may be empty.
  }
}

bool equals_ignoring_case(std::string_view a, std::string_view lower_case) {
  return std::ranges::equal(a, lower_case, [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
  });
}

}  // namespace

bool is_bodiless(int status) {
  return status == 204 || status == 304 || (status >= 100 && status < 200);
}

bool is_servers_own(std::string_view name) {
  constexpr std::array kOwn = {"content-length",    "date",       "connection",
                               "transfer-encoding", "keep-alive", "upgrade"};
  return std::ranges::any_of(kOwn, [&](auto own) { return equals_ignoring_case(name, own); });
}

void append_clean(std::string& head, std::string_view text) {
  for (const char c : text) head += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
}

std::size_t content_length(const HttpResponse& response) {
  std::size_t length = 0;
  for (const Bytes& piece : response.body) length += piece.size();
  return length;
}

std::string format_http_head(const HttpResponse& response, HttpPersistence persistence,
                             std::string_view date) {
  std::string head;
  head.reserve(512);
  auto out = std::back_inserter(head);
  fmt::format_to(out, "HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status, reason_of(response.status),
                 date);
  for (const auto& [name, value] : response.headers) {
    if (is_servers_own(name)) continue;
    append_clean(head, name);
    head += ": ";
    append_clean(head, value);
    head += "\r\n";
  }
  // RFC 9110 8.6: no Content-Length with 1xx and 204; with 304 it would be that of a 200.
  if (!is_bodiless(response.status))
    fmt::format_to(out, "Content-Length: {}\r\n", content_length(response));
  if (persistence == HttpPersistence::kCloseAfterwards) head += "Connection: close\r\n";
  if (persistence == HttpPersistence::kKeepAsked) head += "Connection: keep-alive\r\n";
  head += "\r\n";
  return head;
}

std::string http_date(std::chrono::seconds since_epoch) {
  constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto time = static_cast<std::time_t>(since_epoch.count());
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                     kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                     kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                     utc.tm_min, utc.tm_sec);
}

}  // namespace millrace::net
