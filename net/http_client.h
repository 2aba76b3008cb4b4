#pragma once
// HTTP and HTTPS requests that we make of others, by libcurl.
//
// One thread of its own serves all of them. Only http:// and https://; certificates are verified;
// no redirects are followed, no proxy is taken from the environment, no cookies are kept.
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"

namespace millrace::net {

struct HttpClientOptions {
  std::string user_agent;
  std::size_t max_in_flight = 64;  ///< The others wait.
  std::size_t max_waiting = 1'000;
};

struct HttpClientRequest {
  std::string method = "POST";
  std::string url;  ///< May have secrets in it.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::chrono::milliseconds timeout{3'000};  ///< From request() to the end of the reply.
  std::size_t max_reply_bytes = 64 * 1024;
  std::string ca_file = {};  ///< PEM; empty: the system's authorities.
};

struct HttpClientReply {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< Names in lower case.
  std::string body;                                               ///< As it was sent, still coded.
  int http_version = 0;                                           ///< Ten times: 10, 11, 20 or 30.
  std::chrono::microseconds waited{0};  ///< From the request's end to the reply's first byte.
  std::chrono::steady_clock::time_point answered_at{};  ///< When the last byte was here.
};

class HttpClient {
 public:
  using Handler = std::function<void(Result<HttpClientReply>)>;

  virtual ~HttpClient() = default;
  /// Any thread, never blocks. `on_reply` is called exactly once, on the client's thread, or inside
  /// the call where there is no room: any status is a reply. Errors: kTimedOut; kLimitExceeded: too
  /// many wait; kClosed after stop(); kInvalidData: a reply too large or no HTTP, or no such URL;
  /// kSystem: all else that went wrong. Their messages do not have the URL.
  virtual void request(HttpClientRequest request, Handler on_reply) = 0;
  /// Answers what is outstanding with kClosed and ends the thread. Not from a handler.
  virtual void stop() = 0;
};

/// Whether it is an http:// or https:// URL with a host, without a user and password (which would
/// get into logs of others).
Status check_http_url(const std::string& url);

/// What `reference` means in a document at `base`, an absolute URL (RFC 3986 5). kInvalidData where
/// either is no URL, or the result is not one of HTTP.
Result<std::string> resolve_url(const std::string& base, const std::string& reference);

/// Adds the header Millrace-Signature, the HMAC-SHA256 of the time and the body
/// (docs/publishing.md). Without a secret it adds nothing. `now` is since the Unix epoch.
void sign(HttpClientRequest& request, const std::string& secret, std::chrono::nanoseconds now);

/// Metrics: millrace_http_client_in_flight, millrace_http_client_requests_total{outcome}.
Result<std::unique_ptr<HttpClient>> create_http_client(HttpClientOptions options, Metrics& metrics);

}  // namespace millrace::net
