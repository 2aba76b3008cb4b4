#include "transcode/worker/command_line.h"

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

#include "transcode/worker/listener.h"
#include "transcode/worker/probe.h"
#include "transcode/worker/replay.h"
#include "transcode/worker/worker.h"

namespace millrace::transcode::worker {
namespace {

constexpr int kServer = 3;

int listen_by(std::span<char* const> words) {
  auto options = parse_listen_options(words);
  if (options.has_value()) return listen(std::move(options).value());
  std::fprintf(stderr, "millrace-transcoder: %s\n", options.error().message.c_str());
  return EXIT_FAILURE;
}

}  // namespace

int run_command_line(int count, char** words, const std::vector<std::string>& devices,
                     const DeviceOpener& open_device) {
  const std::string_view first = count > 1 ? words[1] : "";
  if (count == 3 && first == "--replay") return replay(words[2], open_device);
  if (count == 2 && first == "--probe") return send_probes(kServer, devices, open_device);
  if (first.starts_with("--")) return listen_by({words + 1, static_cast<std::size_t>(count - 1)});
  WorkerLimits limits;
  if (count > 1) limits.memory = std::strtoull(words[1], nullptr, 10);
  if (count > 2) limits.cores = std::strtoull(words[2], nullptr, 10);
  if (count > 3) limits.turn = std::strtoull(words[3], nullptr, 10);
  return run_worker(kServer, limits, open_device);
}

}  // namespace millrace::transcode::worker
