#include "base/metrics.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>

using millrace::ErrorCode;
using millrace::Metrics;

namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("metrics are told in Prometheus' text format", "[metrics]") {
  Metrics metrics;
  metrics.counter("a_total", "How many a.", {{"kind", "x"}, {"at", "y"}}).increment(3);
  metrics.gauge("b", "How much b.").set(-1.5);
  const auto text = metrics.text();
  CHECK(has_line(text, "# HELP a_total How many a."));
  CHECK(has_line(text, "# TYPE a_total counter"));
  CHECK(has_line(text, "a_total{at=\"y\",kind=\"x\"} 3"));
  CHECK(has_line(text, "# TYPE b gauge"));
  CHECK(has_line(text, "b -1.5"));
}

TEST_CASE("a series is told from its first handle on, at zero", "[metrics]") {
  Metrics metrics;
  CHECK(metrics.text().empty());
  metrics.counter("a_total", "a");
  CHECK(has_line(metrics.text(), "a_total 0"));
}

TEST_CASE("the same name and labels give the same series, other labels another", "[metrics]") {
  Metrics metrics;
  auto first = metrics.counter("a_total", "a", {{"kind", "x"}});
  auto same = metrics.counter("a_total", "a", {{"kind", "x"}});
  auto other = metrics.counter("a_total", "a", {{"kind", "y"}});
  auto copy = first;
  first.increment();
  same.increment();
  copy.increment();
  other.increment();
  CHECK(first.value() == 3);
  CHECK(other.value() == 1);
  const auto text = metrics.text();
  CHECK(text.find("# TYPE a_total") == text.rfind("# TYPE a_total"));
}

TEST_CASE("two sets of metrics share nothing", "[metrics]") {
  Metrics one, two;
  one.counter("a_total", "a").increment();
  CHECK(two.counter("a_total", "a").value() == 0);
}

TEST_CASE("a gauge goes both ways", "[metrics]") {
  Metrics metrics;
  auto gauge = metrics.gauge("g", "g");
  gauge.add(5);
  gauge.add(-7);
  CHECK(gauge.value() == -2);
  gauge.set(4);
  CHECK(gauge.value() == 4);
}

TEST_CASE("a histogram counts what is at most each bound, and all", "[metrics]") {
  Metrics metrics;
  auto histogram = metrics.histogram("h_seconds", "h", {0.2, 3});
  histogram.observe(0.2);
  histogram.observe(0.5);
  histogram.observe(20);
  const auto text = metrics.text();
  CHECK(has_line(text, "h_seconds_bucket{le=\"0.2\"} 1"));
  CHECK(has_line(text, "h_seconds_bucket{le=\"3\"} 2"));
  CHECK(has_line(text, "h_seconds_bucket{le=\"+Inf\"} 3"));
  CHECK(has_line(text, "h_seconds_count 3"));
  CHECK(has_line(text, "h_seconds_sum 20.7"));
}

TEST_CASE("faults are counted by stage and code", "[metrics]") {
  Metrics metrics;
  metrics.count_error("rtmp", ErrorCode::kDenied);
  metrics.count_error("rtmp", ErrorCode::kDenied);
  metrics.count_error("http", ErrorCode::kTimedOut);
  const auto text = metrics.text();
  CHECK(has_line(text, "millrace_errors_total{code=\"denied\",stage=\"rtmp\"} 2"));
  CHECK(has_line(text, "millrace_errors_total{code=\"timed_out\",stage=\"http\"} 1"));
}

TEST_CASE("a label's value never breaks the line that it is told in", "[metrics]") {
  Metrics metrics;
  metrics.counter("a_total", "a", {{"why", "a \"b\"\n\\c"}}).increment();
  CHECK(has_line(metrics.text(), R"(a_total{why="a \"b\"\n\\c"} 1)"));
}

TEST_CASE("series are made and counted on any thread", "[metrics][threads]") {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&metrics, i] {
      auto own = metrics.counter("own_total", "own", {{"thread", std::to_string(i)}});
      for (int n = 0; n < 250; ++n) {
        metrics.counter("shared_total", "shared").increment();
        own.increment();
      }
    });
  while (!has_line(metrics.text(), "shared_total 1000")) std::this_thread::yield();
  for (auto& thread : threads) thread.join();
  CHECK(has_line(metrics.text(), "own_total{thread=\"3\"} 250"));
}

TEST_CASE("latencies have bounds from 0.1 ms to 10 s, in order", "[metrics]") {
  const auto bounds = millrace::latency_bounds();
  REQUIRE_FALSE(bounds.empty());
  CHECK(bounds.front() == 0.0001);
  CHECK(bounds.back() == 10);
  CHECK(std::is_sorted(bounds.begin(), bounds.end(), std::less_equal()));
}
