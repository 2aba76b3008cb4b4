#include "app/cdn_check/judgement.h"
#include "tests/app/cdn_check/made_up_channel.h"

#include <catch2/catch.hpp>

using namespace millrace::app::cdn_check;
using millrace::test::good_evidence;
using millrace::test::set_header;

TEST_CASE("a playlist that is kept for too long or not at all fails", "[cdn_check]") {
  const auto verdict = [](const std::string& control) {
    auto evidence = good_evidence();
    set_header(evidence.plain, "cache-control", control);
    return judge_playlist_lifetime(evidence).verdict;
  };
  CHECK(verdict("max-age=1") == Verdict::kOk);
  CHECK(verdict("max-age=2") == Verdict::kOk);
  CHECK(verdict("max-age=3") == Verdict::kNote);
  CHECK(verdict("max-age=10") == Verdict::kFail);
  CHECK(verdict("max-age=1, s-maxage=60") == Verdict::kFail);
  CHECK(verdict("no-store") == Verdict::kFail);
  CHECK(verdict("") == Verdict::kFail);
  auto evidence = good_evidence();
  set_header(*evidence.multivariant, "cache-control", "max-age=600");
  CHECK(judge_playlist_lifetime(evidence).verdict == Verdict::kFail);
}

TEST_CASE("reloads must be kept", "[cdn_check]") {
  auto evidence = good_evidence();
  set_header(evidence.followed[1].seen, "cache-control", "no-store");
  CHECK(judge_reload_lifetime(evidence).verdict == Verdict::kFail);
  set_header(evidence.followed[1].seen, "cache-control", "max-age=1");
  CHECK(judge_reload_lifetime(evidence).verdict == Verdict::kNote);
}

TEST_CASE("media must be there and be kept", "[cdn_check]") {
  auto evidence = good_evidence();
  set_header(evidence.segment, "cache-control", "private");
  CHECK(judge_media_lifetime(evidence).verdict == Verdict::kFail);
  set_header(evidence.segment, "cache-control", "max-age=6");
  CHECK(judge_media_lifetime(evidence).verdict == Verdict::kNote);
  evidence = good_evidence();
  evidence.init.status = 403;
  CHECK(judge_media_lifetime(evidence).verdict == Verdict::kFail);
}

TEST_CASE("headers that the cache changes are noted", "[cdn_check]") {
  auto evidence = good_evidence();
  set_header(*evidence.origin_plain, "cache-control", "public, max-age=2");
  CHECK(judge_passed_on(evidence).verdict == Verdict::kNote);
  evidence.origin_plain->status = 404;
  CHECK(judge_passed_on(evidence).verdict == Verdict::kFail);
  evidence.origin_plain.reset();
  CHECK(judge_passed_on(evidence).verdict == Verdict::kOk);
}

TEST_CASE("what is older than its lifetime fails", "[cdn_check]") {
  auto evidence = good_evidence();
  set_header(evidence.late_plain, "age", "7");
  CHECK(judge_age(evidence).verdict == Verdict::kFail);
  set_header(evidence.late_plain, "age", "1");
  CHECK(judge_age(evidence).verdict == Verdict::kOk);
}

TEST_CASE("a cache without Age is noted", "[cdn_check]") {
  auto evidence = good_evidence();
  const auto strip = [](Observation& seen) {
    std::erase_if(seen.headers, [](const auto& field) { return field.first == "age"; });
  };
  for (auto* seen :
       {&*evidence.multivariant, &evidence.plain, &evidence.compressed, &evidence.uncompressed,
        &evidence.late_plain, &evidence.long_hold.seen, &evidence.delta.seen, &evidence.full.seen,
        &evidence.with_other_argument, &evidence.lists_hinted.seen, &evidence.hinted_again,
        &evidence.init, &evidence.segment, &evidence.range})
    strip(*seen);
  for (auto* reloads : {&evidence.followed, &evidence.crowd})
    for (Reload& reload : *reloads) strip(reload.seen);
  for (Observation& seen : evidence.hinted) strip(seen);
  CHECK(judge_age(evidence).verdict == Verdict::kNote);
}

TEST_CASE("errors are the origin's and are not kept", "[cdn_check]") {
  auto evidence = good_evidence();
  set_header(evidence.missing, "cache-control", "max-age=60");
  CHECK(judge_errors(evidence).verdict == Verdict::kFail);
  evidence = good_evidence();
  set_header(evidence.refused, "cache-control", "max-age=60");
  CHECK(judge_errors(evidence).verdict == Verdict::kFail);
  evidence = good_evidence();
  evidence.missing.status = 200;
  CHECK(judge_errors(evidence).verdict == Verdict::kFail);
  evidence.missing.status = 404;
  evidence.missing.waited = Seconds(5);
  CHECK(judge_errors(evidence).verdict == Verdict::kFail);
  evidence = good_evidence();
  evidence.refused.status = 200;
  CHECK(judge_errors(evidence).verdict == Verdict::kFail);
}

TEST_CASE("a cookie anywhere fails", "[cdn_check]") {
  for (auto pick : {+[](Evidence& e) { return &e.plain; }, +[](Evidence& e) { return &e.missing; },
                    +[](Evidence& e) { return &e.crowd[4].seen; },
                    +[](Evidence& e) { return &e.not_modified; }}) {
    auto evidence = good_evidence();
    set_header(*pick(evidence), "set-cookie", "AWSALB=1");
    CHECK(judge_cookies(evidence).verdict == Verdict::kFail);
  }
}

TEST_CASE("ranges are exact", "[cdn_check]") {
  auto evidence = good_evidence();
  evidence.range.status = 200;
  CHECK(judge_ranges(evidence).verdict == Verdict::kFail);
  evidence = good_evidence();
  evidence.range.body[0] = 'x';
  CHECK(judge_ranges(evidence).verdict == Verdict::kFail);
  evidence = good_evidence();
  set_header(evidence.range, "content-range", "bytes 0-99/201");
  CHECK(judge_ranges(evidence).verdict == Verdict::kFail);
  evidence = good_evidence();
  evidence.segment.body.clear();
  CHECK(judge_ranges(evidence).verdict == Verdict::kFail);
}

TEST_CASE("playlists are compressed for who accepts it, media never", "[cdn_check]") {
  auto evidence = good_evidence();
  set_header(evidence.compressed, "content-encoding", "");
  CHECK(judge_compression(evidence).verdict == Verdict::kFail);
  evidence = good_evidence();
  set_header(evidence.uncompressed, "content-encoding", "gzip");
  CHECK(judge_compression(evidence).verdict == Verdict::kFail);
  evidence = good_evidence();
  set_header(evidence.segment, "content-encoding", "br");
  CHECK(judge_compression(evidence).verdict == Verdict::kFail);
}

TEST_CASE("an ETag passes and is answered with 304", "[cdn_check]") {
  auto evidence = good_evidence();
  evidence.not_modified.status = 200;
  CHECK(judge_conditional(evidence).verdict == Verdict::kFail);
  std::erase_if(evidence.segment.headers, [](const auto& field) { return field.first == "etag"; });
  CHECK(judge_conditional(evidence).verdict == Verdict::kFail);
}

TEST_CASE("pages of other hosts may read everything", "[cdn_check]") {
  auto evidence = good_evidence();
  set_header(evidence.hinted[0], "access-control-allow-origin", "https://other.example");
  CHECK(judge_cors(evidence).verdict == Verdict::kFail);
  set_header(evidence.hinted[0], "access-control-allow-origin", kPageOrigin);
  CHECK(judge_cors(evidence).verdict == Verdict::kOk);
  set_header(evidence.refused, "access-control-allow-origin", "");
  CHECK(judge_cors(evidence).verdict == Verdict::kNote);
}

TEST_CASE("HTTP/2 is asked for over TLS alone", "[cdn_check]") {
  auto evidence = good_evidence();
  evidence.plain.http_version = 11;
  CHECK(judge_http2(evidence).verdict == Verdict::kFail);
  evidence.plain.url = "http://edge/index.m3u8";
  CHECK(judge_http2(evidence).verdict == Verdict::kNote);
}
