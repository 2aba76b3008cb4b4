#include "transcode/restart_backoff.h"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;

TEST_CASE("the first restart is immediate, the next wait twice as long each, up to 10 s",
          "[backoff]") {
  millrace::transcode::RestartBackoff backoff;
  CHECK(backoff.next_delay(1s) == 0ms);
  CHECK(backoff.next_delay(1s) == 500ms);
  CHECK(backoff.next_delay(1s) == 1s);
  CHECK(backoff.next_delay(1s) == 2s);
  CHECK(backoff.next_delay(1s) == 4s);
  CHECK(backoff.next_delay(1s) == 8s);
  CHECK(backoff.next_delay(1s) == 10s);
  CHECK(backoff.next_delay(1s) == 10s);
  CHECK(backoff.next_delay(10s) == 0ms);
  CHECK(backoff.next_delay(1s) == 500ms);
}
