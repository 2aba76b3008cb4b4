#include "app/cdn_check/judgement.h"

#include <fmt/format.h>

#include <string_view>

namespace millrace::app::cdn_check {
namespace {

Finding judge_playlist(const Evidence& evidence) {
  return {.check = "playlist",
          .verdict = Verdict::kOk,
          .seen = fmt::format("{}: target duration {:.0f} s, parts of {:.3g} s, PART-HOLD-BACK "
                              "{:.3g} s",
                              evidence.plain.url, evidence.target.count(),
                              evidence.part_target.count(), evidence.hold_back.count())};
}

}  // namespace

std::vector<Finding> judge(const Evidence& evidence) {
  return {judge_playlist(evidence),
          judge_held(evidence),
          judge_long_hold(evidence),
          judge_key(evidence),
          judge_other_arguments(evidence),
          judge_coalesced(evidence),
          judge_hint(evidence),
          judge_stale(evidence),
          judge_latency(evidence),
          judge_playlist_lifetime(evidence),
          judge_reload_lifetime(evidence),
          judge_media_lifetime(evidence),
          judge_passed_on(evidence),
          judge_age(evidence),
          judge_errors(evidence),
          judge_cookies(evidence),
          judge_ranges(evidence),
          judge_compression(evidence),
          judge_conditional(evidence),
          judge_cors(evidence),
          judge_http2(evidence)};
}

}  // namespace millrace::app::cdn_check
