// create_webhook_authority() of ingest/ingest.h.
#include <deque>
#include <nlohmann/json.hpp>

#include "ingest/auth/breaker.h"
#include "ingest/auth/verdict_cache.h"
#include "ingest/ingest.h"
#include "net/digest.h"
#include "net/http_client.h"
#include "tests/support/fake_clock.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::ingest;

namespace {

struct FakeClient final : net::HttpClient {
  struct Asked {
    net::HttpClientRequest request;
    Handler on_reply;
  };
  std::deque<Asked> asked;

  void request(net::HttpClientRequest request, Handler on_reply) override {
    asked.push_back({std::move(request), std::move(on_reply)});
  }
  void stop() override {
    while (!asked.empty()) reply(Error{ErrorCode::kClosed, "the server stops"});
  }
  void reply(Result<net::HttpClientReply> result) {
    const Asked first = std::move(asked.front());
    asked.pop_front();
    first.on_reply(std::move(result));
  }
  void reply(int status, const std::string& body) {
    reply(net::HttpClientReply{.status = status, .body = body});
  }
};

struct Fixture {
  FakeClient client;
  Metrics metrics;
  test::FakeClock clock;
  std::unique_ptr<Authority> webhook;

  explicit Fixture(WhenDown when_down = WhenDown::kAllowKnown) {
    webhook = create_webhook_authority({.url = "http://127.0.0.1/hook",
                                        .secret = "correct-horse",
                                        .when_down = when_down,
                                        .ladders = {"small"}},
                                       client, metrics, clock);
  }

  /// One publisher's question and, once there is one, its answer.
  struct Question {
    std::optional<Result<Grant>> answer;
    bool is_let_in() const { return answer && answer->has_value(); }
    bool is_denied() const {
      return answer && !answer->has_value() && answer->error().code == ErrorCode::kDenied;
    }
    bool has_failed() const {
      return answer && !answer->has_value() && answer->error().code != ErrorCode::kDenied;
    }
  };
  std::shared_ptr<Question> ask(const std::string& key, const std::string& protocol = "rtmp") {
    auto question = std::make_shared<Question>();
    webhook->authorize({.protocol = protocol,
                        .key = key,
                        .application = "live",
                        .remote_address = "192.0.2.7:5000"},
                       [question](Result<Grant> answer) {
                         REQUIRE_FALSE(question->answer.has_value());
                         question->answer.emplace(std::move(answer));
                       });
    return question;
  }
  /// Asks and gives the webhook's reply to it.
  std::shared_ptr<Question> ask_and_reply(const std::string& key, int status,
                                          const std::string& body) {
    auto question = ask(key);
    REQUIRE(client.asked.size() == 1);
    client.reply(status, body);
    return question;
  }
  double counted(const std::string& outcome) {
    return metrics.counter("millrace_auth_webhook_requests_total", "", {{"outcome", outcome}})
        .value();
  }
};

const std::string kYes = R"({"allow":true,"channel":"shop"})";
const std::string kNo = R"({"allow":false,"reason":"the show is over"})";
const Result<net::HttpClientReply> kNoReply = Error{ErrorCode::kTimedOut, "no reply in time"};

}  // namespace

TEST_CASE("the webhook is told who wants to publish what, signed", "[webhook]") {
  Fixture f;
  f.ask("shop?token=a%20b", "srt");
  REQUIRE(f.client.asked.size() == 1);
  const auto& request = f.client.asked.front().request;
  const auto body = nlohmann::json::parse(request.body);
  CHECK(body["event"] == "publish");
  CHECK(body["protocol"] == "srt");
  CHECK(body["remote_address"] == "192.0.2.7:5000");
  CHECK(body["key"] == "shop?token=a%20b");
  CHECK(body["name"] == "shop");
  CHECK(body["parameters"]["token"] == "a b");
  CHECK(body["time"].get<std::string>().ends_with("Z"));
  const auto seconds = std::chrono::floor<std::chrono::seconds>(f.clock.wall_now()).count();
  const std::string expected =
      "t=" + std::to_string(seconds) + ",v1=" +
      net::to_hex(net::hmac_sha256("correct-horse", std::to_string(seconds) + "." + request.body));
  std::string signature;
  for (const auto& [name, value] : request.headers)
    if (name == "Millrace-Signature") signature = value;
  CHECK(signature == expected);
  f.client.stop();
}

TEST_CASE("text that is no UTF-8 does no harm to a question", "[webhook]") {
  Fixture f;
  f.ask("shop\xff\xfe");
  REQUIRE(f.client.asked.size() == 1);
  CHECK(nlohmann::json::accept(f.client.asked.front().request.body));
  f.client.stop();
}

TEST_CASE("the webhook lets in to the channel that it names, else to that of the key",
          "[webhook]") {
  Fixture f;
  const auto named = f.ask_and_reply("opaque-1F", 200, R"({"allow":true,"channel":"shop"})");
  REQUIRE(named->is_let_in());
  CHECK(named->answer->value().channel == "shop");
  const auto own = f.ask_and_reply("farm?token=1", 200, R"({"allow":true})");
  REQUIRE(own->is_let_in());
  CHECK(own->answer->value().channel == "farm");
  // A bare key would stand in the channel's URL.
  CHECK(f.ask_and_reply("s3cret", 200, R"({"allow":true})")->has_failed());
  CHECK(f.counted("allowed") == 2);
}

TEST_CASE("the webhook's no is a denial with its reason", "[webhook]") {
  Fixture f;
  const auto denied = f.ask_and_reply("shop", 200, kNo);
  REQUIRE(denied->is_denied());
  CHECK(denied->answer->error().message == "the show is over");
  CHECK(f.counted("denied") == 1);
  const auto echoed =
      f.ask_and_reply("s3cret", 200, R"({"allow":false,"reason":"no s3cret here"})");
  CHECK(echoed->answer->error().message == "the key is not accepted");
}

TEST_CASE("an answer of the webhook stands for its time, for that key over that protocol",
          "[webhook]") {
  Fixture f;
  f.ask_and_reply("shop", 200, R"({"allow":true,"channel":"shop","cache_seconds":60})");
  f.clock.advance(59s);
  CHECK(f.ask("shop")->is_let_in());
  CHECK(f.client.asked.empty());
  f.ask("shop", "srt");
  CHECK(f.client.asked.size() == 1);
  f.client.reply(200, kYes);
  f.clock.advance(1s);
  f.ask("shop");
  CHECK(f.client.asked.size() == 1);
  f.client.reply(200, kNo);
  CHECK(f.ask("shop")->is_denied());  // For five seconds.
  f.clock.advance(5s);
  f.ask("shop");
  CHECK(f.client.asked.size() == 1);
  f.client.stop();
}

TEST_CASE("publishers that ask the same at the same time are one question", "[webhook]") {
  Fixture f;
  std::vector<std::shared_ptr<Fixture::Question>> questions;
  for (int i = 0; i < 101; ++i) questions.push_back(f.ask("shop"));
  CHECK(f.client.asked.size() == 1);
  CHECK(questions.back()->has_failed());  // Past a hundred.
  questions.pop_back();
  f.client.reply(200, kYes);
  for (const auto& question : questions) CHECK(question->is_let_in());
}

TEST_CASE("while the webhook is down it lets in whom it let in before", "[webhook]") {
  Fixture f;
  f.ask_and_reply("shop", 200, R"({"allow":true,"channel":"shop","ladder":"small"})");
  f.clock.advance(1h);
  const auto known = f.ask("shop");
  f.client.reply(kNoReply);
  REQUIRE(known->is_let_in());
  CHECK(known->answer->value().ladder == "small");
  const auto unknown = f.ask("farm");
  f.client.reply(kNoReply);
  CHECK(unknown->has_failed());
  f.clock.advance(24h);
  const auto forgotten = f.ask("shop");
  f.client.reply(kNoReply);
  CHECK(forgotten->has_failed());
  CHECK(f.counted("down") == 3);
}

TEST_CASE("whom the webhook refused is not known any more", "[webhook]") {
  Fixture f;
  f.ask_and_reply("shop", 200, kYes);
  f.clock.advance(1h);
  f.ask_and_reply("shop", 200, kNo);
  f.clock.advance(1h);
  const auto question = f.ask("shop");
  f.client.reply(kNoReply);
  CHECK(question->has_failed());
}

TEST_CASE("with deny nobody is let in while the webhook is down", "[webhook]") {
  Fixture f(WhenDown::kDeny);
  f.ask_and_reply("shop", 200, kYes);
  f.clock.advance(1h);
  const auto question = f.ask("shop");
  f.client.reply(503, kYes);
  CHECK(question->has_failed());
}

TEST_CASE("a webhook that does not answer is left alone for a while, then asked once",
          "[webhook]") {
  Fixture f;
  for (int i = 0; i < 5; ++i) {
    f.ask("shop-" + std::to_string(i));
    f.client.reply(kNoReply);
  }
  CHECK(f.metrics.text().find("millrace_auth_webhook_breaker_open 1") != std::string::npos);
  CHECK(f.ask("shop")->has_failed());
  CHECK(f.client.asked.empty());
  f.clock.advance(10s);
  const auto probe = f.ask("shop");
  CHECK(f.ask("farm")->has_failed());
  REQUIRE(f.client.asked.size() == 1);
  f.client.reply(200, kYes);
  CHECK(probe->is_let_in());
  f.ask("farm");
  CHECK(f.client.asked.size() == 1);
  f.client.stop();
}

TEST_CASE("questions for which there is no room do not count against the webhook", "[webhook]") {
  Fixture f;
  for (int i = 0; i < 10; ++i) {
    const auto question = f.ask("shop-" + std::to_string(i));
    f.client.reply(Error{ErrorCode::kLimitExceeded, "too many requests wait"});
    CHECK(question->has_failed());
  }
  f.ask("shop");
  CHECK(f.client.asked.size() == 1);
  f.client.stop();
}

TEST_CASE("a webhook that lies lets nobody in, not even whom it let in before", "[webhook]") {
  Fixture f;
  f.ask_and_reply("shop", 200, kYes);
  f.clock.advance(1h);
  for (const auto* lie : {"<html>", R"({"allow":true,"channel":"shop","ladder":"huge"})"})
    CHECK(f.ask_and_reply("shop", 200, lie)->has_failed());
  // No channel, neither in the reply nor in the key.
  CHECK(f.ask_and_reply("No Channel?x=1", 200, R"({"allow":true})")->has_failed());
  const auto flood = f.ask("shop");
  f.client.reply(Error{ErrorCode::kInvalidData, "the reply is too large"});
  CHECK(flood->has_failed());
  CHECK(f.counted("malformed") == 4);
}

TEST_CASE("when the server stops, those who wait for the webhook hear of it", "[webhook]") {
  Fixture f;
  const auto question = f.ask("shop");
  f.client.stop();
  REQUIRE(question->has_failed());
  CHECK(question->answer->error().code == ErrorCode::kClosed);
  CHECK(f.counted("down") == 0);
}

TEST_CASE("a cache of verdicts forgets the least used one first", "[webhook]") {
  VerdictCache<int> cache(2);
  const VerdictCache<int>::TimePoint now{};
  const auto question = [](int number) { return net::sha256(std::to_string(number)); };
  for (int i = 0; i < 2; ++i) cache.put(question(i), {i, now + 1s, now + 2s});
  REQUIRE(cache.find(question(0), now));
  cache.put(question(2), {2, now + 1s, now + 2s});
  CHECK(cache.find(question(0), now)->answer == 0);
  CHECK_FALSE(cache.find(question(1), now));
  CHECK(cache.size() == 2);
  CHECK_FALSE(cache.find(question(0), now + 2s));
  CHECK(cache.size() == 1);
}

TEST_CASE("a breaker whose probe fails waits again", "[webhook]") {
  Breaker breaker;
  Breaker::TimePoint now{};
  for (int i = 0; i < 4; ++i) breaker.failed(now);
  CHECK(breaker.may_ask(now));
  breaker.failed(now);
  CHECK_FALSE(breaker.may_ask(now));
  now += Breaker::kPause;
  CHECK(breaker.may_ask(now));
  CHECK_FALSE(breaker.may_ask(now));
  breaker.failed(now);
  CHECK_FALSE(breaker.may_ask(now));
  now += Breaker::kPause;
  CHECK(breaker.may_ask(now));
  breaker.succeeded();
  CHECK(breaker.may_ask(now));
  CHECK_FALSE(breaker.is_open());
}
