// millrace-transcoder: one channel's ladder, in a process of its own, on the CPU.
#include "transcode/fake_device.h"
#include "transcode/worker/command_line.h"

int main(int count, char** words) {
  using namespace millrace::transcode;
  return worker::run_command_line(count, words, fake_devices(), open_fake_device);
}
