#pragma once
// A crash report once more: what a worker was sent, from a file.
#include <string>

#include "transcode/device.h"

namespace millrace::transcode::worker {

/// Feeds the file to a worker in this process, which crashes as the one before did, or prints to
/// standard output what came of it. The exit code.
int replay(const std::string& path, const DeviceOpener& open_device);

}  // namespace millrace::transcode::worker
