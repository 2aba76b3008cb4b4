#pragma once
// `millrace-transcoder --listen`: gives workers to servers on other machines, over mutual TLS. Each
// connection has a process of its own, which shakes hands and is the worker then: one that crashes
// takes its channel's ladder alone, and what is not trusted is not read in the parent.
//
// Thread: the process' only one; each child has what a worker has, and one for the connection.
#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"
#include "transcode/transcode.h"

namespace millrace::transcode::worker {

struct ListenOptions {
  std::string address;           ///< ADDRESS:PORT.
  std::string certificate_file;  ///< PEM: what servers know us by; with its key.
  std::string key_file;
  std::string ca_file;  ///< PEM: what we know servers by.
  std::size_t max_workers =
      0;  ///< At once; further servers are told so and closed. 0: by the cores.
  std::size_t worker_memory = kWorkerMemory;  ///< Bytes; 0: any.
};

/// Pairs of an option and its value.
Result<ListenOptions> parse_listen_options(std::span<char* const> words);

/// Until SIGTERM or SIGINT, which ends the workers too. The exit code, also of a child.
int listen(ListenOptions options);

}  // namespace millrace::transcode::worker
