#include "transcode/worker/message_writer.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>

#include "tests/transcode/worker/wire.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace millrace;
using namespace millrace::transcode::worker;

namespace {

// Larger than any default of a socket's buffer.
constexpr std::size_t kLarge = 4 * 1024 * 1024;

Bytes filled(std::size_t size, std::uint8_t with) {
  MutableBytes bytes(size);
  std::fill_n(bytes.data(), size, with);
  return Bytes(std::move(bytes));
}

}  // namespace

TEST_CASE("a message goes out as its two pieces, one behind the other", "[message_writer]") {
  test::Wire wire;
  MessageWriter writer(wire.worker_end());
  EncodedPacket packet;
  packet.payload = Bytes::copy_of("a picture");
  const Bytes head = write_packet_header({.rung = 3, .packets_taken = 0, .packet = packet});
  CHECK(writer.write(head.span(), packet.payload.span()));
  CHECK(writer.write(write_failure("alone").span()));
  const auto messages = wire.messages();
  REQUIRE(messages.size() == 2);
  CHECK(read_packet(messages[0].body).value().packet.payload == packet.payload);
  CHECK(read_failure(messages[1].body).value() == "alone");
}

TEST_CASE("large messages of several threads arrive whole", "[message_writer]") {
  test::Wire wire;
  MessageWriter writer(wire.worker_end());
  constexpr int kThreads = 4, kMessages = 8;
  std::vector<std::thread> threads;
  for (std::uint8_t rung = 0; rung < kThreads; ++rung)
    threads.emplace_back([&writer, rung] {
      EncodedPacket packet;
      packet.payload = filled(kLarge / 8, rung);
      const Bytes head = write_packet_header({.rung = rung, .packets_taken = 0, .packet = packet});
      for (int i = 0; i < kMessages; ++i) writer.write(head.span(), packet.payload.span());
    });
  for (auto& thread : threads) thread.join();
  const auto messages = wire.messages();
  CHECK(messages.size() == kThreads * kMessages);
  for (std::uint8_t rung = 0; rung < kThreads; ++rung) {
    const auto packets = test::packets_of(messages, rung);
    CHECK(packets.size() == kMessages);
    for (const auto& message : packets) CHECK(message.packet.payload == filled(kLarge / 8, rung));
  }
}

TEST_CASE("a server that does not read makes the writer wait", "[message_writer]") {
  const test::SocketPair sockets;
  MessageWriter writer(sockets.worker());
  std::atomic<bool> is_written = false;
  std::thread thread([&] {
    writer.write(filled(kLarge, 1).span());
    is_written = true;
  });
  std::vector<std::uint8_t> buffer(kLarge / 2);
  const auto receive_half = [&] {
    return ::recv(sockets.server(), buffer.data(), buffer.size(), MSG_WAITALL);
  };
  CHECK(receive_half() == static_cast<ssize_t>(buffer.size()));
  CHECK_FALSE(is_written);  // What is left is more than the socket takes.
  CHECK(receive_half() == static_cast<ssize_t>(buffer.size()));
  thread.join();
  CHECK(is_written);
}

TEST_CASE("a signal in the middle of a message does not cut it", "[message_writer]") {
  struct sigaction ignored {};
  ignored.sa_handler = [](int) {};  // Without SA_RESTART: what is being sent ends early.
  struct sigaction before {};
  REQUIRE(::sigaction(SIGUSR1, &ignored, &before) == 0);
  const test::SocketPair sockets;
  MessageWriter writer(sockets.worker());
  const Bytes head = filled(kLarge, 1), payload = filled(kLarge, 2);
  std::atomic<bool> is_written = false;
  std::thread thread([&] { is_written = writer.write(head.span(), payload.span()); });
  MutableBytes received(2 * kLarge);
  for (std::size_t at = 0; at < received.size(); at += kLarge / 2) {
    REQUIRE(::recv(sockets.server(), received.data() + at, kLarge / 2, MSG_WAITALL) == kLarge / 2);
    if (at + kLarge / 2 < received.size()) ::pthread_kill(thread.native_handle(), SIGUSR1);
  }
  thread.join();
  REQUIRE(::sigaction(SIGUSR1, &before, nullptr) == 0);
  CHECK(is_written);
  const Bytes all(std::move(received));
  CHECK(all.slice(0, kLarge) == head);
  CHECK(all.slice(kLarge) == payload);
}

TEST_CASE("a server that is gone ends the writing, for good", "[message_writer]") {
  test::Wire wire;
  MessageWriter writer(wire.worker_end());
  CHECK(writer.write(write_ready().span()));
  CHECK_FALSE(writer.has_failed());
  wire.hang_up();
  CHECK_FALSE(writer.write(filled(kLarge, 1).span()));
  CHECK(writer.has_failed());
  CHECK_FALSE(writer.write({}));
}
