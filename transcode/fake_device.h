#pragma once
// A device made of the CPU that fails on command, to rehearse failures with. Its encoder's
// parameter sets are not those of a worker without a device, as a GPU's are not.
//
// MILLRACE_FAKE_DEVICES, in the environment of a worker, names a file for each, with ':' between:
// "fake:0" is the first one. What the file says when a picture comes is done with it: "decode" or
// "encode" (an error), "hang", "crash"; "open" refuses to open. No such file, or an empty one: all
// is well.
#include <string>
#include <vector>

#include "transcode/device.h"

namespace millrace::transcode {

/// The names of those there are.
std::vector<std::string> fake_devices();
/// A DeviceOpener of fakes only.
Result<std::unique_ptr<Device>> open_fake_device(std::string_view name);

}  // namespace millrace::transcode
