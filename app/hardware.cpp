#include "app/hardware.h"

#include <fmt/format.h>

#include <optional>

#include "net/event_loop.h"

namespace millrace::app {
namespace {

std::string names_of(const std::vector<Codec>& codecs) {
  std::string names;
  for (const Codec codec : codecs)
    names += fmt::format("{}{}", names.empty() ? "" : " ", to_string(codec));
  return names.empty() ? "-" : names;
}

}  // namespace

WorkerPaths worker_paths(const TranscodeConfig& config, const std::string& executable_folder) {
  const std::string cpu =
      config.worker.empty() ? executable_folder + "/millrace-transcoder" : config.worker;
  return {.cpu = cpu, .device = cpu + "-gpu"};
}

std::string describe(const std::vector<transcode::FoundDevice>& devices) {
  if (devices.empty()) return "no devices: rungs are made on the CPU\n";
  std::string text;
  for (const auto& device : devices) {
    if (!device.problem.empty()) {
      text += fmt::format("{}: of no use: {}\n", device.name, device.problem);
      continue;
    }
    text += fmt::format("{}: decodes {}; encodes {}", device.name, names_of(device.decodes),
                        names_of(device.encodes));
    if (device.sessions > 0) text += fmt::format("; {} encoders at once", device.sessions);
    text += '\n';
  }
  return text;
}

Exit probe_hardware(const std::string& executable_folder) {
  net::EventLoop loop;
  std::optional<Result<std::vector<transcode::FoundDevice>>> found;
  const auto probe =
      transcode::probe_devices(worker_paths({}, executable_folder).device, loop, [&](auto result) {
        found = std::move(result);
        loop.stop();
      });
  if (!probe.has_value()) return {kExitFailure, probe.error().message + "\n"};
  loop.run();
  if (!found->has_value()) return {kExitFailure, found->error().message + "\n"};
  return {kExitOk, describe(found->value())};
}

}  // namespace millrace::app
