#include "app/cdn_check/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <memory>
#include <tuple>
#include <utility>

namespace millrace::app::cdn_check {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;
using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kMaxPlaylist = 4 << 20;
constexpr std::size_t kMaxMedia = 64 << 20;
constexpr Seconds kShortest(10);   // What a first answer may take, and any later one at least.
constexpr double kPatience = 3;    // Target durations after which the origin answers with 503 …
constexpr Seconds kAfterIt(5);     // … and the way.
constexpr std::size_t kCrowd = 8;  // Requests at once.
constexpr std::size_t kRounds = 400;   // Parts of four segments of 10 s.
constexpr std::size_t kBadRounds = 3;  // Then it is known, and would go on at full speed.
constexpr std::size_t kCatchUpRounds = 60;
constexpr double kHeldShare = 0.1;  // As in judge_reloads.cpp.
// A segment number that is refused now, and would be if the running segment ended meanwhile:
// rfc8216bis §6.2.5.2 lets the last one plus two pass.
constexpr std::uint64_t kTooFar = 4;
constexpr std::uint64_t kDue = 2;

/// Adds to a URL that may have a query.
std::string with_query(const std::string& url, std::string_view query) {
  return fmt::format("{}{}{}", url, url.find('?') == std::string::npos ? '?' : '&', query);
}

bool is_before(const Position& a, const Position& b) {
  return std::tuple(a.segment, a.part.value_or(0)) < std::tuple(b.segment, b.part.value_or(0));
}

class Prober {
 public:
  Prober(net::HttpClient& client, const Target& target) : client_(client), target_(target) {}

  Result<Evidence> run() {
    RETURN_IF_ERROR(begin());
    ask_encodings();
    catch_up();
    ask_too_far();
    follow_until_due();
    auto hold = start_reload(media_url_, evidence_.long_hold.asked);
    ask_variants_of_a_reload();
    ask_at_once();
    ask_hinted();
    ask_media();
    ask_origin();
    evidence_.long_hold.seen = hold.get();
    learn(evidence_.long_hold.seen);
    catch_up();
    evidence_.late_plain = ask(media_url_);
    return std::move(evidence_);
  }

 private:
  using Pending = std::future<Observation>;

  Pending start(const std::string& url, Headers headers = {},
                std::size_t max_bytes = kMaxPlaylist) {
    net::HttpClientRequest request;
    request.method = "GET";
    request.url = url;
    request.headers = std::move(headers);
    const bool has_coding = std::any_of(request.headers.begin(), request.headers.end(),
                                        [](const auto& h) { return h.first == "Accept-Encoding"; });
    if (!has_coding) request.headers.emplace_back("Accept-Encoding", "identity");
    request.headers.emplace_back("Origin", kPageOrigin);
    request.timeout = std::chrono::ceil<std::chrono::milliseconds>(patience_);
    request.max_reply_bytes = max_bytes;
    request.ca_file = target_.ca_file;
    auto promise = std::make_shared<std::promise<Observation>>();
    auto future = promise->get_future();
    const auto asked_at = Steady::now();
    client_.request(std::move(request), [promise, url, asked_at](Result<net::HttpClientReply> got) {
      Observation seen{.url = url};
      if (got.has_value()) {
        net::HttpClientReply& reply = got.value();
        seen.status = reply.status;
        seen.http_version = reply.http_version;
        seen.headers = std::move(reply.headers);
        seen.body = std::move(reply.body);
        seen.waited = reply.waited;
        seen.answered_at = reply.answered_at;
      } else {
        seen.failure = got.error().message;
        seen.answered_at = Steady::now();
        seen.waited = seen.answered_at - asked_at;
      }
      promise->set_value(std::move(seen));
    });
    return future;
  }

  Observation ask(const std::string& url, Headers headers = {},
                  std::size_t max_bytes = kMaxPlaylist) {
    return start(url, std::move(headers), max_bytes).get();
  }

  Pending start_reload(const std::string& url, const Position& position) {
    return start(with_query(url, to_query(position)));
  }

  /// The newest playlist seen is where the next reload begins.
  void learn(const Observation& seen) {
    auto playlist = seen.playlist();
    if (!seen.is_ok() || !playlist || playlist->is_delta || playlist->segments.empty()) return;
    if (newest_.segments.empty() || is_before(newest_.next(), playlist->next()))
      newest_ = *std::move(playlist);
  }

  Status begin() {
    Observation first = ask(target_.url);
    media_url_ = target_.url;
    origin_url_ = target_.origin;
    auto playlist = first.playlist();
    if (first.is_ok() && playlist && !playlist->variants.empty()) {
      const std::string variant = playlist->variants.front();
      ASSIGN_OR_RETURN(media_url_, net::resolve_url(target_.url, variant));
      if (!origin_url_.empty()) {
        ASSIGN_OR_RETURN(origin_url_, net::resolve_url(target_.origin, variant));
      }
      evidence_.multivariant = std::move(first);
      first = ask(media_url_);
      playlist = first.playlist();
    }
    if (first.status >= 300 && first.status < 400)
      return Error{ErrorCode::kUnsupported,
                   fmt::format("it redirects to {}: give that URL", first.header("location"))};
    if (!first.is_ok()) return Error{ErrorCode::kSystem, outcome_of(first)};
    if (!playlist)
      return Error{ErrorCode::kInvalidData, fmt::format("{} is no playlist", media_url_)};
    if (playlist->has_ended)
      return Error{ErrorCode::kClosed, "the show has ended: it must be live"};
    if (!playlist->is_low_latency())
      return Error{ErrorCode::kUnsupported,
                   "the playlist has no parts and no blocking reloads: not Low-Latency HLS"};
    evidence_.target = playlist->target;
    evidence_.part_target = playlist->part_target;
    evidence_.hold_back = std::max(playlist->part_hold_back, 2 * playlist->part_target);
    patience_ = std::max(kShortest, kPatience * playlist->target + kAfterIt);
    learn(first);
    evidence_.plain = std::move(first);
    return ok();
  }

  void ask_encodings() {
    evidence_.compressed = ask(media_url_, {{"Accept-Encoding", "gzip"}});
    evidence_.uncompressed = ask(media_url_);
    learn(evidence_.uncompressed);
  }

  /// Asks for the next part. Whether it was worth it.
  bool follow() {
    Reload reload{.asked = newest_.next(), .seen = {}};
    reload.seen = start_reload(media_url_, reload.asked).get();
    learn(reload.seen);
    const bool is_good = is_before(reload.asked, newest_.next());
    if (!is_good) ++bad_rounds_;
    evidence_.followed.push_back(std::move(reload));
    return is_good && bad_rounds_ < kBadRounds;
  }

  /// Until one is held: then the newest playlist is the newest there is.
  void catch_up() {
    if (bad_rounds_ >= kBadRounds) return;
    for (std::size_t round = 0; round < kCatchUpRounds; ++round) {
      if (!follow()) return;
      if (evidence_.followed.back().seen.waited >= kHeldShare * evidence_.part_target) return;
    }
  }

  void ask_too_far() {
    evidence_.long_hold.asked = {newest_.last_complete() + kTooFar, std::nullopt};
    evidence_.refused = start_reload(media_url_, evidence_.long_hold.asked).get();
  }

  void follow_until_due() {
    const auto due = evidence_.long_hold.asked.segment - kDue;
    for (std::size_t round = 0; round < kRounds && newest_.last_complete() < due; ++round)
      if (!follow()) break;
    // Where reloads do not work it is asked all the same, for what can be asked.
    if (newest_.last_complete() < due)
      evidence_.long_hold.asked.segment = newest_.last_complete() + kDue;
  }

  void ask_variants_of_a_reload() {
    const Position known = evidence_.followed.back().asked;
    const std::string url = with_query(media_url_, to_query(known));
    evidence_.with_other_argument = ask(with_query(url, "millrace_check=1"));
    evidence_.can_skip = newest_.can_skip();
    if (!evidence_.can_skip) return;
    evidence_.delta.asked = known;
    evidence_.delta.seen = ask(with_query(url, "_HLS_skip=YES"));
    const Position next = newest_.next();
    const std::string next_url = with_query(media_url_, to_query(next));
    ask(with_query(next_url, "_HLS_skip=YES"));
    evidence_.full.asked = next;
    evidence_.full.seen = ask(next_url);
    learn(evidence_.full.seen);
  }

  void ask_at_once() {
    catch_up();
    const Position next = newest_.next();
    std::vector<Pending> pending;
    for (std::size_t i = 0; i < kCrowd; ++i) pending.push_back(start_reload(media_url_, next));
    for (Pending& one : pending) evidence_.crowd.push_back({.asked = next, .seen = one.get()});
    learn(evidence_.crowd.front().seen);
  }

  void ask_hinted() {
    catch_up();
    if (newest_.hint_uri.empty()) return;
    const auto url = net::resolve_url(media_url_, newest_.hint_uri);
    if (!url.has_value()) return;
    evidence_.lists_hinted.asked = newest_.next();
    auto first = start(url.value(), {}, kMaxMedia);
    auto second = start(url.value(), {}, kMaxMedia);
    evidence_.lists_hinted.seen = start_reload(media_url_, evidence_.lists_hinted.asked).get();
    evidence_.hinted.push_back(first.get());
    evidence_.hinted.push_back(second.get());
    evidence_.hinted_again = ask(url.value(), {}, kMaxMedia);
    learn(evidence_.lists_hinted.seen);
  }

  void ask_media() {
    if (const auto url = net::resolve_url(media_url_, newest_.map_uri); url.has_value())
      evidence_.init = ask(url.value(), {}, kMaxMedia);
    std::string uri;
    for (const auto& segment : newest_.segments)
      if (!segment.is_gap && !segment.uri.empty()) uri = segment.uri;
    if (const auto url = net::resolve_url(media_url_, uri); !uri.empty() && url.has_value()) {
      evidence_.segment = ask(url.value(), {{"Accept-Encoding", "gzip"}}, kMaxMedia);
      evidence_.range = ask(url.value(), {{"Range", "bytes=100-199"}}, kMaxMedia);
      const std::string etag(evidence_.segment.header("etag"));
      if (!etag.empty())
        evidence_.not_modified = ask(url.value(), {{"If-None-Match", etag}}, kMaxMedia);
    }
    if (const auto url = net::resolve_url(media_url_, "millrace-check-no-such-segment.m4s");
        url.has_value())
      evidence_.missing = ask(url.value());
  }

  void ask_origin() {
    if (origin_url_.empty()) return;
    catch_up();
    const Position next = newest_.next();
    auto cache = start_reload(media_url_, next);
    auto origin = start_reload(origin_url_, next);
    evidence_.beside_origin = Pair{.cache = {.asked = next, .seen = cache.get()},
                                   .origin = {.asked = next, .seen = origin.get()}};
    evidence_.origin_plain = ask(origin_url_);
  }

  net::HttpClient& client_;
  const Target& target_;
  Seconds patience_ = kShortest;
  std::string media_url_, origin_url_;
  LivePlaylist newest_;
  std::size_t bad_rounds_ = 0;
  Evidence evidence_;
};

}  // namespace

Result<Evidence> observe(net::HttpClient& client, const Target& target) {
  return Prober(client, target).run();
}

}  // namespace millrace::app::cdn_check
