#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace millrace {

void Counter::increment(double by) {
  series_->Increment(by);
}
double Counter::value() const {
  return series_->Value();
}
void Gauge::set(double value) {
  series_->Set(value);
}
void Gauge::add(double by) {
  series_->Increment(by);
}
double Gauge::value() const {
  return series_->Value();
}
void Histogram::observe(double value) {
  series_->Observe(value);
}

struct Metrics::Impl {
  // Merge: asking again for a name gives the same family.
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  return Counter(
      prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry).Add(labels));
}

Gauge Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return Gauge(
      prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry).Add(labels));
}

Histogram Metrics::histogram(const std::string& name, const std::string& help,
                             const std::vector<double>& bounds, const Labels& labels) {
  return Histogram(prometheus::BuildHistogram()
                       .Name(name)
                       .Help(help)
                       .Register(impl_->registry)
                       .Add(labels, bounds));
}

void Metrics::count_error(std::string_view stage, ErrorCode code) {
  counter("millrace_errors_total",
          "Input and network faults that ended one stream, connection or request.",
          {{"stage", std::string(stage)}, {"code", std::string(to_string(code))}})
      .increment();
}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

std::vector<double> latency_bounds() {
  return {.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
}

}  // namespace millrace
