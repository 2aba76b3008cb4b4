#include "app/crash_reports.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "base/log.h"

namespace millrace::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".crash";

Counter counter(Metrics& metrics, const char* outcome) {
  return metrics.counter("millrace_transcode_crash_reports_total",
                         "Reports of workers that crashed: written, dropped since too many came at "
                         "once, or failed.",
                         {{"outcome", outcome}});
}

}  // namespace

CrashReports::CrashReports(std::string folder, Metrics& metrics, const Clock& clock)
    : folder_(std::move(folder)),
      clock_(clock),
      written_(counter(metrics, "written")),
      dropped_(counter(metrics, "dropped")),
      failed_(counter(metrics, "failed")),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

CrashReports::~CrashReports() {
  thread_.request_stop();
  thread_.join();
}

void CrashReports::add(transcode::WorkerCrash crash) {
  {
    const std::lock_guard lock(mutex_);
    if (queued_.size() >= kMostQueued) return dropped_.increment();
    queued_.push_back(std::move(crash));
  }
  wake_.notify_one();
}

void CrashReports::run(const std::stop_token& stop) {
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, stop, [this] { return !queued_.empty(); });
    if (queued_.empty()) return;
    const auto crash = std::move(queued_.front());
    queued_.pop_front();
    lock.unlock();
    write(crash);
  }
}

void CrashReports::write(const transcode::WorkerCrash& crash) {
  std::error_code ignored;  // What is wrong with the folder shows when the file is opened.
  fs::create_directories(folder_, ignored);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(clock_.wall_now());
  // Names sort by time.
  const auto path = fmt::format("{}/{:%Y%m%dT%H%M%SZ}-{:04}-{}{}", folder_,
                                fmt::gmtime(seconds.count()), count_++, crash.channel, kSuffix);
  std::ofstream file(path, std::ios::binary);
  for (const Bytes& piece : crash.input)
    file.write(reinterpret_cast<const char*>(piece.data()),
               static_cast<std::streamsize>(piece.size()));
  file.close();
  if (!file) {
    failed_.increment();
    log::error("app", "no crash report channel={} file={}", crash.channel, path);
    fs::remove(path, ignored);
    return;
  }
  written_.increment();
  log::warning("app", "crash report channel={} why=\"{}\" file={}", crash.channel, crash.why, path);
  prune();
}

void CrashReports::prune() const {
  std::error_code error;
  std::vector<fs::path> files;
  // Not a range: its step throws where the disk fails.
  for (fs::directory_iterator entry(folder_, error); !error && entry != fs::directory_iterator();
       entry.increment(error))
    if (entry->path().extension() == kSuffix) files.push_back(entry->path());
  if (files.size() <= kMostFiles) return;
  std::sort(files.begin(), files.end());
  files.resize(files.size() - kMostFiles);
  for (const auto& file : files) fs::remove(file, error);
}

}  // namespace millrace::app
