// millrace-transcoder: one channel's ladder, in a process of its own. Started by millrace with the
// socket as descriptor 3.
#include "transcode/transcode.h"

int main() {
  return millrace::transcode::run_worker(3);
}
