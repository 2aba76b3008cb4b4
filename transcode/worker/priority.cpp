#include "transcode/worker/priority.h"

#include <sys/resource.h>

namespace millrace::transcode::worker {

void Priority::apply() {
  thread_local bool has_given_way = false;
  if (has_given_way || is_in_haste()) return;
  has_given_way = true;
  // Linux: of the calling thread alone. One that has less already must not ask for more.
  if (::getpriority(PRIO_PROCESS, 0) < kNiceness) (void)::setpriority(PRIO_PROCESS, 0, kNiceness);
}

}  // namespace millrace::transcode::worker
