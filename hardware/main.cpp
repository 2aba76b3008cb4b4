// millrace-transcoder-gpu: one channel's ladder, in a process of its own, on a GPU.
#include "hardware/hardware_device.h"
#include "transcode/worker/command_line.h"

int main(int count, char** words) {
  using namespace millrace;
  return transcode::worker::run_command_line(count, words, hardware::devices(),
                                             hardware::open_device);
}
