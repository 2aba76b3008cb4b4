#include "hls/dvr/dvr_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/log.h"

namespace millrace::hls {
namespace {

using namespace std::chrono_literals;

// Two, so that one slow read does not hold up the next.
constexpr std::size_t kReaders = 2;
// How late files go that have expired.
constexpr auto kExpire = 10s;

/// Empty where it cannot be read, or is not what was written.
Bytes read_range(const DvrFile& file, const DvrRange& range) {
  const int descriptor = ::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return {};
  MutableBytes buffer(range.size);
  std::size_t at = 0;
  while (at < buffer.size()) {
    const auto got = ::pread(descriptor, buffer.data() + at, buffer.size() - at,
                             static_cast<off_t>(range.offset + at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    at += static_cast<std::size_t>(got);
  }
  ::close(descriptor);
  if (at < buffer.size() || dvr_checksum(buffer.span()) != range.checksum) return {};
  return Bytes(std::move(buffer));
}

Counter left_out(Metrics& metrics, const char* reason) {
  return metrics.counter("millrace_dvr_left_out_segments_total",
                         "Segments that are not kept on disk, by reason.", {{"reason", reason}});
}

Counter reads(Metrics& metrics, const char* outcome) {
  return metrics.counter("millrace_dvr_reads_total", "Segments read from disk, by outcome.",
                         {{"outcome", outcome}});
}

}  // namespace

/// Counts bytes from before they are read, for as long as anybody has them.
class DvrStore::Lease {
 public:
  /// Null where `limit` is reached already: so one that is larger than it is read too.
  static std::shared_ptr<Lease> take(std::size_t size, std::size_t limit,
                                     std::shared_ptr<std::atomic<std::size_t>> sum) {
    std::size_t before = *sum;
    do {
      if (before >= limit) return nullptr;
    } while (!sum->compare_exchange_weak(before, before + size));
    return std::shared_ptr<Lease>(new Lease(size, std::move(sum)));
  }
  ~Lease() { *sum_ -= size_; }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  /// Once, with what it was taken for.
  static Bytes keep(std::shared_ptr<Lease> lease, Bytes bytes) {
    lease->bytes_ = std::move(bytes);
    const auto view = lease->bytes_.span();
    return Bytes::kept_by(std::move(lease), view);
  }

 private:
  Lease(std::size_t size, std::shared_ptr<std::atomic<std::size_t>> sum)
      : size_(size), sum_(std::move(sum)) {}

  const std::size_t size_;
  const std::shared_ptr<std::atomic<std::size_t>> sum_;
  Bytes bytes_;
};

DvrStore::DvrStore(DvrOptions options, Metrics& metrics, const Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      written_(metrics.counter("millrace_dvr_written_segments_total",
                               "Segments written to disk for rewinding.")),
      left_out_queue_(left_out(metrics, "queue")),
      left_out_limit_(left_out(metrics, "limit")),
      left_out_error_(left_out(metrics, "error")),
      queued_bytes_gauge_(
          metrics.gauge("millrace_dvr_queued_bytes", "Media that waits to be written to disk.")),
      reads_(reads(metrics, "ok")),
      reads_failed_(reads(metrics, "error")),
      reads_refused_(reads(metrics, "refused")),
      reads_gauge_(metrics.gauge("millrace_dvr_queued_reads",
                                 "Requests that wait for the disk or are being read for.")),
      files_(options_, metrics) {}

Result<std::shared_ptr<DvrStore>> DvrStore::open(DvrOptions options, Metrics& metrics,
                                                 const Clock& clock) {
  std::shared_ptr<DvrStore> store(new DvrStore(std::move(options), metrics, clock));
  ASSIGN_OR_RETURN(store->found_, store->files_.open(clock.wall_now()));
  store->threads_.emplace_back(
      [&store = *store](const std::stop_token& stop) { store.write_queued(stop); });
  for (std::size_t i = 0; i < kReaders; ++i)
    store->threads_.emplace_back(
        [&store = *store](const std::stop_token& stop) { store.run_queued(stop); });
  return store;
}

DvrStore::~DvrStore() {
  for (auto& thread : threads_) thread.request_stop();
  for (auto& thread : threads_) thread.join();
}

void DvrStore::drain() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] {
    return queued_bytes_ == 0 && jobs_.empty() && tasks_.empty() && tasks_under_way_ == 0;
  });
}

// --- Writing ----------------------------------------------------------------------------------

void DvrStore::append(DvrJob job) {
  const std::size_t bytes = job.bytes();
  {
    const std::lock_guard lock(mutex_);
    if (queued_bytes_ + bytes <= options_.max_queued_bytes) {
      queued_bytes_ += bytes;
      queued_bytes_gauge_.set(static_cast<double>(queued_bytes_));
      jobs_.push_back(std::move(job));
      wake_writer_.notify_one();
      return;
    }
  }
  leave_out(job, left_out_queue_);
}

void DvrStore::leave_out(const DvrJob& job, Counter reason) {
  job.place->set_lost();
  reason.increment();
}

void DvrStore::write_queued(const std::stop_token& stop) {
  auto next_expiry = clock_.steady_now() + kExpire;
  while (true) {
    DvrJob job;
    {
      std::unique_lock lock(mutex_);
      wake_writer_.wait_for(lock, stop, kExpire, [this] { return !jobs_.empty(); });
      if (jobs_.empty() && stop.stop_requested()) return;
      if (!jobs_.empty()) {
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
    }
    if (job.place) write(job);
    if (clock_.steady_now() >= next_expiry) {
      next_expiry = clock_.steady_now() + kExpire;
      files_.expire(clock_.wall_now());
    }
    if (!job.place) continue;
    const std::lock_guard lock(mutex_);
    queued_bytes_ -= job.bytes();
    queued_bytes_gauge_.set(static_cast<double>(queued_bytes_));
    idle_.notify_all();
  }
}

void DvrStore::write(const DvrJob& job) {
  const Status status = files_.write(job);
  const std::string whose = job.channel + '/' + job.rendition;
  if (status.has_value()) {
    written_.increment();
    if (failing_.erase(whose) > 0) log::info("dvr", "segments are kept again rendition={}", whose);
    return;
  }
  leave_out(job,
            status.error().code == ErrorCode::kLimitExceeded ? left_out_limit_ : left_out_error_);
  if (failing_.insert(whose).second)
    log::error("dvr", "segments are not kept rendition={} error={}", whose, status.error().message);
}

// --- Reading ----------------------------------------------------------------------------------

bool DvrStore::read(std::shared_ptr<const DvrPlace> place, DvrObject object, Done done) {
  const bool is_stored = place->state() == DvrPlace::State::kStored;
  const DvrRange range = !is_stored                      ? DvrRange{}
                         : object == DvrObject::kSegment ? place->segment()
                                                         : place->init();
  if (auto lease = Lease::take(range.size, options_.max_read_bytes, read_bytes_))
    return run(
        [this, place = std::move(place), range, lease = std::move(lease),
         done = std::move(done)]() mutable { done(read_now(*place, range, std::move(lease))); });
  reads_refused_.increment();
  return false;
}

bool DvrStore::run(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.size() + tasks_under_way_ < options_.max_queued_reads) {
      tasks_.push_back(std::move(task));
      reads_gauge_.set(static_cast<double>(tasks_.size() + tasks_under_way_));
      wake_reader_.notify_one();
      return true;
    }
  }
  reads_refused_.increment();
  return false;
}

void DvrStore::run_queued(const std::stop_token& stop) {
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      wake_reader_.wait(lock, stop, [this] { return !tasks_.empty(); });
      if (tasks_.empty()) return;  // Asked to stop, and all is done.
      task = std::move(tasks_.front());
      tasks_.pop_front();
      ++tasks_under_way_;
    }
    task();
    task = nullptr;  // With all that it holds.
    const std::lock_guard lock(mutex_);
    --tasks_under_way_;
    reads_gauge_.set(static_cast<double>(tasks_.size() + tasks_under_way_));
    idle_.notify_all();
  }
}

Bytes DvrStore::read_now(const DvrPlace& place, const DvrRange& range,
                         std::shared_ptr<Lease> lease) {
  Bytes bytes;
  if (place.state() == DvrPlace::State::kStored) bytes = read_range(place.file(), range);
  if (bytes.empty()) {
    // What has expired meanwhile is no fault of the disk's.
    if (place.state() == DvrPlace::State::kStored) reads_failed_.increment();
    return bytes;
  }
  reads_.increment();
  return Lease::keep(std::move(lease), std::move(bytes));
}

}  // namespace millrace::hls
