#include "net/http_exchange.h"

#include <catch2/catch.hpp>
#include <thread>

using millrace::Bytes;
using millrace::net::EventLoop;
using millrace::net::HttpAnswerTaker;
using millrace::net::HttpRequest;
using millrace::net::HttpResponse;
using millrace::net::PendingExchange;

namespace {

struct Taker final : HttpAnswerTaker {
  std::vector<HttpResponse> answers;

  void take_answer(HttpResponse response) override { answers.push_back(std::move(response)); }
};

/// An exchange whose loop's thread is the test's.
struct Fixture {
  EventLoop loop;
  std::shared_ptr<Taker> taker = std::make_shared<Taker>();
  std::shared_ptr<PendingExchange> exchange;

  Fixture() {
    loop.poll();
    exchange = std::make_shared<PendingExchange>(
        HttpRequest{.path = "/x", .query = {}, .headers = {}, .remote_address = {}}, loop, taker);
  }
};

HttpResponse answer(int status) {
  return {.status = status, .headers = {}, .body = {Bytes::copy_of("answer")}};
}

}  // namespace

TEST_CASE("an answer goes to where it is awaited, inside respond()", "[http]") {
  Fixture f;
  CHECK(f.exchange->request().path == "/x");
  CHECK(&f.exchange->loop() == &f.loop);
  f.exchange->respond(answer(206));
  REQUIRE(f.taker->answers.size() == 1);
  CHECK(f.taker->answers[0].status == 206);
  CHECK(f.taker->answers[0].body[0].text() == "answer");
  f.exchange.reset();
  CHECK(f.taker->answers.size() == 1);
}

TEST_CASE("the last who lets go of an unanswered exchange answers it 500", "[http]") {
  Fixture f;
  auto last = f.exchange;
  f.exchange.reset();
  CHECK(f.taker->answers.empty());
  last.reset();
  REQUIRE(f.taker->answers.size() == 1);
  CHECK(f.taker->answers[0].status == 500);
  CHECK(f.taker->answers[0].kind == "error");
}

TEST_CASE("an exchange dropped on another thread is answered on its loop, later", "[http]") {
  Fixture f;
  std::thread([&f] { f.exchange.reset(); }).join();
  CHECK(f.taker->answers.empty());
  f.loop.poll();
  REQUIRE(f.taker->answers.size() == 1);
  CHECK(f.taker->answers[0].status == 500);
}

TEST_CASE("an exchange that outlives its connection answers nobody", "[http]") {
  Fixture f;
  SECTION("by respond()") {
    f.taker.reset();
    f.exchange->respond(answer(200));
  }
  SECTION("by being dropped") {
    f.taker.reset();
    f.exchange.reset();
  }
  SECTION("by being dropped elsewhere, its connection going meanwhile") {
    std::thread([&f] { f.exchange.reset(); }).join();
    f.taker.reset();
  }
  f.loop.poll();
  SUCCEED("nothing was touched that has gone");
}

TEST_CASE("an abort runs its task once, and an answer is moot then", "[http]") {
  Fixture f;
  int aborts = 0;
  f.exchange->on_abort([&] { ++aborts; });
  f.exchange->abort();
  CHECK(aborts == 1);
  f.exchange->abort();
  f.exchange->respond(answer(200));
  f.exchange.reset();
  f.loop.poll();
  CHECK(aborts == 1);
  CHECK(f.taker->answers.empty());
}

TEST_CASE("a task that comes after the abort runs too, but not inside on_abort()", "[http]") {
  Fixture f;
  f.exchange->abort();
  int aborts = 0;
  f.exchange->on_abort([&] { ++aborts; });
  CHECK(aborts == 0);
  f.loop.poll();
  CHECK(aborts == 1);
}

TEST_CASE("an abort may come from inside the answer that it makes moot", "[http]") {
  // The connection breaks while it sends.
  struct BreakingTaker final : HttpAnswerTaker {
    std::weak_ptr<PendingExchange> exchange;
    int answers = 0;

    void take_answer(HttpResponse) override {
      ++answers;
      if (const auto held = exchange.lock()) held->abort();
    }
  };
  EventLoop loop;
  loop.poll();
  const auto taker = std::make_shared<BreakingTaker>();
  const auto exchange = std::make_shared<PendingExchange>(HttpRequest{}, loop, taker);
  taker->exchange = exchange;
  bool has_aborted = false;
  exchange->on_abort([&] { has_aborted = true; });
  exchange->respond(answer(200));
  CHECK(taker->answers == 1);
  CHECK_FALSE(has_aborted);
}

TEST_CASE("an answered exchange aborts no more and lets go of what its task held", "[http]") {
  Fixture f;
  const auto held = std::make_shared<int>();
  bool has_aborted = false;
  f.exchange->on_abort([&has_aborted, held] { has_aborted = true; });
  CHECK(held.use_count() == 2);
  f.exchange->respond(answer(200));
  CHECK(held.use_count() == 1);
  f.exchange->on_abort([&has_aborted, held] { has_aborted = true; });
  CHECK(held.use_count() == 1);
  f.exchange->abort();
  f.loop.poll();
  CHECK_FALSE(has_aborted);
}

TEST_CASE("a detached exchange drops its task unrun and answers nobody", "[http]") {
  Fixture f;
  const auto held = std::make_shared<int>();
  bool has_aborted = false;
  f.exchange->on_abort([&has_aborted, held] { has_aborted = true; });
  f.exchange->detach();
  CHECK(held.use_count() == 1);
  f.exchange->respond(answer(200));
  f.exchange.reset();
  f.loop.poll();
  CHECK_FALSE(has_aborted);
  CHECK(f.taker->answers.empty());
}

TEST_CASE("a request answers with the first header of a name, or nothing", "[http]") {
  const HttpRequest request{.path = {},
                            .query = {},
                            .headers = {{"accept", "a"}, {"range", "b"}, {"accept", "c"}},
                            .remote_address = {}};
  CHECK(request.header("accept") == "a");
  CHECK(request.header("range") == "b");
  CHECK(request.header("Range").empty());
  CHECK(request.header("none").empty());
}
