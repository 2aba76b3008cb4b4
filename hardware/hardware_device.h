#pragma once
// GPUs through libavcodec's and libavfilter's hardware contexts: NVIDIA's (NVDEC, scale_cuda,
// NVENC), and Intel's and AMD's (VAAPI). Pictures stay in the GPU's memory between decoder, scaler
// and encoder. libavfilter is why this is a binary of its own: it costs every start of a worker
// 0.08 s of CPU and 22 MB.
//
// docs/decisions/0020-devices.md tells what of this has been seen to work.
#include <string>
#include <vector>

#include "transcode/device.h"

namespace millrace::hardware {

/// Names of the devices whose files there are; and of fakes.
std::vector<std::string> devices();

/// A transcode::DeviceOpener of all of them.
Result<std::unique_ptr<transcode::Device>> open_device(std::string_view name);

}  // namespace millrace::hardware
