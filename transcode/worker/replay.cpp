#include "transcode/worker/replay.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <thread>
#include <vector>

#include "transcode/worker/protocol.h"
#include "transcode/worker/worker.h"

namespace millrace::transcode::worker {
namespace {

void send_all(int descriptor, const std::vector<char>& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count =
        ::send(descriptor, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) break;
    sent += static_cast<std::size_t>(count);
  }
  ::shutdown(descriptor, SHUT_WR);
}

/// What the worker sends, up to its end.
void read_all(int descriptor) {
  std::map<int, std::size_t> packets;
  std::string failure;
  FrameReader frames;
  std::array<std::uint8_t, 65536> buffer{};
  const FrameReader::Handler handler = [&](MessageType type, const Bytes& body) -> Status {
    if (type == MessageType::kPacket) {
      ASSIGN_OR_RETURN(const auto message, read_packet(body));
      ++packets[message.rung];
    } else if (type == MessageType::kFailure) {
      ASSIGN_OR_RETURN(failure, read_failure(body));
    }
    return ok();
  };
  for (ssize_t count = 0; (count = ::recv(descriptor, buffer.data(), buffer.size(), 0)) > 0;)
    if (!frames.append({buffer.data(), static_cast<std::size_t>(count)}, handler).has_value())
      break;
  for (const auto& [rung, count] : packets) fmt::print("rung {}: {} packets\n", rung, count);
  if (!failure.empty()) fmt::print("failed: {}\n", failure);
}

}  // namespace

int replay(const std::string& path, const DeviceOpener& open_device) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.empty()) {
    fmt::print(stderr, "{} cannot be read\n", path);
    return 1;
  }
  std::array<int, 2> sockets{};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, sockets.data()) != 0) return 1;
  std::thread writer([&] { send_all(sockets[0], bytes); });
  std::thread reader([&] { read_all(sockets[0]); });
  const int code = run_worker(sockets[1], {}, open_device);
  ::close(sockets[1]);
  writer.join();
  reader.join();
  ::close(sockets[0]);
  return code;
}

}  // namespace millrace::transcode::worker
