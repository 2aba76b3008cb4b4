#include "app/report_teller.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/fake_clock.h"

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::app;
using Severity = ingest::Finding::Severity;

namespace {

struct FakeClient final : net::HttpClient {
  std::vector<net::HttpClientRequest> asked;
  std::vector<Handler> handlers;
  void request(net::HttpClientRequest request, Handler on_reply) override {
    asked.push_back(std::move(request));
    handlers.push_back(std::move(on_reply));
  }
  void stop() override {}
  void reply(int status) { handlers.back()(net::HttpClientReply{.status = status, .body = {}}); }
};

ReportTeller::Findings findings(const std::vector<std::pair<std::string, Severity>>& codes) {
  std::vector<ingest::Finding> made;
  for (const auto& [code, severity] : codes) {
    ingest::Finding finding;
    finding.code = code;
    finding.severity = severity;
    finding.text = "It is so.";
    made.push_back(std::move(finding));
  }
  return std::make_shared<const std::vector<ingest::Finding>>(std::move(made));
}

struct Fixture {
  FakeClient client;
  Metrics metrics;
  test::FakeClock clock;
  EventsConfig events{.url = "http://127.0.0.1/hook", .secret = "correct-horse", .ca_file = {}};
  ReportTeller teller{"shop", events, &client, metrics, clock};

  void tick(const ReportTeller::Findings& report) {
    clock.advance(11s);
    teller.tick(report);
  }
};

}  // namespace

TEST_CASE("a report is told when it says something, something else, and nothing any more",
          "[report_teller]") {
  Fixture f;
  f.tick(findings({}));
  CHECK(f.client.asked.empty());
  f.tick(findings({{"silent", Severity::kProblem}}));
  REQUIRE(f.client.asked.size() == 1);
  const auto body = nlohmann::json::parse(f.client.asked[0].body);
  CHECK(body["event"] == "report");
  CHECK(body["channel"] == "shop");
  CHECK(body["findings"][0]["code"] == "silent");
  CHECK(body["findings"][0]["severity"] == "problem");
  CHECK(f.client.asked[0].headers.back().first == "Millrace-Signature");
  f.client.reply(204);
  f.tick(findings({{"silent", Severity::kProblem}}));  // The same, with other figures.
  CHECK(f.client.asked.size() == 1);
  f.tick(findings({{"silent", Severity::kWarning}}));
  CHECK(f.client.asked.size() == 2);
  f.client.reply(200);
  f.tick(findings({}));
  REQUIRE(f.client.asked.size() == 3);
  CHECK(nlohmann::json::parse(f.client.asked[2].body)["findings"].empty());
}

TEST_CASE("a report that flaps is told every ten seconds at most", "[report_teller]") {
  Fixture f;
  f.clock.advance(1min);
  for (int i = 0; i < 250; ++i) {
    f.clock.advance(100ms);
    f.teller.tick(findings({{i % 2 ? "silent" : "no_audio", Severity::kWarning}}));
    if (!f.client.handlers.empty()) f.client.reply(200);
  }
  CHECK(f.client.asked.size() == 3);
}

TEST_CASE("a report that was not taken is told again", "[report_teller]") {
  Fixture f;
  const auto report = findings({{"silent", Severity::kProblem}});
  f.tick(report);
  f.client.reply(503);
  f.clock.advance(5s);
  f.teller.tick(report);
  CHECK(f.client.asked.size() == 1);
  f.tick(report);
  CHECK(f.client.asked.size() == 2);
  f.client.reply(200);
  f.tick(report);
  CHECK(f.client.asked.size() == 2);
}

TEST_CASE("without a server for events nothing is told", "[report_teller]") {
  Fixture f;
  ReportTeller teller("shop", f.events, nullptr, f.metrics, f.clock);
  teller.tick(findings({{"silent", Severity::kProblem}}));
  CHECK(f.client.asked.empty());
}
