#include "app/state_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>

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

/// The whole file; empty where there is none. False with errno.
bool read_file(const std::string& path, std::string& text) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return errno == ENOENT;
  std::array<char, 64 * 1024> buffer;
  ssize_t count = 0;
  do {
    count = ::read(descriptor, buffer.data(), buffer.size());
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
  } while (count > 0 || (count < 0 && errno == EINTR));
  const int error = errno;
  ::close(descriptor);
  errno = error;
  return count == 0;
}

/// On the disk once it returns. False with errno.
bool write_all(int descriptor, const std::string& text) {
  std::size_t written = 0;
  while (written < text.size()) {
    const auto result = ::write(descriptor, text.data() + written, text.size() - written);
    if (result < 0 && errno == EINTR) continue;
    if (result <= 0) return false;
    written += static_cast<std::size_t>(result);
  }
  return ::fdatasync(descriptor) == 0 ||
         errno == EINVAL;  // EINVAL: not a disk (a pipe, /dev/null).
}

/// A new name in a folder is on the disk once the folder is. False with errno.
bool sync_folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  const int descriptor =
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool is_synced = ::fsync(descriptor) == 0 || errno == EINVAL;  // EINVAL: as above.
  const int error = errno;
  ::close(descriptor);
  errno = error;
  return is_synced;
}

}  // namespace

StateStore::StateStore(std::string path, Metrics& metrics)
    : path_(std::move(path)),
      write_errors_(metrics.counter("millrace_state_write_errors_total",
                                    "Records of segment numbers that the disk did not take.")) {}

Result<std::unique_ptr<StateStore>> StateStore::open(std::string path, Metrics& metrics) {
  std::unique_ptr<StateStore> store(new StateStore(std::move(path), metrics));
  if (store->path_.empty()) return store;
  const auto failure = [&store](const char* what) {
    return Error{ErrorCode::kSystem, fmt::format("hls.state_file: cannot {} {}: {}", what,
                                                 store->path_, std::strerror(errno))};
  };
  // What cannot be read may still be there: it is not to be replaced by nothing.
  if (!store->load()) return failure("read");
  if (!store->rewrite()) return failure("write");
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

/// False with errno.
bool StateStore::load() {
  std::string text;
  if (!read_file(path_, text)) return false;
  std::istringstream file(text);
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
  return true;
}

/// The new file replaces the old one only when it is whole. False with errno.
bool StateStore::rewrite() {
  const std::string fresh = path_ + ".new";
  std::string lines;
  for (const auto& [channel, state] : newest_) lines += to_line(channel, state);
  const int descriptor =
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) return false;
  if (!write_all(descriptor, lines) || ::rename(fresh.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    ::close(descriptor);
    errno = error;
    return false;
  }
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = descriptor;
  file_bytes_ = rewritten_bytes_ = lines.size();
  has_torn_line_ = false;
  return sync_folder_of(path_);
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
  if (has_torn_line_ ||
      file_bytes_ + lines.size() > std::max(kLeastToRewrite, kStaleFactor * rewritten_bytes_))
    return rewrite();
  return append(lines);
}

/// What was recorded meanwhile is newer.
void StateStore::queue_again(States batch) {
  const std::lock_guard lock(mutex_);
  queued_.merge(batch);
}

/// All of the lines or none: the next one would be glued to a half one. False with errno.
bool StateStore::append(const std::string& lines) {
  if (write_all(descriptor_, lines)) {
    file_bytes_ += lines.size();
    return true;
  }
  const int error = errno;
  has_torn_line_ = ::ftruncate(descriptor_, static_cast<off_t>(file_bytes_)) != 0;
  errno = error;
  return false;
}

}  // namespace millrace::app
