#pragma once
// Tries a device as a ladder would use it: pictures that the CPU has encoded are decoded, scaled
// and encoded again. Thread: the caller's.
#include <string>
#include <vector>

#include "transcode/device.h"

namespace millrace::transcode::worker {

FoundDevice probe(const std::string& name, const DeviceOpener& open_device);

/// Sends what each is found to be to `descriptor` as soon as it is known, in frames of the
/// protocol. The process's exit code.
int send_probes(int descriptor, const std::vector<std::string>& names,
                const DeviceOpener& open_device);

}  // namespace millrace::transcode::worker
