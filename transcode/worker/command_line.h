#pragma once
// What the worker's binaries have in common: they differ by the devices that they know.
//
//   … MEMORY CORES TURN   serves a ladder on descriptor 3, started by millrace: how many bytes of
//                         memory it may have, on how many cores it may run (0: any), and whose turn
//                         among the workers it is
//   … --probe             tries the devices, and tells of them on descriptor 3
//   … --listen ADDRESS:PORT --certificate FILE --key FILE --ca FILE
//     [--max-workers N] [--worker-memory BYTES]
//                         gives workers to servers on other machines, on the CPU
//   … --replay FILE       does again what a crash report is of
#include <string>
#include <vector>

#include "transcode/device.h"

namespace millrace::transcode::worker {

/// The exit code.
int run_command_line(int count, char** words, const std::vector<std::string>& devices,
                     const DeviceOpener& open_device);

}  // namespace millrace::transcode::worker
