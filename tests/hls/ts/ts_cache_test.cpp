#include "hls/ts/ts_cache.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "base/log.h"
#include "tests/support/fake_clock.h"

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  Bytes get(const std::string& key, std::size_t size = 100) {
    return cache.get(key, [&]() -> Result<Bytes> {
      ++made;
      return Bytes::copy_of(std::string(size, key.front()));
    });
  }
  double bytes() { return metrics.gauge("millrace_hls_ts_cache_bytes", "").value(); }

  test::FakeClock clock;
  Metrics metrics;
  TsCache cache{1000, metrics, clock};
  int made = 0;
};

}  // namespace

TEST_CASE("what is kept is made once", "[ts_cache]") {
  Fixture f;
  const Bytes first = f.get("a");
  CHECK(first.text() == std::string(100, 'a'));
  CHECK(f.get("a").data() == first.data());
  CHECK(f.get("b").text() == std::string(100, 'b'));
  CHECK(f.made == 2);
  CHECK(f.bytes() == 200);
}

TEST_CASE("past the limit the oldest goes, and is made again for who asks", "[ts_cache]") {
  Fixture f;
  f.get("a", 500);
  f.get("b", 400);
  f.get("a", 500);
  f.get("c", 200);
  CHECK(f.bytes() == 600);
  CHECK(f.made == 3);
  f.get("b", 400);
  CHECK(f.made == 3);
  f.get("a", 400);
  CHECK(f.made == 4);
  CHECK(f.bytes() == 1000);
}

TEST_CASE("what is larger than the limit is answered all the same", "[ts_cache]") {
  Fixture f;
  f.get("a");
  CHECK(f.get("b", 2000).size() == 2000);
  CHECK(f.bytes() == 0);
  CHECK(f.get("a").size() == 100);
  CHECK(f.made == 3);
}

TEST_CASE("what is old goes by itself", "[ts_cache]") {
  Fixture f;
  f.get("a");
  f.clock.advance(1min);
  f.get("b");
  f.cache.tick();
  CHECK(f.bytes() == 200);
  f.clock.advance(1min);
  f.cache.tick();
  CHECK(f.bytes() == 100);
  f.get("b");
  CHECK(f.made == 2);
}

TEST_CASE("what cannot be made is counted, not kept, and tried again", "[ts_cache]") {
  log::set_level(log::Level::kOff);
  Fixture f;
  const auto fails = []() -> Result<Bytes> { return Error{ErrorCode::kInvalidData, "no"}; };
  CHECK(f.cache.get("a", fails).empty());
  CHECK(f.cache.get("a", fails).empty());
  CHECK(f.metrics.counter("millrace_hls_ts_failures_total", "").value() == 2);
  CHECK(f.get("a").size() == 100);
  CHECK(f.made == 1);
}

TEST_CASE("of many threads that ask at once one makes it", "[ts_cache]") {
  Fixture f;
  std::atomic<int> made = 0;
  std::vector<std::thread> threads;
  std::vector<Bytes> got(8);
  for (std::size_t i = 0; i < got.size(); ++i)
    threads.emplace_back([&, i] {
      got[i] = f.cache.get("a", [&]() -> Result<Bytes> {
        ++made;
        return Bytes::copy_of("one");
      });
    });
  for (auto& thread : threads) thread.join();
  for (const Bytes& bytes : got) CHECK(bytes.data() == got.front().data());
  CHECK(made == 1);
}
