#include "app/state_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/log.h"

namespace millrace::app {
namespace {

// A disk that is full may have room again.
constexpr std::chrono::seconds kRetryAfter(1);
// A file that is this large, and most of it out of date, is written anew.
constexpr std::size_t kLeastToRewrite = 256 * 1024;
constexpr std::size_t kStaleFactor = 4;

std::string to_line(const std::string& channel, const ChannelState& state) {
  return fmt::format(
      "{} {} {} {}\n", channel, state.next_segment, state.discontinuity_sequence,
      std::chrono::duration_cast<std::chrono::seconds>(state.promised_target).count());
}

}  // namespace

StateStore::StateStore(std::string path, Metrics& metrics)
    : path_(std::move(path)),
      write_errors_(metrics.counter("millrace_state_write_errors_total",
                                    "Records of segment numbers that the disk did not take.")) {}

Result<std::unique_ptr<StateStore>> StateStore::open(std::string path, Metrics& metrics) {
  std::unique_ptr<StateStore> store(new StateStore(std::move(path), metrics));
  if (store->path_.empty()) return store;
  store->load();
  if (!store->rewrite())
    return Error{ErrorCode::kSystem, fmt::format("hls.state_file: cannot write {}: {}",
                                                 store->path_, std::strerror(errno))};
  store->writer_ =
      std::jthread([&store = *store](const std::stop_token& stop) { store.write_queued(stop); });
  return store;
}

StateStore::~StateStore() {
  if (writer_.joinable()) {
    writer_.request_stop();
    writer_.join();
  }
  if (descriptor_ >= 0) ::close(descriptor_);
}

void StateStore::load() {
  std::ifstream file(path_);
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string channel;
    ChannelState state;
    std::int64_t seconds = 0;
    if (!(fields >> channel >> state.next_segment >> state.discontinuity_sequence >> seconds)) {
      log::warning("app", "state file has a line that cannot be read path={} line={}", path_, line);
      continue;
    }
    state.promised_target = std::chrono::seconds(seconds);
    loaded_[channel] = state;
  }
  newest_ = loaded_;
}

/// The new file replaces the old one only when it is whole. False with errno.
bool StateStore::rewrite() {
  const std::string fresh = path_ + ".new";
  std::string lines;
  for (const auto& [channel, state] : newest_) lines += to_line(channel, state);
  const int descriptor =
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) return false;
  const int earlier = std::exchange(descriptor_, descriptor);
  if (!append(lines) || ::rename(fresh.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    ::close(std::exchange(descriptor_, earlier));
    errno = error;
    return false;
  }
  if (earlier >= 0) ::close(earlier);
  file_bytes_ = rewritten_bytes_ = lines.size();
  return true;
}

const ChannelState* StateStore::find(const std::string& channel) const {
  const auto found = loaded_.find(channel);
  return found == loaded_.end() ? nullptr : &found->second;
}

std::vector<std::string> StateStore::names() const {
  std::vector<std::string> names;
  for (const auto& [name, state] : loaded_) names.push_back(name);
  return names;
}

void StateStore::record(const std::string& channel, const ChannelState& state) {
  if (path_.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    queued_[channel] = state;
  }
  wake_.notify_one();
}

void StateStore::write_queued(const std::stop_token& stop) {
  while (true) {
    States batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, stop, [this] { return !queued_.empty(); });
      batch.swap(queued_);
    }
    if (batch.empty()) return;  // Asked to stop, and all is written.
    if (write(batch)) continue;
    write_errors_.increment();
    log::error("app", "cannot record segment numbers path={} error={}", path_,
               std::strerror(errno));
    if (stop.stop_requested()) return;
    queue_again(std::move(batch));
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, kRetryAfter, [] { return false; });
  }
}

bool StateStore::write(const States& batch) {
  std::string lines;
  for (const auto& [channel, state] : batch) {
    lines += to_line(channel, state);
    newest_[channel] = state;
  }
  if (file_bytes_ + lines.size() > std::max(kLeastToRewrite, kStaleFactor * rewritten_bytes_))
    return rewrite();
  return append(lines);
}

/// What was recorded meanwhile is newer.
void StateStore::queue_again(States batch) {
  const std::lock_guard lock(mutex_);
  queued_.merge(batch);
}

bool StateStore::append(const std::string& lines) {
  std::size_t written = 0;
  while (written < lines.size()) {
    const auto result = ::write(descriptor_, lines.data() + written, lines.size() - written);
    if (result < 0 && errno == EINTR) continue;
    if (result <= 0) return false;
    written += static_cast<std::size_t>(result);
    file_bytes_ += static_cast<std::size_t>(result);
  }
  return ::fdatasync(descriptor_) == 0 ||
         errno == EINVAL;  // EINVAL: not a disk (a pipe, /dev/null).
}

}  // namespace millrace::app
