// The checks of lifetimes and of what a cache may change on the way.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "app/cdn_check/judgement.h"

namespace millrace::app::cdn_check {
namespace {

constexpr double kStaleTargets = 1.5;  // As in judge_reloads.cpp; rfc8216bis §6.2.1.
constexpr double kReloadTargets = 6;   // rfc8216bis B.1, as are media's.
// Age is in whole seconds, rounded by each cache on the way.
constexpr Seconds kAgeSlack{2};
// A missing segment is told at once, and not held.
constexpr Seconds kPrompt{2};

Finding ok(std::string check, std::string seen) {
  return {.check = std::move(check), .verdict = Verdict::kOk, .seen = std::move(seen)};
}

std::string control_of(const Observation& seen) {
  const std::string_view control = seen.header("cache-control");
  return control.empty() ? "no Cache-Control" : fmt::format("\"{}\"", control);
}

/// All answers of 2xx that came with a body.
std::vector<const Observation*> answers(const Evidence& evidence) {
  std::vector<const Observation*> all;
  if (evidence.multivariant) all.push_back(&*evidence.multivariant);
  for (const auto* seen :
       {&evidence.plain, &evidence.compressed, &evidence.uncompressed, &evidence.late_plain,
        &evidence.long_hold.seen, &evidence.delta.seen, &evidence.full.seen,
        &evidence.with_other_argument, &evidence.lists_hinted.seen, &evidence.hinted_again,
        &evidence.init, &evidence.segment, &evidence.range})
    all.push_back(seen);
  for (const auto* reloads : {&evidence.followed, &evidence.crowd})
    for (const Reload& reload : *reloads) all.push_back(&reload.seen);
  for (const Observation& seen : evidence.hinted) all.push_back(&seen);
  std::erase_if(all, [](const Observation* seen) { return !seen->is_ok(); });
  return all;
}

/// Whatever came back, errors too.
std::vector<const Observation*> replies(const Evidence& evidence) {
  auto all = answers(evidence);
  for (const auto* seen : {&evidence.refused, &evidence.missing, &evidence.not_modified})
    if (seen->failure.empty() && seen->status != 0) all.push_back(seen);
  return all;
}

/// For what must be kept at all: nothing where it is.
std::optional<Finding> uncacheable(std::string check, const Observation& seen,
                                   std::string_view what) {
  const auto lifetime = lifetime_of(seen);
  if (lifetime && lifetime->count() > 0) return std::nullopt;
  return Finding{.check = std::move(check),
                 .verdict = Verdict::kFail,
                 .seen = fmt::format("{}: {}", what, control_of(seen)),
                 .meaning = "It may not be kept: each viewer is a request at the origin",
                 .remedy = "let the cache pass the origin's Cache-Control on, and follow it"};
}

}  // namespace

Finding judge_playlist_lifetime(const Evidence& evidence) {
  std::vector<const Observation*> playlists{&evidence.plain};
  if (evidence.multivariant) playlists.push_back(&*evidence.multivariant);
  for (const auto* seen : playlists) {
    if (auto finding = uncacheable("playlist-lifetime", *seen, "a playlist without arguments"))
      return *std::move(finding);
    const Seconds lifetime = *lifetime_of(*seen);
    if (lifetime <= std::max(evidence.target, Seconds(1))) continue;
    const bool is_fatal = lifetime > kStaleTargets * evidence.target;
    return {.check = "playlist-lifetime",
            .verdict = is_fatal ? Verdict::kFail : Verdict::kNote,
            .seen = fmt::format("a playlist without arguments: {}", control_of(*seen)),
            .meaning = is_fatal ? "Players get playlists that have long gone on, and stall"
                                : "Players may begin late",
            .remedy = fmt::format("keep it for half a target duration ({:.1f} s) and never longer "
                                  "than one",
                                  evidence.target.count() / 2)};
  }
  return ok("playlist-lifetime", control_of(evidence.plain));
}

Finding judge_reload_lifetime(const Evidence& evidence) {
  for (const Reload& reload : evidence.followed) {
    if (!reload.seen.is_ok()) continue;
    if (auto finding = uncacheable("reload-lifetime", reload.seen, "a reload with _HLS_msn"))
      return *std::move(finding);
    const Seconds lifetime = *lifetime_of(reload.seen);
    if (lifetime >= evidence.target) continue;
    return {
        .check = "reload-lifetime",
        .verdict = Verdict::kNote,
        .seen = fmt::format("a reload with _HLS_msn: {}", control_of(reload.seen)),
        .meaning = "Players that are late fetch it from the origin once more",
        .remedy = fmt::format("keep it for six target durations ({:.0f} s): its URL never means "
                              "anything else",
                              kReloadTargets * evidence.target.count())};
  }
  if (evidence.followed.empty()) return ok("reload-lifetime", "none was seen");
  return ok("reload-lifetime", control_of(evidence.followed.back().seen));
}

Finding judge_media_lifetime(const Evidence& evidence) {
  std::vector<std::pair<const Observation*, std::string_view>> media{
      {&evidence.init, "the init segment"}, {&evidence.segment, "a segment"}};
  if (!evidence.hinted.empty()) media.emplace_back(&evidence.hinted.front(), "a part");
  std::string shown;
  for (const auto& [seen, what] : media) {
    if (!seen->is_ok())
      return {.check = "media-lifetime",
              .verdict = Verdict::kFail,
              .seen = fmt::format("{}: {}", what, outcome_of(*seen)),
              .meaning = "Players have nothing to play",
              .remedy = "look at the cache's and the origin's logs"};
    if (auto finding = uncacheable("media-lifetime", *seen, what)) return *std::move(finding);
    if (*lifetime_of(*seen) < kReloadTargets * evidence.target)
      return {.check = "media-lifetime",
              .verdict = Verdict::kNote,
              .seen = fmt::format("{}: {}", what, control_of(*seen)),
              .meaning = "Players that are late fetch it from the origin once more",
              .remedy =
                  "keep media for six target durations and more: a URL has one content for "
                  "ever"};
    shown += fmt::format("{}{}: {}", shown.empty() ? "" : ", ", what, control_of(*seen));
  }
  return ok("media-lifetime", shown);
}

Finding judge_passed_on(const Evidence& evidence) {
  if (!evidence.origin_plain) return ok("passed-on", "not compared: that takes --origin");
  const Observation& origin = *evidence.origin_plain;
  if (!origin.is_ok())
    return {.check = "passed-on",
            .verdict = Verdict::kFail,
            .seen = fmt::format("the origin itself: {}", outcome_of(origin)),
            .meaning = "There is nothing to compare with",
            .remedy = "give --origin the URL of the same playlist at the origin"};
  for (const auto* name : {"cache-control", "content-type"})
    if (evidence.plain.header(name) != origin.header(name))
      return {.check = "passed-on",
              .verdict = Verdict::kNote,
              .seen = fmt::format("{} is \"{}\" at the origin and \"{}\" here", name,
                                  origin.header(name), evidence.plain.header(name)),
              .meaning = "Players and caches behind this one follow what is said here",
              .remedy = "let the cache pass the header on as it is, unless this is meant"};
  return ok("passed-on", "Cache-Control and Content-Type are the origin's");
}

Finding judge_age(const Evidence& evidence) {
  bool has_age = false, has_hit = false;
  Seconds oldest{0};
  for (const Observation* seen : answers(evidence)) {
    has_hit |= cache_word(*seen) == CacheWord::kHit;
    const auto age = age_of(*seen);
    if (!age) continue;
    has_age = true;
    oldest = std::max(oldest, *age);
    const auto lifetime = lifetime_of(*seen);
    if (lifetime && *age > *lifetime + kAgeSlack)
      return {.check = "age",
              .verdict = Verdict::kFail,
              .seen = fmt::format("Age {:.0f} s with {}", age->count(), control_of(*seen)),
              .meaning = "The cache serves what is past its lifetime",
              .remedy =
                  "switch off serving stale objects (grace, stale-while-revalidate, "
                  "stale-if-error, a minimum lifetime) for playlists"};
  }
  if (has_hit && !has_age)
    return {.check = "age",
            .verdict = Verdict::kNote,
            .seen = "answers of the cache have no Age",
            .meaning =
                "Players cannot tell how old a playlist is; they begin up to its lifetime "
                "farther from the live edge",
            .remedy = "nothing has to change; nginx has none, other caches send it"};
  return ok("age", has_age ? fmt::format("up to {:.0f} s, none past its lifetime", oldest.count())
                           : "no answer of a cache was seen");
}

Finding judge_errors(const Evidence& evidence) {
  constexpr const char* kRemedy =
      "pass the origin's status on, and keep 400 and above for a second at most (negative caching, "
      "error TTL)";
  if (evidence.missing.status != 404 || evidence.missing.waited > kPrompt)
    return {.check = "errors",
            .verdict = Verdict::kFail,
            .seen = fmt::format("a segment that there never was: {}", outcome_of(evidence.missing)),
            .meaning = "Players that missed a segment do not learn that it is gone",
            .remedy = kRemedy};
  if (evidence.refused.status != 400)
    return {.check = "errors",
            .verdict = Verdict::kFail,
            .seen = fmt::format("a reload far ahead of the live edge: {}, not 400",
                                outcome_of(evidence.refused)),
            .meaning = "Requests that the origin refuses are held or answered by something else",
            .remedy = kRemedy};
  for (const auto* seen : {&evidence.missing, &evidence.refused}) {
    const auto lifetime = lifetime_of(*seen);
    if (!lifetime || *lifetime <= std::max(evidence.target, Seconds(1))) continue;
    return {.check = "errors",
            .verdict = Verdict::kFail,
            .seen = fmt::format("status {}: {}", seen->status, control_of(*seen)),
            .meaning = "What is asked for a moment too early is missing for everybody",
            .remedy = kRemedy};
  }
  return ok("errors", fmt::format("404: {}, 400: {}", control_of(evidence.missing),
                                  control_of(evidence.refused)));
}

Finding judge_cookies(const Evidence& evidence) {
  for (const Observation* seen : replies(evidence))
    if (seen->has_header("set-cookie"))
      return {.check = "cookies",
              .verdict = Verdict::kFail,
              .seen = fmt::format("{} sets a cookie", seen->url),
              .meaning = "Caches behind this one keep nothing that has a cookie",
              .remedy = "switch the cache's cookies off for /live/ (session affinity, bot checks)"};
  return ok("cookies", "none");
}

Finding judge_ranges(const Evidence& evidence) {
  constexpr std::size_t kFirst = 100, kCount = 100;  // As probe.cpp asks.
  const Observation& range = evidence.range;
  const bool is_right = range.status == 206 && evidence.segment.is_ok() &&
                        range.header("content-range").starts_with("bytes 100-199/") &&
                        evidence.segment.body.size() >= kFirst + kCount &&
                        range.body == evidence.segment.body.substr(kFirst, kCount);
  if (is_right) return ok("ranges", "206 with the bytes that were asked for");
  return {.check = "ranges",
          .verdict = Verdict::kFail,
          .seen = fmt::format("bytes 100-199 of a segment: {}, {} bytes, Content-Range \"{}\"",
                              outcome_of(range), range.body.size(), range.header("content-range")),
          .meaning = "Players that fetch ranges get too much or something else",
          .remedy = "let the cache answer ranges of what it keeps"};
}

Finding judge_compression(const Evidence& evidence) {
  const auto coding = [](const Observation& seen) { return seen.header("content-encoding"); };
  if (!coding(evidence.uncompressed).empty())
    return {.check = "compression",
            .verdict = Verdict::kFail,
            .seen = fmt::format("who did not accept it got a playlist in {}",
                                coding(evidence.uncompressed)),
            .meaning = "Players that cannot unpack it cannot play",
            .remedy = "let the cache follow Vary: Accept-Encoding"};
  if (!coding(evidence.segment).empty())
    return {.check = "compression",
            .verdict = Verdict::kFail,
            .seen = fmt::format("a segment came in {}", coding(evidence.segment)),
            .meaning = "It costs time and gains nothing, and ranges no longer fit",
            .remedy = "compress playlists alone (application/vnd.apple.mpegurl)"};
  if (coding(evidence.compressed).empty())
    return {
        .check = "compression",
        .verdict = Verdict::kFail,
        .seen = "who accepted gzip got a playlist without",
        .meaning = "Playlists are several times as large as they need to be, many times a second",
        .remedy = "let the cache hand Accept-Encoding on, or compress playlists itself"};
  return ok("compression", fmt::format("a playlist is {} bytes in {} and {} without; segments are "
                                       "sent as they are",
                                       evidence.compressed.body.size(), coding(evidence.compressed),
                                       evidence.uncompressed.body.size()));
}

Finding judge_conditional(const Evidence& evidence) {
  if (!evidence.segment.has_header("etag"))
    return {.check = "conditional",
            .verdict = Verdict::kFail,
            .seen = "a segment has no ETag",
            .meaning = "Caches cannot ask whether what they have still holds",
            .remedy = "let the cache pass ETag on"};
  if (evidence.not_modified.status == 304)
    return ok("conditional",
              fmt::format("ETag {} is answered with 304", evidence.segment.header("etag")));
  return {.check = "conditional",
          .verdict = Verdict::kFail,
          .seen = fmt::format("If-None-Match with a segment's own ETag {}: {}",
                              evidence.segment.header("etag"), outcome_of(evidence.not_modified)),
          .meaning = "What is there already is sent again",
          .remedy = "let the cache answer If-None-Match, and not change ETag"};
}

Finding judge_cors(const Evidence& evidence) {
  const auto lets_in = [](const Observation& seen) {
    const auto origin = seen.header("access-control-allow-origin");
    return origin == "*" || origin == kPageOrigin;
  };
  for (const Observation* seen : answers(evidence)) {
    if (lets_in(*seen)) continue;
    return {.check = "cors",
            .verdict = Verdict::kFail,
            .seen = fmt::format("{}: Access-Control-Allow-Origin \"{}\"", seen->url,
                                seen->header("access-control-allow-origin")),
            .meaning = "Players in browsers, on pages of other hosts, get nothing",
            .remedy = "let the cache pass Access-Control-Allow-Origin on, or add \"*\""};
  }
  for (const auto* seen : {&evidence.missing, &evidence.refused})
    if (seen->status >= 400 && !lets_in(*seen))
      return {.check = "cors",
              .verdict = Verdict::kNote,
              .seen = fmt::format("status {} has no Access-Control-Allow-Origin", seen->status),
              .meaning = "Players in browsers do not see what is wrong",
              .remedy = "let the cache pass it on with errors too"};
  return ok("cors", "pages of other hosts may read every answer");
}

Finding judge_http2(const Evidence& evidence) {
  const Observation& seen = evidence.plain;
  if (seen.http_version >= 20) return ok("http2", fmt::format("HTTP/{}", seen.http_version / 10));
  const bool is_tls = seen.url.starts_with("https:");
  return {.check = "http2",
          .verdict = is_tls ? Verdict::kFail : Verdict::kNote,
          .seen = is_tls ? "HTTP/1.1 over TLS" : "HTTP/1.1 without TLS",
          .meaning = "Apple's players do not play in low latency",
          .remedy = is_tls ? "switch HTTP/2 on at the cache"
                           : "check the https:// URL that players get, with HTTP/2"};
}

}  // namespace millrace::app::cdn_check
