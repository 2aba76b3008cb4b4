#include "hls/ts/ts_cache.h"

#include "base/log.h"

namespace millrace::hls {
namespace {

using namespace std::chrono_literals;

// Players ask for the newest segments, those who begin for the last few; caches in front keep what
// they have had.
constexpr auto kKept = 2min;
constexpr auto kBetweenWarnings = 1min;

}  // namespace

TsCache::TsCache(std::size_t max_bytes, Metrics& metrics, const Clock& clock)
    : max_bytes_(max_bytes),
      clock_(clock),
      bytes_gauge_(metrics.gauge("millrace_hls_ts_cache_bytes",
                                 "MPEG-TS segments in memory, all channels together.")),
      made_(metrics.counter("millrace_hls_ts_segments_made_total",
                            "MPEG-TS segments made of CMAF, again where they were not kept.")),
      failed_(metrics.counter("millrace_hls_ts_failures_total",
                              "MPEG-TS segments that could not be made.")),
      make_seconds_(metrics.histogram("millrace_hls_ts_make_seconds",
                                      "How long an event loop was busy with an MPEG-TS segment.",
                                      latency_bounds())) {}

Bytes TsCache::get(const std::string& key, const std::function<Result<Bytes>()>& make) {
  std::shared_ptr<Entry> entry;
  {
    const MutexLock lock(mutex_);
    auto& known = entries_[key];
    if (!known) known = std::make_shared<Entry>();
    entry = known;
  }
  bool is_made = false;
  std::call_once(entry->once, [&] {
    entry->bytes = make_now(key, make);
    is_made = true;
  });
  if (is_made) keep(key, entry->bytes.size());
  return entry->bytes;
}

Bytes TsCache::make_now(const std::string& key, const std::function<Result<Bytes>()>& make) {
  const auto begin = clock_.steady_now();
  auto made = make();
  const auto end = clock_.steady_now();
  if (made.has_value()) {
    made_.increment();
    make_seconds_.observe(std::chrono::duration<double>(end - begin).count());
    return std::move(made).value();
  }
  failed_.increment();
  bool is_told = false;
  {
    const MutexLock lock(mutex_);
    is_told = !told_at_ || end - *told_at_ >= kBetweenWarnings;
    if (is_told) told_at_ = end;
  }
  if (is_told) log::warning("hls", "no MPEG-TS segment {}: {}", key, made.error().message);
  return {};
}

void TsCache::keep(const std::string& key, std::size_t bytes) {
  const MutexLock lock(mutex_);
  if (bytes == 0) {
    entries_.erase(key);
    return;
  }
  oldest_first_.push_back({key, clock_.steady_now()});
  bytes_ += bytes;
  while (bytes_ > max_bytes_) drop_oldest();
  bytes_gauge_.set(static_cast<double>(bytes_));
}

void TsCache::tick() {
  const MutexLock lock(mutex_);
  const auto latest = clock_.steady_now() - kKept;
  while (!oldest_first_.empty() && oldest_first_.front().at <= latest) drop_oldest();
  bytes_gauge_.set(static_cast<double>(bytes_));
}

void TsCache::drop_oldest() {
  const auto oldest = entries_.extract(oldest_first_.front().key);
  bytes_ -= oldest.mapped()->bytes.size();
  oldest_first_.pop_front();
}

}  // namespace millrace::hls
