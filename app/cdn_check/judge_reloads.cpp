// The checks of blocking reloads: held, told apart, coalesced, in time.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "app/cdn_check/judgement.h"

namespace millrace::app::cdn_check {
namespace {

// Of a part target duration: a reload that was answered sooner was not held, as far as can be told.
constexpr double kHeldShare = 0.1;
// rfc8216bis §6.2.1: a playlist is older than this only where the server does not update it.
constexpr double kStaleTargets = 1.5;
// A clock's tick and the way, beyond what a lifetime in whole seconds explains.
constexpr Seconds kSlack{0.5};
// Of requests at once: a CDN's edge is of several machines, each of which may ask for itself.
constexpr double kMissShare = 0.5;

Finding ok(std::string check, std::string seen) {
  return {.check = std::move(check), .verdict = Verdict::kOk, .seen = std::move(seen)};
}

bool has_what_was_asked(const Reload& reload) {
  const auto playlist = reload.seen.playlist();
  return reload.seen.is_ok() && playlist && playlist->reached(reload.asked);
}

std::string asked_of(const Reload& reload) {
  return '?' + to_query(reload.asked);
}

/// Rendition reports may be newer from one answer to the next (rfc8216bis §6.2.5.2).
std::string without_reports(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
    if (!text.starts_with("#EXT-X-RENDITION-REPORT")) result += text.substr(0, end);
    text.remove_prefix(end);
  }
  return result;
}

Finding gives_up(std::string check, std::string seen, const Evidence& evidence) {
  return {
      .check = std::move(check),
      .verdict = Verdict::kFail,
      .seen = std::move(seen),
      .meaning = "The cache does not wait for the origin, and players stall or reload",
      .remedy = fmt::format("let it wait for the origin's first byte for more than three target "
                            "durations ({:.0f} s), and be patient for as long with who waits for "
                            "another's request; see docs/cdn.md, timeouts",
                            3 * evidence.target.count())};
}

}  // namespace

Finding judge_held(const Evidence& evidence) {
  std::size_t held = 0;
  Seconds longest{0};
  for (const Reload& reload : evidence.followed) {
    if (!reload.seen.is_ok())
      return gives_up("held", fmt::format("{}: {}", asked_of(reload), outcome_of(reload.seen)),
                      evidence);
    if (!has_what_was_asked(reload))
      return {.check = "held",
              .verdict = Verdict::kFail,
              .seen = fmt::format("{} was answered after {:.2f} s without that part",
                                  asked_of(reload), reload.seen.waited.count()),
              .meaning = "Players ask again at once, without end, or leave low latency",
              .remedy =
                  "answer reloads with _HLS_msn from the cache only where all of their _HLS_ "
                  "arguments are the same, and never with what is past its lifetime"};
    held += reload.seen.waited >= kHeldShare * evidence.part_target;
    longest = std::max(longest, reload.seen.waited);
  }
  if (held == 0)
    return {.check = "held",
            .verdict = Verdict::kFail,
            .seen = fmt::format("none of {} reloads for the next part waited",
                                evidence.followed.size()),
            .meaning = "What the cache gives is always behind the live edge",
            .remedy = "let the cache hand reloads with _HLS_msn on to the origin, one for each"};
  return ok("held", fmt::format("{} of {} reloads waited for their part, up to {:.2f} s", held,
                                evidence.followed.size(), longest.count()));
}

Finding judge_long_hold(const Evidence& evidence) {
  const Reload& reload = evidence.long_hold;
  if (reload.seen.failure.empty() && reload.seen.status == 400)
    return {.check = "long-hold",
            .verdict = Verdict::kFail,
            .seen = fmt::format("{} was refused when it was too early, and still is when it is due",
                                asked_of(reload)),
            .meaning = "A refusal is kept for longer than it holds, and shuts players out",
            .remedy = "keep answers of 400 and above for a second at most"};
  if (!reload.seen.is_ok())
    return gives_up("long-hold", fmt::format("{}: {}", asked_of(reload), outcome_of(reload.seen)),
                    evidence);
  if (!has_what_was_asked(reload))
    return {.check = "long-hold",
            .verdict = Verdict::kFail,
            .seen = fmt::format("{} was answered after {:.2f} s without that segment",
                                asked_of(reload), reload.seen.waited.count()),
            .meaning = "Players that wait for segments ask again at once, without end",
            .remedy = "put _HLS_msn and _HLS_part into the cache's key"};
  return ok("long-hold", fmt::format("a reload for a whole segment was held for {:.2f} s",
                                     reload.seen.waited.count()));
}

Finding judge_key(const Evidence& evidence) {
  constexpr const char* kMeaning = "Players get the playlist that another one asked for";
  constexpr const char* kRemedy =
      "put the arguments _HLS_msn, _HLS_part and _HLS_skip into the cache's key";
  // The answers of other URLs, the plain one among them.
  std::set<std::string> others{evidence.plain.body};
  for (const Reload& reload : evidence.followed) {
    if (reload.seen.is_ok() && !has_what_was_asked(reload) && others.contains(reload.seen.body))
      return {
          .check = "key",
          .verdict = Verdict::kFail,
          .seen = fmt::format("{} was answered with another request's playlist", asked_of(reload)),
          .meaning = kMeaning,
          .remedy = kRemedy};
    others.insert(reload.seen.body);
  }
  if (!evidence.can_skip)
    return ok("key", fmt::format("{} reloads had answers of their own; of delta updates there "
                                 "are none, or the playlist is too short for them yet",
                                 evidence.followed.size()));
  const auto delta = evidence.delta.seen.playlist();
  const auto full = evidence.full.seen.playlist();
  if (!delta || !full)
    return {.check = "key",
            .verdict = Verdict::kFail,
            .seen = fmt::format("with _HLS_skip: {}; without: {}", outcome_of(evidence.delta.seen),
                                outcome_of(evidence.full.seen)),
            .meaning = kMeaning,
            .remedy = kRemedy};
  if (!delta->is_delta || full->is_delta)
    return {.check = "key",
            .verdict = Verdict::kFail,
            .seen = delta->is_delta
                        ? "a delta update was given to who did not ask for one"
                        : "a reload with _HLS_skip was answered with the whole playlist "
                          "of who asked before",
            .meaning = full->is_delta ? "Players that just begin get a playlist without segments"
                                      : "Delta updates are of no use",
            .remedy = kRemedy};
  return ok("key", fmt::format("{} reloads and a delta update had answers of their own",
                               evidence.followed.size()));
}

Finding judge_other_arguments(const Evidence& evidence) {
  const Observation& seen = evidence.with_other_argument;
  if (!seen.is_ok())
    return {.check = "other-arguments",
            .verdict = Verdict::kFail,
            .seen = fmt::format("a reload with an argument more: {}", outcome_of(seen)),
            .meaning = "Players that add arguments (a token, a session) get no playlist",
            .remedy = "let the cache ignore arguments that it does not know"};
  switch (cache_word(seen)) {
    case CacheWord::kHit:
      return ok("other-arguments", "an argument that means nothing here is not in the key");
    case CacheWord::kUnknown:
      return ok("other-arguments",
                "a reload with an argument more is answered; whether by the cache is not told");
    case CacheWord::kMiss:
      break;
  }
  return {.check = "other-arguments",
          .verdict = Verdict::kNote,
          .seen = "a reload with an argument more was fetched from the origin again",
          .meaning = "Whoever adds an argument gets past the cache",
          .remedy = "build the key of the path and _HLS_msn, _HLS_part, _HLS_skip alone"};
}

Finding judge_coalesced(const Evidence& evidence) {
  const std::size_t count = evidence.crowd.size();
  std::set<std::string> bodies;
  std::size_t hits = 0, misses = 0;
  auto first = std::chrono::steady_clock::time_point::max();
  auto last = std::chrono::steady_clock::time_point::min();
  for (const Reload& reload : evidence.crowd) {
    if (!has_what_was_asked(reload))
      return {.check = "coalesced",
              .verdict = Verdict::kFail,
              .seen = fmt::format("of {} requests at once for {} one had: {}", count,
                                  asked_of(reload), outcome_of(reload.seen)),
              .meaning = "Some of the viewers of each part are turned away, or get an older one",
              .remedy =
                  "let the cache hold requests for what it is fetching, for more than three "
                  "target durations"};
    bodies.insert(without_reports(reload.seen.body));
    hits += cache_word(reload.seen) == CacheWord::kHit;
    misses += cache_word(reload.seen) == CacheWord::kMiss;
    first = std::min(first, reload.seen.answered_at);
    last = std::max(last, reload.seen.answered_at);
  }
  const Seconds spread = count > 0 ? Seconds(last - first) : Seconds(0);
  const std::string seen = fmt::format(
      "{} requests at once for the next part: {} from the cache, {} fetched, {} "
      "answers, all within {:.2f} s",
      count, hits, misses, bodies.size(), spread.count());
  if (static_cast<double>(misses) > kMissShare * static_cast<double>(count) || bodies.size() > 1)
    return {.check = "coalesced",
            .verdict = Verdict::kFail,
            .seen = seen,
            .meaning = "Each viewer of the live edge is a request of its own at the origin",
            .remedy =
                "let the cache fetch each URL once at a time (request collapsing, "
                "proxy_cache_lock), with all reloads cacheable; where its headers call "
                "collapsed requests misses, count millrace_http_requests_total at the origin"};
  if (spread > evidence.hold_back)
    return {.check = "coalesced",
            .verdict = Verdict::kFail,
            .seen = seen,
            .meaning = fmt::format("Who was not the first waits for longer than PART-HOLD-BACK "
                                   "({:.2f} s), and stalls",
                                   evidence.hold_back.count()),
            .remedy =
                "use a cache that wakes requests when the answer is there, or longer parts "
                "(packager.part)"};
  if (spread > evidence.part_target)
    return {
        .check = "coalesced",
        .verdict = Verdict::kNote,
        .seen = seen,
        .meaning = "Who was not the first waits for longer than a part, within PART-HOLD-BACK",
        .remedy =
            "nothing has to change; nginx looks for the answer twice a second, other caches are "
            "told at once, and longer parts (packager.part) leave more time"};
  if (hits + misses == 0)
    return {.check = "coalesced",
            .verdict = Verdict::kNote,
            .seen = seen,
            .meaning = "No header says what came from a cache, if there is one",
            .remedy =
                "let the cache add one (Cache-Status, X-Cache, Age), or count "
                "millrace_http_requests_total at the origin"};
  return ok("coalesced", seen);
}

Finding judge_hint(const Evidence& evidence) {
  if (evidence.hinted.empty())
    return {.check = "hint",
            .verdict = Verdict::kFail,
            .seen = "the playlist hints at no part",
            .meaning = "Players fetch each part a round trip later",
            .remedy = "let the cache pass playlists on as they are"};
  for (const Observation& seen : evidence.hinted)
    if (!seen.is_ok() || seen.body.empty())
      return gives_up("hint", fmt::format("the hinted part: {}", outcome_of(seen)), evidence);
  const Observation& first = evidence.hinted.front();
  const bool is_same = std::all_of(evidence.hinted.begin(), evidence.hinted.end(),
                                   [&](const auto& seen) { return seen.body == first.body; });
  if (!is_same || evidence.hinted_again.body != first.body)
    return {.check = "hint",
            .verdict = Verdict::kFail,
            .seen = fmt::format("the hinted part had {} bytes, and later {}", first.body.size(),
                                evidence.hinted_again.body.size()),
            .meaning = "Players get media that is cut or of another part",
            .remedy = "let the cache keep whole answers only, under the whole path"};
  if (has_what_was_asked(evidence.lists_hinted) &&
      first.answered_at >
          evidence.lists_hinted.seen.answered_at +
              std::chrono::duration_cast<std::chrono::steady_clock::duration>(evidence.hold_back))
    return {.check = "hint",
            .verdict = Verdict::kFail,
            .seen = fmt::format(
                "the hinted part came {:.2f} s later than the playlist that lists it",
                Seconds(first.answered_at - evidence.lists_hinted.seen.answered_at).count()),
            .meaning = "The media is there after players need it",
            .remedy = "let the cache send what it fetches on while it comes"};
  return ok("hint", fmt::format("the hinted part was held for {:.2f} s and delivered, {} bytes",
                                first.waited.count(), first.body.size()));
}

Finding judge_stale(const Evidence& evidence) {
  const auto plain = evidence.late_plain.playlist();
  if (!evidence.late_plain.is_ok() || !plain || evidence.followed.empty())
    return {
        .check = "stale",
        .verdict = Verdict::kFail,
        .seen = fmt::format("the playlist without arguments: {}", outcome_of(evidence.late_plain)),
        .meaning = "Players cannot begin",
        .remedy = "look at the cache's and the origin's logs"};
  const auto newest = evidence.followed.back().seen.playlist();
  const Seconds behind = newest ? newest->ahead_of(*plain) : Seconds(0);
  const Seconds allowed = std::max(evidence.target / 2, Seconds(1)) + evidence.part_target + kSlack;
  const std::string seen = fmt::format(
      "the playlist without arguments was {:.2f} s behind the live edge", behind.count());
  if (behind > kStaleTargets * evidence.target)
    return {.check = "stale",
            .verdict = Verdict::kFail,
            .seen = seen,
            .meaning = "Players begin late, and plain HLS players stall",
            .remedy =
                "keep playlists without _HLS_msn for as long as Cache-Control says, half a "
                "target duration, and serve nothing stale while or instead of fetching anew"};
  if (behind > allowed)
    return {.check = "stale",
            .verdict = Verdict::kNote,
            .seen = seen,
            .meaning = "Players begin a little late",
            .remedy =
                "look for a second cache behind this one, or for a lifetime that is longer "
                "than what the origin sends"};
  return ok("stale", seen);
}

Finding judge_latency(const Evidence& evidence) {
  if (!evidence.beside_origin)
    return ok("latency", "not compared: --origin URL of the same playlist at the origin would");
  const Reload& cache = evidence.beside_origin->cache;
  const Reload& origin = evidence.beside_origin->origin;
  if (!has_what_was_asked(cache) || !has_what_was_asked(origin))
    return {.check = "latency",
            .verdict = Verdict::kFail,
            .seen = fmt::format("the same part at once, cache: {}; origin: {}",
                                outcome_of(cache.seen), outcome_of(origin.seen)),
            .meaning = "They are not the same channel, or one of them does not hold reloads",
            .remedy = "give --origin the URL of the same playlist at the origin"};
  const Seconds later(cache.seen.answered_at - origin.seen.answered_at);
  const std::string seen = fmt::format(
      "the cache gave the next part's playlist {:.0f} ms {} than "
      "the origin",
      std::abs(later.count()) * 1000, later.count() < 0 ? "sooner" : "later");
  if (later <= evidence.part_target) return ok("latency", seen);
  const bool is_lost = later > evidence.hold_back;
  return {.check = "latency",
          .verdict = is_lost ? Verdict::kFail : Verdict::kNote,
          .seen = seen,
          .meaning = is_lost ? "That is longer than PART-HOLD-BACK: players stall"
                             : "That is longer than a part",
          .remedy =
              "look for the way between cache and origin (round trip, connections that are "
              "not kept), or use longer parts (packager.part)"};
}

}  // namespace millrace::app::cdn_check
