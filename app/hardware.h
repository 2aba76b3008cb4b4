#pragma once
// Which binaries encode, and what devices they find.
#include <string>
#include <vector>

#include "app/config.h"
#include "app/options.h"

namespace millrace::app {

struct WorkerPaths {
  std::string cpu;
  std::string device;
};

/// `executable_folder`: where they are when transcode.worker is empty. The one for devices is
/// beside the other.
WorkerPaths worker_paths(const TranscodeConfig& config, const std::string& executable_folder);

/// A table for people.
std::string describe(const std::vector<transcode::FoundDevice>& devices);

/// `millrace probe-hardware`: tries what there is; blocks for up to half a minute.
Exit probe_hardware(const std::string& executable_folder);

}  // namespace millrace::app
