#include "transcode/worker/message_writer.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace millrace::transcode::worker {

bool MessageWriter::write(std::span<const std::uint8_t> head,
                          std::span<const std::uint8_t> payload) {
  const MutexLock lock(mutex_);
  while (!has_failed_ && head.size() + payload.size() > 0) {
    // sendmsg() only reads.
    std::array<iovec, 2> pieces{iovec{const_cast<std::uint8_t*>(head.data()), head.size()},
                                iovec{const_cast<std::uint8_t*>(payload.data()), payload.size()}};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    const ssize_t sent = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      has_failed_ = true;
      break;
    }
    const auto of_head = std::min(head.size(), static_cast<std::size_t>(sent));
    head = head.subspan(of_head);
    payload = payload.subspan(static_cast<std::size_t>(sent) - of_head);
  }
  return !has_failed_;
}

}  // namespace millrace::transcode::worker
