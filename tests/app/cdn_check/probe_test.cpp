#include "app/cdn_check/probe.h"

#include <algorithm>
#include <charconv>

#include "app/cdn_check/judgement.h"
#include "tests/app/cdn_check/made_up_channel.h"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::app::cdn_check;
using millrace::test::kPartsOfASegment;
using millrace::test::playlist_text;

namespace {

/// A channel and a cache in front of it, in which time passes by requests that wait.
class FakeEdge final : public net::HttpClient {
 public:
  bool ignores_arguments = false;
  bool has_ended = false;
  bool redirects = false;
  bool gives_up = false;  ///< On what waits for a segment.
  std::vector<std::string> asked;

  void request(net::HttpClientRequest request, Handler on_reply) override {
    asked.push_back(request.url);
    on_reply(answer(request));
  }
  void stop() override {}

 private:
  static std::optional<std::uint64_t> argument(const std::string& url, std::string_view name) {
    const auto at = url.find(name);
    if (at == std::string::npos) return std::nullopt;
    std::uint64_t value = 0;
    std::from_chars(url.data() + at + name.size(), url.data() + url.size(), value);
    return value;
  }

  void advance() {
    if (++parts_ < kPartsOfASegment) return;
    parts_ = 0;
    ++segment_;
  }

  net::HttpClientReply answer(const net::HttpClientRequest& request) {
    now_ += 1ms;
    const std::string& url = request.url;
    net::HttpClientReply reply{.status = 200, .headers = {}, .body = {}};
    reply.http_version = 20;
    reply.headers = {{"access-control-allow-origin", "*"}, {"etag", "\"e\""}, {"age", "0"}};
    reply.headers.emplace_back("x-cache", std::exchange(last_url_, url) == url ? "HIT" : "MISS");
    const auto has = [&](std::string_view name, std::string_view value) {
      return std::any_of(request.headers.begin(), request.headers.end(), [&](const auto& h) {
        return h.first == name && h.second.find(value) != std::string::npos;
      });
    };
    const bool is_playlist = url.find("index.m3u8") != std::string::npos;
    reply.headers.emplace_back("cache-control", is_playlist ? "max-age=2" : "max-age=3600");
    if (redirects) {
      reply.status = 302;
      reply.headers.emplace_back("location", "/s/token/index.m3u8");
    } else if (url.find("master.m3u8") != std::string::npos) {
      reply.headers.back().second = "max-age=1";
      reply.body = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv/index.m3u8\n";
    } else if (is_playlist) {
      answer_playlist(url, reply);
      if (has("Accept-Encoding", "gzip")) reply.headers.emplace_back("content-encoding", "gzip");
    } else if (url.find("no-such") != std::string::npos) {
      reply.status = 404;
      reply.headers.back().second = "max-age=1";
    } else if (has("Range", "bytes=100-199")) {
      reply.status = 206;
      reply.headers.emplace_back("content-range", "bytes 100-199/300");
      reply.body = std::string(100, 'm');
    } else if (has("If-None-Match", "\"e\"")) {
      reply.status = 304;
    } else {
      reply.body = std::string(300, 'm');
    }
    reply.answered_at = now_;
    return reply;
  }

  void answer_playlist(const std::string& url, net::HttpClientReply& reply) {
    const auto segment = argument(url, "_HLS_msn=");
    const auto part = argument(url, "_HLS_part=");
    if (segment && !ignores_arguments) {
      if (*segment > segment_ + 1) {
        reply.status = 400;
        reply.headers.back().second = "max-age=1";
        return;
      }
      if (!part && gives_up) {
        reply.status = 504;
        return;
      }
      const auto is_there = [&] {
        return segment_ > *segment || (part && segment_ == *segment && parts_ > *part);
      };
      for (; !is_there(); reply.waited += 200ms) advance();
      now_ += reply.waited;
    }
    reply.body = playlist_text(segment_, parts_, url.find("_HLS_skip=YES") != std::string::npos);
    if (has_ended) reply.body += "#EXT-X-ENDLIST\n";
  }

  std::uint64_t segment_ = 100, parts_ = 3;
  std::string last_url_;
  std::chrono::steady_clock::time_point now_{};
};

std::vector<std::string> failed(const Evidence& evidence) {
  std::vector<std::string> names;
  for (const Finding& finding : judge(evidence))
    if (finding.verdict == Verdict::kFail) names.push_back(finding.check);
  return names;
}

const Target kTarget{.url = "https://edge.example/live/master.m3u8?token=1",
                     .origin = "https://origin.example/live/master.m3u8",
                     .ca_file = {}};

}  // namespace

TEST_CASE("a good cache is looked at in every way and passes", "[cdn_check]") {
  FakeEdge edge;
  const auto evidence = observe(edge, kTarget);
  REQUIRE(evidence.has_value());
  CHECK(failed(evidence.value()) == std::vector<std::string>{});
  CHECK(evidence.value().target.count() == 2);
  CHECK(evidence.value().refused.status == 400);
  CHECK(evidence.value().long_hold.seen.url == evidence.value().refused.url);
  CHECK(evidence.value().crowd.size() == 8);
  CHECK(evidence.value().followed.size() > 10);
  const auto is_asked = [&](std::string_view piece) {
    return std::any_of(edge.asked.begin(), edge.asked.end(),
                       [&](const auto& url) { return url.find(piece) != std::string::npos; });
  };
  CHECK(is_asked("https://edge.example/live/v/index.m3u8?_HLS_msn="));
  CHECK(is_asked("https://origin.example/live/v/index.m3u8?_HLS_msn="));
  CHECK(is_asked("_HLS_skip=YES"));
  CHECK(is_asked("/live/v/init.mp4"));
}

TEST_CASE("a cache without arguments in its key is found out, and not asked for ever",
          "[cdn_check]") {
  FakeEdge edge;
  edge.ignores_arguments = true;
  const auto evidence = observe(edge, kTarget);
  REQUIRE(evidence.has_value());
  const auto names = failed(evidence.value());
  CHECK(std::find(names.begin(), names.end(), "key") != names.end());
  CHECK(edge.asked.size() < 60);
}

TEST_CASE("a cache that gives up on a segment is found out", "[cdn_check]") {
  FakeEdge edge;
  edge.gives_up = true;
  const auto evidence = observe(edge, kTarget);
  REQUIRE(evidence.has_value());
  CHECK(failed(evidence.value()) == std::vector<std::string>{"long-hold"});
}

TEST_CASE("a show that has ended cannot be checked", "[cdn_check]") {
  FakeEdge edge;
  edge.has_ended = true;
  const auto evidence = observe(edge, kTarget);
  REQUIRE_FALSE(evidence.has_value());
  CHECK(evidence.error().message == "the show has ended: it must be live");
}

TEST_CASE("a redirect is told and not followed", "[cdn_check]") {
  FakeEdge edge;
  edge.redirects = true;
  const auto evidence = observe(edge, kTarget);
  REQUIRE_FALSE(evidence.has_value());
  CHECK(evidence.error().message == "it redirects to /s/token/index.m3u8: give that URL");
  CHECK(edge.asked.size() == 1);
}

TEST_CASE("a playlist's own query stays before the directives", "[cdn_check]") {
  FakeEdge edge;
  const auto evidence = observe(
      edge, {.url = "https://edge.example/index.m3u8?token=1", .origin = {}, .ca_file = {}});
  REQUIRE(evidence.has_value());
  CHECK(evidence.value().followed.front().seen.url.starts_with(
      "https://edge.example/index.m3u8?token=1&_HLS_msn="));
  CHECK_FALSE(evidence.value().beside_origin);
}
