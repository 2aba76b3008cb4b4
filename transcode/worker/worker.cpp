#include "transcode/worker/worker.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

extern "C" {
#include <libavutil/log.h>
}

#include "transcode/worker/core_limit.h"

namespace millrace::transcode::worker {
namespace {

constexpr std::size_t kReadBytes = 128 * 1024;
// The server waits as long for the last pictures; a worker that hangs with nobody left to kill it
// is ended by the alarm.
constexpr unsigned kDrainSeconds = 10;

Error unexpected(std::string_view what) {
  return Error{ErrorCode::kInvalidData, fmt::format("worker protocol: {}", what)};
}

}  // namespace

int Worker::run() {
  const Status status = read_all();
  if (!status.has_value()) fail(status.error());
  ::alarm(kDrainSeconds);
  drain();
  ::alarm(0);
  return has_failed_ ? 1 : 0;
}

Status Worker::read_all() {
  std::vector<std::uint8_t> buffer(kReadBytes);
  const FrameReader::Handler handler = [this](MessageType type, const Bytes& body) {
    return on_frame(type, body);
  };
  while (!has_failed_) {
    const ssize_t count = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    RETURN_IF_ERROR(frames_.append({buffer.data(), static_cast<std::size_t>(count)}, handler));
  }
  return ok();
}

Status Worker::on_frame(MessageType type, const Bytes& body) {
  if (!configuration_)
    return type == MessageType::kConfiguration ? configure(body)
                                               : Status(unexpected("no configuration"));
  switch (type) {
    case MessageType::kTrack: {
      ASSIGN_OR_RETURN(auto message, read_track(body));
      track_ = std::make_shared<const TrackInfo>(std::move(message.track));
      return ok();
    }
    case MessageType::kPacket: {
      ASSIGN_OR_RETURN(auto message, read_packet(body));
      if (!track_) return unexpected("a packet without a track");
      server_clock_.heard(message.packet.received_at, std::chrono::steady_clock::now());
      message.packet.track = track_;
      if ((track_->kind == MediaKind::kAudio) != audio_.has_value())
        return unexpected("a track of the other kind");
      return audio_ ? audio_->push(message.packet) : take(std::move(message.packet));
    }
    default:
      return unexpected("a message that is not for a worker");
  }
}

Status Worker::configure(const Bytes& body) {
  ASSIGN_OR_RETURN(configuration_, read_configuration(body));
  writer_.write(write_ready().span());
  if (configuration_->audio_bits_per_second > 0 || configuration_->still.pictures > 0)
    priority_.end_haste();
  if (configuration_->audio_bits_per_second > 0) {
    priority_.apply();
    audio_.emplace(*configuration_, writer_);
    return ok();
  }
  if (!configuration_->device.empty()) {
    ASSIGN_OR_RETURN(device_, open_device_(configuration_->device));
  }
  for (std::size_t i = 0; i < configuration_->rungs.size(); ++i)
    rungs_.push_back(std::make_unique<RungStage>(static_cast<std::uint8_t>(i), *configuration_,
                                                 device_.get(), writer_, packets_taken_,
                                                 priority_));
  decode_.emplace(*configuration_, device_.get(), packets_, rungs_, writer_, packets_taken_,
                  server_clock_, priority_);
  for (auto& rung : rungs_)
    rung_threads_.emplace_back([this, &rung = *rung] {
      guard(rung.run());
      rung.queue().close();  // After an error nobody waits for room in it.
    });
  decode_thread_ = std::thread([this] { guard(decode_->run()); });
  return ok();
}

Status Worker::take(EncodedPacket packet) {
  // Without room the socket is not read, and the server drops by its rule.
  for (;;) {
    switch (packets_.push(packet, std::chrono::seconds(1))) {
      case PacketQueue::State::kDone:
        return ok();
      case PacketQueue::State::kClosed:
        return has_failed_ ? ok() : Status(unexpected("a packet after the end"));
      case PacketQueue::State::kTimedOut:
        break;
    }
    // A decoder that hangs when the server is gone would keep the process for ever.
    if (is_server_gone()) ::_exit(1);
  }
}

bool Worker::is_server_gone() const {
  pollfd socket{.fd = descriptor_, .events = 0, .revents = 0};
  return ::poll(&socket, 1, 0) > 0 && (socket.revents & (POLLHUP | POLLERR)) != 0;
}

void Worker::guard(const Status& status) {
  if (!status.has_value()) fail(status.error());
}

void Worker::fail(const Error& error) {
  if (has_failed_.exchange(true)) return;
  writer_.write(write_failure(error.message).span());
  packets_.close();
  ::shutdown(descriptor_, SHUT_RD);  // Wakes the reader.
}

void Worker::drain() {
  if (audio_ && !has_failed_) audio_->finish();
  packets_.close();
  if (decode_thread_.joinable()) decode_thread_.join();
  for (auto& rung : rungs_) rung->queue().close();
  for (auto& thread : rung_threads_) thread.join();
}

}  // namespace millrace::transcode::worker

namespace millrace::transcode {
namespace {

/// What is private to it and may be written: heap, pictures, stacks. A sanitizer's shadow would
/// count.
void limit_memory([[maybe_unused]] std::size_t bytes) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const rlimit limit{.rlim_cur = bytes, .rlim_max = bytes};
  if (bytes > 0) (void)::setrlimit(RLIMIT_DATA, &limit);  // It may only fail to lower it.
#endif
}

}  // namespace

int run_worker(int descriptor, const WorkerLimits& limits, const DeviceOpener& open_device,
               ServerPlace server) {
  limit_memory(limits.memory);
  worker::limit_cores(limits.cores, limits.turn);
  // Broken streams are the source's business, and counted; libavcodec would write a line for each.
  av_log_set_level(AV_LOG_QUIET);
  ::setenv("SVT_LOG", "0", 0);  // Fatal errors only; it writes its settings otherwise.
  return worker::Worker(descriptor, open_device, server).run();
}

}  // namespace millrace::transcode
