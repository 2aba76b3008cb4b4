#pragma once
// The whole server: made back to front, stopped in flow order.
#include "app/config.h"

namespace millrace::app {

struct ServerOptions {
  bool is_demo = false;           ///< Starts the demo channel and prints where to look.
  std::string executable_folder;  ///< Where millrace-transcoder is when transcode.worker is empty.
};

/// Serves until SIGINT or SIGTERM; the exit code. The calling thread waits for signals, so that no
/// other thread of the process gets them.
int run_server(const Config& config, const ServerOptions& options);

}  // namespace millrace::app
