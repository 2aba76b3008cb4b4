#pragma once
// The server's end of a worker's socket, which reads as fast as the worker writes.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <vector>

#include "transcode/worker/protocol.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

namespace millrace::test {

class SocketPair {
 public:
  SocketPair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()) == 0); }
  ~SocketPair() {
    for (const int end : ends_) ::close(end);
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;

  int server() const { return ends_[0]; }
  int worker() const { return ends_[1]; }

 private:
  std::array<int, 2> ends_{};
};

struct Message {
  transcode::worker::MessageType type;
  Bytes body;
};

class Wire {
 public:
  Wire() : reader_([this] { read_all(); }) {}
  ~Wire() { stop_reading(); }

  int worker_end() const { return sockets_.worker(); }
  /// False once the worker reads no more.
  bool send(const Bytes& bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
      const ssize_t count =
          ::send(sockets_.server(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count < 0) return false;
      sent += static_cast<std::size_t>(count);
    }
    return true;
  }
  void close_sending() { ::shutdown(sockets_.server(), SHUT_WR); }
  /// As a server does that dies.
  void hang_up() {
    ::shutdown(sockets_.server(), SHUT_RDWR);
    stop_reading();
  }
  /// All that the worker wrote; it writes no more.
  std::vector<Message> messages() {
    ::shutdown(sockets_.worker(), SHUT_WR);
    stop_reading();
    std::vector<Message> all;
    transcode::worker::FrameReader frames;
    const auto status = frames.append(received_, [&all](auto type, Bytes body) {
      all.push_back({type, std::move(body)});
      return ok();
    });
    REQUIRE(status.has_value());
    return all;
  }

 private:
  void read_all() {
    std::array<std::uint8_t, 16384> buffer;
    for (;;) {
      const ssize_t count = ::recv(sockets_.server(), buffer.data(), buffer.size(), 0);
      if (count <= 0) return;
      received_.insert(received_.end(), buffer.begin(), buffer.begin() + count);
    }
  }
  void stop_reading() {
    ::shutdown(sockets_.worker(), SHUT_WR);
    if (reader_.joinable()) reader_.join();
  }

  SocketPair sockets_;
  std::vector<std::uint8_t> received_;  // The reader's until it is joined.
  std::thread reader_;
};

/// The bodies of one type.
inline std::vector<Bytes> bodies(const std::vector<Message>& messages,
                                 transcode::worker::MessageType type) {
  std::vector<Bytes> found;
  for (const auto& message : messages)
    if (message.type == type) found.push_back(message.body);
  return found;
}

inline std::vector<transcode::worker::PacketMessage> packets_of(
    const std::vector<Message>& messages, std::uint8_t rung) {
  std::vector<transcode::worker::PacketMessage> found;
  for (const auto& body : bodies(messages, transcode::worker::MessageType::kPacket)) {
    auto packet = transcode::worker::read_packet(body);
    REQUIRE(packet.has_value());
    if (packet.value().rung == rung) found.push_back(std::move(packet).value());
  }
  return found;
}

}  // namespace millrace::test
