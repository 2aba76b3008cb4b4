#include "transcode/feed_window.h"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using millrace::transcode::FeedWindow;

namespace {
const FeedWindow::TimePoint kNow(100s);
}

TEST_CASE("the window holds what was sent and not taken, and its age", "[feed]") {
  FeedWindow window;
  CHECK(window.is_empty());
  CHECK(window.age(kNow) == 0s);
  window.sent(10, kNow);
  window.sent(20, kNow + 1s);
  CHECK(window.bytes() == 30);
  CHECK(window.age(kNow + 2s) == 2s);
  CHECK(window.acknowledge(1));
  CHECK(window.bytes() == 20);
  CHECK(window.age(kNow + 2s) == 1s);
  CHECK(window.acknowledge(2));
  CHECK(window.is_empty());
}

TEST_CASE("an older acknowledgement is no news, one for packets never sent is refused", "[feed]") {
  FeedWindow window;
  for (int i = 0; i < 3; ++i) window.sent(1, kNow);
  CHECK(window.acknowledge(2));
  CHECK(window.acknowledge(1));
  CHECK(window.acknowledged() == 2);
  CHECK_FALSE(window.acknowledge(4));
}

TEST_CASE("a worker that is fed and silent for a second is stuck, one that starts after three",
          "[feed]") {
  FeedWindow window;
  CHECK_FALSE(window.is_stuck(kNow + 1h, kNow, true));  // Nothing waits for it.
  window.sent(1, kNow);
  CHECK_FALSE(window.is_stuck(kNow + 1s, kNow, true));
  CHECK(window.is_stuck(kNow + 1001ms, kNow, true));
  CHECK_FALSE(window.is_stuck(kNow + 2s, kNow + 1500ms, true));
  CHECK_FALSE(window.is_stuck(kNow + 3s, kNow, false));
  CHECK(window.is_stuck(kNow + 3001ms, kNow, false));
  CHECK(window.is_stuck(kNow + 3001ms, kNow + 3s, true));  // It talks, and takes nothing.
}
