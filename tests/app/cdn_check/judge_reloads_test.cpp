#include "app/cdn_check/judgement.h"
#include "tests/app/cdn_check/made_up_channel.h"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using namespace millrace::app::cdn_check;
using millrace::test::good_evidence;
using millrace::test::playlist_text;
using millrace::test::set_header;

namespace {

void fail_with(Observation& seen, int status, double after) {
  seen.status = status;
  seen.body = "error\n";
  seen.waited = Seconds(after);
}

bool mentions(const Finding& finding, std::string_view words) {
  return (finding.seen + finding.meaning + finding.remedy).find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("what a good cache gave passes every check", "[cdn_check]") {
  const auto findings = judge(good_evidence());
  CHECK(findings.size() == 21);
  for (const Finding& finding : findings) {
    CAPTURE(finding.check, finding.seen);
    CHECK(finding.verdict == Verdict::kOk);
    CHECK(finding.remedy.empty());
    CHECK_FALSE(finding.seen.empty());
  }
}

TEST_CASE("a cache that gives up on reloads does not hold", "[cdn_check]") {
  auto evidence = good_evidence();
  fail_with(evidence.followed[2].seen, 504, 0.1);
  const Finding finding = judge_held(evidence);
  CHECK(finding.verdict == Verdict::kFail);
  CHECK(mentions(finding, "?_HLS_msn=20&_HLS_part=5: status 504 after 0.10 s"));
  CHECK(mentions(finding, "three target durations (6 s)"));
  evidence = good_evidence();
  evidence.followed[2].seen.failure = "no reply in time";
  CHECK(judge_held(evidence).verdict == Verdict::kFail);
}

TEST_CASE("a reload that is answered early is not held", "[cdn_check]") {
  auto evidence = good_evidence();
  evidence.followed[2].seen.body = evidence.followed[1].seen.body;
  CHECK(judge_held(evidence).verdict == Verdict::kFail);
  evidence = good_evidence();
  for (Reload& reload : evidence.followed) reload.seen.waited = Seconds(0.001);
  CHECK(judge_held(evidence).verdict == Verdict::kFail);
  CHECK(mentions(judge_held(evidence), "none of 5 reloads"));
}

TEST_CASE("a cache that cannot wait for a segment fails the long hold", "[cdn_check]") {
  auto evidence = good_evidence();
  fail_with(evidence.long_hold.seen, 504, 1.0);
  CHECK(judge_long_hold(evidence).verdict == Verdict::kFail);
  CHECK(mentions(judge_long_hold(evidence), "status 504 after 1.00 s"));
  evidence.long_hold.seen = good_evidence().long_hold.seen;
  evidence.long_hold.seen.body = playlist_text(23, 4);
  CHECK(judge_long_hold(evidence).verdict == Verdict::kFail);
}

TEST_CASE("a refusal that is kept for too long is told apart from a timeout", "[cdn_check]") {
  auto evidence = good_evidence();
  fail_with(evidence.long_hold.seen, 400, 0.01);
  CHECK(judge_long_hold(evidence).verdict == Verdict::kFail);
  CHECK(mentions(judge_long_hold(evidence), "for a second at most"));
}

TEST_CASE("a key without the delivery directives gives answers of others", "[cdn_check]") {
  auto evidence = good_evidence();
  evidence.followed[0].seen.body = evidence.plain.body;
  CHECK(judge_key(evidence).verdict == Verdict::kFail);
  evidence = good_evidence();
  evidence.delta.seen.body = playlist_text(20, 8);
  CHECK(judge_key(evidence).verdict == Verdict::kFail);
  evidence = good_evidence();
  evidence.full.seen.body = playlist_text(20, 9, true);
  CHECK(judge_key(evidence).verdict == Verdict::kFail);
  evidence = good_evidence();
  fail_with(evidence.delta.seen, 502, 0.1);
  CHECK(judge_key(evidence).verdict == Verdict::kFail);
  evidence.can_skip = false;
  CHECK(judge_key(evidence).verdict == Verdict::kOk);
}

TEST_CASE("arguments of nobody's are no way past the cache", "[cdn_check]") {
  auto evidence = good_evidence();
  set_header(evidence.with_other_argument, "x-cache", "MISS");
  CHECK(judge_other_arguments(evidence).verdict == Verdict::kNote);
  fail_with(evidence.with_other_argument, 403, 0.1);
  CHECK(judge_other_arguments(evidence).verdict == Verdict::kFail);
}

TEST_CASE("requests at once that are all fetched are not coalesced", "[cdn_check]") {
  auto evidence = good_evidence();
  for (Reload& reload : evidence.crowd) set_header(reload.seen, "x-cache", "MISS");
  CHECK(judge_coalesced(evidence).verdict == Verdict::kFail);
  CHECK(mentions(judge_coalesced(evidence), "0 from the cache, 8 fetched"));
}

TEST_CASE("requests at once with answers that differ are not coalesced", "[cdn_check]") {
  auto evidence = good_evidence();
  evidence.crowd[3].seen.body = playlist_text(21, 0);
  CHECK(judge_coalesced(evidence).verdict == Verdict::kFail);
  // Rendition reports may be newer.
  evidence = good_evidence();
  auto& body = evidence.crowd[3].seen.body;
  body.replace(body.find("LAST-PART=0"), 11, "LAST-PART=1");
  CHECK(judge_coalesced(evidence).verdict == Verdict::kOk);
}

TEST_CASE("one of a crowd that is turned away is told", "[cdn_check]") {
  auto evidence = good_evidence();
  fail_with(evidence.crowd[5].seen, 503, 0.1);
  CHECK(judge_coalesced(evidence).verdict == Verdict::kFail);
  CHECK(mentions(judge_coalesced(evidence), "status 503"));
}

TEST_CASE("how long a crowd is late decides by PART-HOLD-BACK", "[cdn_check]") {
  auto evidence = good_evidence();
  evidence.crowd[5].seen.answered_at += 500ms;
  CHECK(judge_coalesced(evidence).verdict == Verdict::kNote);
  evidence.crowd[5].seen.answered_at += 200ms;
  CHECK(judge_coalesced(evidence).verdict == Verdict::kFail);
}

TEST_CASE("without a word of a cache coalescing cannot be seen", "[cdn_check]") {
  auto evidence = good_evidence();
  for (Reload& reload : evidence.crowd) set_header(reload.seen, "x-cache", "");
  CHECK(judge_coalesced(evidence).verdict == Verdict::kNote);
}

TEST_CASE("a hinted part that is refused, cut or late fails", "[cdn_check]") {
  auto evidence = good_evidence();
  fail_with(evidence.hinted[1], 404, 0.01);
  CHECK(judge_hint(evidence).verdict == Verdict::kFail);
  evidence = good_evidence();
  evidence.hinted_again.body = "the";
  CHECK(judge_hint(evidence).verdict == Verdict::kFail);
  evidence = good_evidence();
  evidence.hinted[0].body.clear();
  CHECK(judge_hint(evidence).verdict == Verdict::kFail);
  evidence = good_evidence();
  evidence.hinted[0].answered_at += 1s;
  CHECK(judge_hint(evidence).verdict == Verdict::kFail);
  CHECK(mentions(judge_hint(evidence), "1.00 s later"));
  evidence = good_evidence();
  evidence.hinted.clear();
  CHECK(judge_hint(evidence).verdict == Verdict::kFail);
}

TEST_CASE("a playlist that is far behind is stale", "[cdn_check]") {
  auto evidence = good_evidence();
  evidence.late_plain.body = playlist_text(18, 0);
  CHECK(judge_stale(evidence).verdict == Verdict::kFail);
  CHECK(mentions(judge_stale(evidence), "5.60 s behind"));
  evidence.late_plain.body = playlist_text(19, 4);
  CHECK(judge_stale(evidence).verdict == Verdict::kNote);
  fail_with(evidence.late_plain, 502, 0.1);
  CHECK(judge_stale(evidence).verdict == Verdict::kFail);
}

TEST_CASE("a cache is compared with the origin where there is one", "[cdn_check]") {
  auto evidence = good_evidence();
  evidence.beside_origin->cache.seen.answered_at += 300ms;
  CHECK(judge_latency(evidence).verdict == Verdict::kNote);
  evidence.beside_origin->cache.seen.answered_at += 400ms;
  CHECK(judge_latency(evidence).verdict == Verdict::kFail);
  CHECK(mentions(judge_latency(evidence), "700 ms later"));
  fail_with(evidence.beside_origin->origin.seen, 404, 0.01);
  CHECK(judge_latency(evidence).verdict == Verdict::kFail);
  evidence.beside_origin.reset();
  CHECK(judge_latency(evidence).verdict == Verdict::kOk);
}
