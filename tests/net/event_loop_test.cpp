#include "net/event_loop.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <future>
#include <memory>
#include <string>

using millrace::net::EventLoop;
using millrace::net::EventLoopGroup;
using millrace::net::Timer;

using namespace std::chrono_literals;

namespace {

/// Polls until `condition`; false when it does not come, which takes no longer than a timer of no
/// delay ever could.
bool poll_until(EventLoop& loop, const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    loop.poll();
  }
  return true;
}

/// Polls until every timer without delay that was started before has had its turn.
void poll_timers(EventLoop& loop) {
  bool is_last = false;
  Timer last(loop);
  last.start(0ns, [&] { is_last = true; });
  REQUIRE(poll_until(loop, [&] { return is_last; }));
  loop.poll();
}

}  // namespace

TEST_CASE("a posted task runs later, never inside post(), and in order", "[loop]") {
  EventLoop loop;
  std::string order;
  loop.post([&] {
    loop.post([&] { order += "c"; });
    order += "a";
  });
  loop.post([&] { order += "b"; });
  CHECK(order.empty());
  loop.poll();
  CHECK(order == "abc");
}

TEST_CASE("a loop knows its own thread from every other", "[loop][threads]") {
  EventLoop loop;
  CHECK_FALSE(loop.is_current());
  bool is_current_inside = false;
  loop.post([&] {
    is_current_inside = loop.is_current();
    loop.stop();
  });
  std::thread([&] { loop.run(); }).join();
  CHECK(is_current_inside);
  CHECK_FALSE(loop.is_current());
}

TEST_CASE("run() waits for tasks from other threads and returns after the one that stops it",
          "[loop][threads]") {
  EventLoop loop;
  std::string order;
  loop.post([&] { order += "a"; });
  auto running = std::async(std::launch::async, [&] { loop.run(); });
  loop.post([&] {
    loop.stop();
    order += "b";
    loop.post([&] { order += "c"; });
  });
  running.get();
  CHECK(order == "ab");
}

TEST_CASE("poll() runs what is ready and does not wait for a timer", "[loop]") {
  EventLoop loop;
  bool has_run = false;
  Timer timer(loop);
  timer.start(1h, [&] { has_run = true; });
  loop.poll();
  CHECK_FALSE(has_run);
  // Once stopped it can be polled again, as tests of an ended server do.
  loop.stop();
  loop.post([&] { has_run = true; });
  loop.poll();
  CHECK(has_run);
}

TEST_CASE("a timer runs its task once, and not inside start()", "[loop]") {
  EventLoop loop;
  int runs = 0;
  Timer timer(loop);
  timer.start(0ns, [&] { ++runs; });
  CHECK(runs == 0);
  CHECK(poll_until(loop, [&] { return runs > 0; }));
  poll_timers(loop);
  CHECK(runs == 1);
}

TEST_CASE("timers end in the order of their delays", "[loop]") {
  EventLoop loop;
  std::string order;
  Timer late(loop), early(loop);
  late.start(2ms, [&] { order += "late"; });
  early.start(1ms, [&] { order += "early "; });
  CHECK(poll_until(loop, [&] { return order.size() > 6; }));
  CHECK(order == "early late");
}

TEST_CASE("a cancelled timer never runs, even one whose time has come", "[loop]") {
  EventLoop loop;
  bool has_run = false;
  auto victim = std::make_unique<Timer>(loop);
  // Both are due when the loop looks, so the victim's completion waits behind this task.
  Timer first(loop);
  SECTION("by cancel()") {
    first.start(0ns, [&] { victim->cancel(); });
  }
  SECTION("by its destruction") {
    first.start(0ns, [&] { victim.reset(); });
  }
  victim->start(0ns, [&] { has_run = true; });
  SECTION("from outside") {
    victim->cancel();
  }
  SECTION("with the loop still to poll") {
    victim.reset();
  }
  poll_timers(loop);
  CHECK_FALSE(has_run);
}

TEST_CASE("a timer that is started again runs the newer task only", "[loop]") {
  EventLoop loop;
  std::string order;
  Timer timer(loop);
  timer.start(0ns, [&] { order += "old"; });
  timer.start(0ns, [&] { order += "new"; });
  poll_timers(loop);
  CHECK(order == "new");
  timer.start(0ns, [&] { order += " again"; });
  poll_timers(loop);
  CHECK(order == "new again");
}

TEST_CASE("a timer's task may start it again, or destroy it", "[loop]") {
  EventLoop loop;
  int runs = 0;
  auto timer = std::make_unique<Timer>(loop);
  const auto held = std::make_shared<std::string>("alive");
  std::function<void()> task = [&, held] {
    if (++runs < 3)
      timer->start(0ns, task);
    else
      timer.reset();
    CHECK(*held == "alive");
  };
  timer->start(0ns, task);
  CHECK(poll_until(loop, [&] { return !timer; }));
  poll_timers(loop);
  CHECK(runs == 3);
}

TEST_CASE("a cancelled timer lets go of its task at the loop's next turn", "[loop]") {
  EventLoop loop;
  const auto held = std::make_shared<int>();
  Timer timer(loop);
  timer.start(1h, [held] {});
  CHECK(held.use_count() == 2);
  timer.cancel();
  loop.poll();
  CHECK(held.use_count() == 1);
}

TEST_CASE("a group's loops have a thread each, from start() on", "[loop][threads]") {
  EventLoopGroup loops(3);
  REQUIRE(loops.size() == 3);
  std::vector<std::future<std::thread::id>> threads;
  for (std::size_t i = 0; i < loops.size(); ++i) {
    auto task = std::make_shared<std::packaged_task<std::thread::id()>>([&loops, i] {
      return loops.loop(i).is_current() ? std::this_thread::get_id() : std::thread::id();
    });
    threads.push_back(task->get_future());
    loops.loop(i).post([task] { (*task)(); });
  }
  CHECK(threads[0].wait_for(0s) == std::future_status::timeout);
  loops.start();
  std::vector<std::thread::id> ids{std::thread::id(), std::this_thread::get_id()};
  for (auto& thread : threads) ids.push_back(thread.get());
  std::sort(ids.begin(), ids.end());
  CHECK(std::unique(ids.begin(), ids.end()) == ids.end());
}

TEST_CASE("a group that stops waits for the tasks in progress and drops those behind them",
          "[loop][threads]") {
  std::promise<void> begun;
  std::promise<void> may_end;
  bool has_ended = false, has_run_behind = false;
  {
    EventLoopGroup loops(1);
    loops.loop(0).post([&] {
      begun.set_value();
      may_end.get_future().wait();
      has_ended = true;
    });
    loops.start();
    begun.get_future().wait();
    loops.loop(0).stop();
    loops.loop(0).post([&] { has_run_behind = true; });
    may_end.set_value();
  }
  CHECK(has_ended);
  CHECK_FALSE(has_run_behind);
}

TEST_CASE("a group may be stopped twice, or never have been started", "[loop][threads]") {
  EventLoopGroup idle(2);
  idle.stop_and_join();
  EventLoopGroup loops(2);
  loops.start();
  loops.stop_and_join();
  loops.stop_and_join();
  bool has_run = false;
  loops.loop(0).post([&] { has_run = true; });
  CHECK_FALSE(has_run);
}
