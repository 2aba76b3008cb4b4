#pragma once
// What the check makes of what it has seen. Pure; any thread.
#include <string>
#include <vector>

#include "app/cdn_check/evidence.h"

namespace millrace::app::cdn_check {

enum class Verdict { kOk, kNote, kFail };

struct Finding {
  std::string check;  ///< Its name, which does not change from one version to the next.
  Verdict verdict = Verdict::kOk;
  std::string seen;
  std::string meaning = {};  ///< What follows for viewers or the origin; empty where it is ok.
  std::string remedy = {};   ///< What to change.
};

/// One for each check, in the order of docs/cdn.md.
std::vector<Finding> judge(const Evidence& evidence);

// The checks of reloads (judge_reloads.cpp) and of headers (judge_headers.cpp) one by one.
Finding judge_held(const Evidence& evidence);
Finding judge_long_hold(const Evidence& evidence);
Finding judge_key(const Evidence& evidence);
Finding judge_other_arguments(const Evidence& evidence);
Finding judge_coalesced(const Evidence& evidence);
Finding judge_hint(const Evidence& evidence);
Finding judge_stale(const Evidence& evidence);
Finding judge_latency(const Evidence& evidence);

Finding judge_playlist_lifetime(const Evidence& evidence);
Finding judge_reload_lifetime(const Evidence& evidence);
Finding judge_media_lifetime(const Evidence& evidence);
Finding judge_passed_on(const Evidence& evidence);
Finding judge_age(const Evidence& evidence);
Finding judge_errors(const Evidence& evidence);
Finding judge_cookies(const Evidence& evidence);
Finding judge_ranges(const Evidence& evidence);
Finding judge_compression(const Evidence& evidence);
Finding judge_conditional(const Evidence& evidence);
Finding judge_cors(const Evidence& evidence);
Finding judge_http2(const Evidence& evidence);

}  // namespace millrace::app::cdn_check
