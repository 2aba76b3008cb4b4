// millrace-transcoder: one channel's ladder, in a process of its own. Started by millrace with the
// socket as descriptor 3; its argument is how many bytes of memory it may have (0: any). By hand:
//
//   millrace-transcoder --replay FILE      does again what a crash report is of
#include <cstdlib>
#include <string_view>

#include "transcode/transcode.h"
#include "transcode/worker/replay.h"

int main(int count, char** words) {
  using namespace millrace::transcode;
  if (count == 3 && std::string_view(words[1]) == "--replay") return worker::replay(words[2]);
  return run_worker(3, count > 1 ? std::strtoull(words[1], nullptr, 10) : kWorkerMemory);
}
