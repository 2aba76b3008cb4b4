#include "net/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <thread>

#include "base/mutex.h"
#include "base/text.h"
#include "net/digest.h"

namespace millrace::net {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr auto kPoll = 500ms;
constexpr std::size_t kMaxHeaderBytes = 64 * 1024;

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

/// libcurl's own state, once in the process.
void start_libcurl() {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(once);
}

/// A line as libcurl hands them out, the status line of each reply before its fields.
void add_header_line(std::string_view line, HttpClientReply& reply) {
  if (line.starts_with("HTTP/")) reply.headers.clear();  // One before was a "100 Continue".
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  std::string name(trimmed(line.substr(0, colon)));
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  reply.headers.emplace_back(std::move(name), trimmed(line.substr(colon + 1)));
}

int version_of(CURL* easy) {
  long version = CURL_HTTP_VERSION_NONE;
  curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
  switch (version) {
    case CURL_HTTP_VERSION_1_0:
      return 10;
    case CURL_HTTP_VERSION_1_1:
      return 11;
    case CURL_HTTP_VERSION_2_0:
      return 20;
    case CURL_HTTP_VERSION_3:
      return 30;
    default:
      return 0;
  }
}

class CurlClient final : public HttpClient {
 public:
  CurlClient(HttpClientOptions options, Metrics& metrics);
  ~CurlClient() override { CurlClient::stop(); }

  Status start();
  void request(HttpClientRequest request, Handler on_reply) override;
  void stop() override;

 private:
  struct Job {
    HttpClientRequest request;
    Handler on_reply;
    Steady::time_point deadline;
  };
  /// One that libcurl works on; in place for as long as it does.
  struct Transfer {
    Job job;
    std::unique_ptr<CURL, FreeEasy> easy;
    std::unique_ptr<curl_slist, FreeList> headers;
    HttpClientReply reply;
    std::size_t header_bytes = 0;
    bool is_too_large = false;
  };

  std::optional<Error> take(Job& job);
  void run();
  void begin_waiting();
  void begin(Job job);
  void set_up(Transfer& transfer, std::chrono::milliseconds left) const;
  void finish_done();
  Result<HttpClientReply> result_of(Transfer& transfer, CURLcode code) const;
  void answer(const Handler& handler, Result<HttpClientReply> result);
  void close_all();
  static std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* transfer);
  static std::size_t on_header(char* bytes, std::size_t size, std::size_t count, void* transfer);

  const HttpClientOptions options_;
  Gauge in_flight_;
  Counter replied_, failed_;
  std::unique_ptr<CURLM, FreeMulti> multi_;
  std::map<CURL*, std::unique_ptr<Transfer>> transfers_;  ///< The thread's.
  std::thread thread_;

  Mutex mutex_;
  std::deque<Job> waiting_ GUARDED_BY(mutex_);
  bool is_stopped_ GUARDED_BY(mutex_) = false;
};

CurlClient::CurlClient(HttpClientOptions options, Metrics& metrics)
    : options_(std::move(options)),
      in_flight_(metrics.gauge("millrace_http_client_in_flight",
                               "Requests of ours to other servers that are under way.")),
      replied_(metrics.counter("millrace_http_client_requests_total",
                               "Requests of ours to other servers, by what became of them.",
                               {{"outcome", "replied"}})),
      failed_(metrics.counter("millrace_http_client_requests_total",
                              "Requests of ours to other servers, by what became of them.",
                              {{"outcome", "failed"}})) {}

Status CurlClient::start() {
  start_libcurl();
  multi_.reset(curl_multi_init());
  if (!multi_) return Error{ErrorCode::kSystem, "http client: libcurl does not start"};
  curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(options_.max_in_flight));
  thread_ = std::thread([this] { run(); });
  return ok();
}

void CurlClient::request(HttpClientRequest request, Handler on_reply) {
  const auto deadline = Steady::now() + request.timeout;
  Job job{std::move(request), std::move(on_reply), deadline};
  if (const auto refusal = take(job)) return answer(job.on_reply, *refusal);
  curl_multi_wakeup(multi_.get());
}

/// Why not; then the job is as it was.
std::optional<Error> CurlClient::take(Job& job) {
  const MutexLock lock(mutex_);
  if (is_stopped_) return Error{ErrorCode::kClosed, "the server stops"};
  if (waiting_.size() >= options_.max_waiting)
    return Error{ErrorCode::kLimitExceeded, "too many requests wait"};
  waiting_.push_back(std::move(job));
  return std::nullopt;
}

void CurlClient::stop() {
  {
    const MutexLock lock(mutex_);
    is_stopped_ = true;
  }
  if (!thread_.joinable()) return;
  curl_multi_wakeup(multi_.get());
  thread_.join();
}

// --- The client's thread ------------------------------------------------------------------------

void CurlClient::run() {
  for (;;) {
    {
      const MutexLock lock(mutex_);
      if (is_stopped_) break;
    }
    begin_waiting();
    int running = 0;
    curl_multi_perform(multi_.get(), &running);
    finish_done();
    in_flight_.set(static_cast<double>(transfers_.size()));
    curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(kPoll / 1ms), nullptr);
  }
  close_all();
}

void CurlClient::begin_waiting() {
  const auto now = Steady::now();
  std::vector<Job> late, ready;
  {
    const MutexLock lock(mutex_);
    const auto first_late = std::stable_partition(
        waiting_.begin(), waiting_.end(), [now](const Job& job) { return job.deadline > now; });
    std::move(first_late, waiting_.end(), std::back_inserter(late));
    waiting_.erase(first_late, waiting_.end());
    while (!waiting_.empty() && transfers_.size() + ready.size() < options_.max_in_flight) {
      ready.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
  }
  for (const Job& job : late)
    answer(job.on_reply, Error{ErrorCode::kTimedOut, "there was no room for it in time"});
  for (Job& job : ready) begin(std::move(job));
}

void CurlClient::begin(Job job) {
  auto transfer = std::make_unique<Transfer>();
  transfer->job = std::move(job);
  transfer->easy.reset(curl_easy_init());
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(transfer->job.deadline - Steady::now());
  if (!transfer->easy || left <= 0ms)
    return answer(transfer->job.on_reply, Error{ErrorCode::kTimedOut, "there was no time for it"});
  set_up(*transfer, left);
  CURL* const easy = transfer->easy.get();
  if (curl_multi_add_handle(multi_.get(), easy) != CURLM_OK)
    return answer(transfer->job.on_reply, Error{ErrorCode::kSystem, "libcurl does not take it"});
  transfers_.emplace(easy, std::move(transfer));
}

void CurlClient::set_up(Transfer& transfer, std::chrono::milliseconds left) const {
  CURL* const easy = transfer.easy.get();
  const HttpClientRequest& request = transfer.job.request;
  for (const auto& [name, value] : request.headers)
    transfer.headers.reset(
        curl_slist_append(transfer.headers.release(), fmt::format("{}: {}", name, value).c_str()));
  // A server that answers "100 Continue" late or never would cost a second.
  transfer.headers.reset(curl_slist_append(transfer.headers.release(), "Expect:"));
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT,
                   1L);  // A name that does not resolve is not waited for.
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers.get());
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (!request.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
  }
  if (!request.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, request.ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &CurlClient::on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &CurlClient::on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
}

std::size_t CurlClient::on_body(char* bytes, std::size_t size, std::size_t count, void* opaque) {
  Transfer& transfer = *static_cast<Transfer*>(opaque);
  if (transfer.reply.body.size() + size * count > transfer.job.request.max_reply_bytes) {
    transfer.is_too_large = true;
    return 0;  // Ends the transfer.
  }
  transfer.reply.body.append(bytes, size * count);
  return size * count;
}

std::size_t CurlClient::on_header(char* bytes, std::size_t size, std::size_t count, void* opaque) {
  Transfer& transfer = *static_cast<Transfer*>(opaque);
  transfer.header_bytes += size * count;
  transfer.is_too_large = transfer.header_bytes > kMaxHeaderBytes;
  if (transfer.is_too_large) return 0;  // Ends the transfer.
  add_header_line({bytes, size * count}, transfer.reply);
  return size * count;
}

void CurlClient::finish_done() {
  int left = 0;
  while (const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const auto found = transfers_.find(message->easy_handle);
    const CURLcode code = message->data.result;  // Gone with the handle.
    auto transfer = std::move(found->second);
    transfers_.erase(found);
    curl_multi_remove_handle(multi_.get(), transfer->easy.get());
    answer(transfer->job.on_reply, result_of(*transfer, code));
  }
}

Result<HttpClientReply> CurlClient::result_of(Transfer& transfer, CURLcode code) const {
  if (transfer.is_too_large) return Error{ErrorCode::kInvalidData, "the reply is too large"};
  switch (code) {
    case CURLE_OK:
      break;
    case CURLE_OPERATION_TIMEDOUT:
      return Error{ErrorCode::kTimedOut, "no reply in time"};
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return Error{ErrorCode::kInvalidData, curl_easy_strerror(code)};
    default:
      return Error{ErrorCode::kSystem, curl_easy_strerror(code)};
  }
  long status = 0;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_off_t sent_after = 0, first_byte_after = 0;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_PRETRANSFER_TIME_T, &sent_after);
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_STARTTRANSFER_TIME_T, &first_byte_after);
  HttpClientReply reply = std::move(transfer.reply);
  reply.status = static_cast<int>(status);
  reply.http_version = version_of(transfer.easy.get());
  reply.waited = std::chrono::microseconds(std::max<curl_off_t>(0, first_byte_after - sent_after));
  reply.answered_at = Steady::now();
  return reply;
}

void CurlClient::answer(const Handler& handler, Result<HttpClientReply> result) {
  (result.has_value() ? replied_ : failed_).increment();
  handler(std::move(result));
}

void CurlClient::close_all() {
  const Error closed{ErrorCode::kClosed, "the server stops"};
  for (auto& [easy, transfer] : std::exchange(transfers_, {})) {
    curl_multi_remove_handle(multi_.get(), easy);
    answer(transfer->job.on_reply, closed);
  }
  std::deque<Job> waiting;
  {
    const MutexLock lock(mutex_);
    waiting.swap(waiting_);
  }
  for (const Job& job : waiting) answer(job.on_reply, closed);
  in_flight_.set(0);
}

}  // namespace

Status check_http_url(const std::string& url) {
  const auto wrong = [](const char* what) { return Error{ErrorCode::kInvalidData, what}; };
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return wrong("a URL begins with http:// or https://");
  const std::unique_ptr<CURLU, FreeUrl> parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
    return wrong("it is not a URL");
  char* user = nullptr;
  const bool has_user = curl_url_get(parsed.get(), CURLUPART_USER, &user, 0) == CURLUE_OK;
  curl_free(user);
  if (has_user) return wrong("a URL has no user and password here");
  return ok();
}

Result<std::string> resolve_url(const std::string& base, const std::string& reference) {
  const std::unique_ptr<CURLU, FreeUrl> parsed(curl_url());
  char* url = nullptr;
  const bool is_resolved =
      parsed && curl_url_set(parsed.get(), CURLUPART_URL, base.c_str(), 0) == CURLUE_OK &&
      curl_url_set(parsed.get(), CURLUPART_URL, reference.c_str(), 0) == CURLUE_OK &&
      curl_url_get(parsed.get(), CURLUPART_URL, &url, 0) == CURLUE_OK;
  std::string result = is_resolved ? url : "";
  curl_free(url);
  RETURN_IF_ERROR(check_http_url(result));
  return result;
}

void sign(HttpClientRequest& request, const std::string& secret, std::chrono::nanoseconds now) {
  if (secret.empty()) return;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  const auto signature = hmac_sha256(secret, fmt::format("{}.{}", seconds, request.body));
  request.headers.emplace_back("Millrace-Signature",
                               fmt::format("t={},v1={}", seconds, to_hex(signature)));
}

Result<std::unique_ptr<HttpClient>> create_http_client(HttpClientOptions options,
                                                       Metrics& metrics) {
  auto client = std::make_unique<CurlClient>(std::move(options), metrics);
  RETURN_IF_ERROR(client->start());
  return client;
}

}  // namespace millrace::net
