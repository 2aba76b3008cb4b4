#pragma once
// Prometheus metrics, handed to each stage by reference. A handle (Counter, Gauge, Histogram) is
// looked up once and kept; using it is lock-free or nearly so. Any thread.
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace millrace {

using Labels = std::map<std::string, std::string>;

/// Valid as long as the Metrics it came from. Copying shares the series.
class Counter {
 public:
  explicit Counter(prometheus::Counter& series) : series_(&series) {}
  void increment(double by = 1);
  double value() const;

 private:
  prometheus::Counter* series_;
};

class Gauge {
 public:
  explicit Gauge(prometheus::Gauge& series) : series_(&series) {}
  void set(double value);
  void add(double by);
  double value() const;

 private:
  prometheus::Gauge* series_;
};

class Histogram {
 public:
  explicit Histogram(prometheus::Histogram& series) : series_(&series) {}
  void observe(double value);

 private:
  prometheus::Histogram* series_;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// `name` has its unit in it (`millrace_ingest_bytes_total`); the same name and labels give the
  /// same series. `help` is one sentence.
  Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram histogram(const std::string& name, const std::string& help,
                      const std::vector<double>& bounds, const Labels& labels = {});

  /// `millrace_errors_total{stage,code}`: an input or network fault that ended one stream or
  /// connection.
  void count_error(std::string_view stage, ErrorCode code);

  /// The Prometheus text exposition format, version 0.0.4.
  std::string text() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Bounds in seconds for latencies from 0.1 ms to 10 s.
std::vector<double> latency_bounds();

}  // namespace millrace
