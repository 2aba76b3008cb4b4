#include "transcode/device_probe.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"

namespace millrace::transcode {
namespace {

constexpr std::chrono::seconds kDeadline(30);
constexpr std::size_t kMostDevices = 64;

}  // namespace

WorkerProbe::WorkerProbe(net::EventLoop& loop, Reply reply)
    : loop_(loop), reply_(std::move(reply)), deadline_(loop) {}

Status WorkerProbe::start(const std::string& worker_path) {
  ASSIGN_OR_RETURN(worker_, net::spawn(worker_path, {"--probe"}, loop_,
                                       {.on_received = [this](auto bytes) { on_received(bytes); },
                                        .on_exited = [this](auto how) { on_exited(how); }}));
  deadline_.start(kDeadline, [this] { end("it hangs"); });
  return ok();
}

void WorkerProbe::on_received(std::span<const std::uint8_t> bytes) {
  const Status status = frames_.append(bytes, [this](auto type, const Bytes& body) -> Status {
    if (type != worker::MessageType::kDevice || found_.size() == kMostDevices)
      return Error{ErrorCode::kInvalidData, "it sends what is no device"};
    ASSIGN_OR_RETURN(auto device, worker::read_device(body));
    found_.push_back(std::move(device));
    return ok();
  });
  if (!status.has_value()) end(status.error().message);
}

void WorkerProbe::on_exited(const std::string& how) {
  end(how == "exit code 0" ? "" : how);
}

void WorkerProbe::end(std::string_view problem) {
  deadline_.cancel();
  worker_.reset();
  const Reply reply = std::exchange(reply_, nullptr);
  if (!reply) return;
  if (problem.empty()) return reply(std::move(found_));
  if (found_.empty())
    return reply(Error{ErrorCode::kClosed, fmt::format("the probe of devices: {}", problem)});
  log::warning("transcode", "the probe of devices ended early devices={} why=\"{}\"", found_.size(),
               problem);
  reply(std::move(found_));
}

Result<std::unique_ptr<DeviceProbe>> probe_devices(
    const std::string& worker_path, net::EventLoop& loop,
    std::function<void(Result<std::vector<FoundDevice>>)> reply) {
  auto probe = std::make_unique<WorkerProbe>(loop, std::move(reply));
  RETURN_IF_ERROR(probe->start(worker_path));
  return probe;
}

}  // namespace millrace::transcode
