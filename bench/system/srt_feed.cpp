// Publishers over SRT for bench/system/srt. One process, whose sockets share one UDP port, so that
// what they cost themselves is small.
//
//   srt_feed --clip TS --port PORT [--channels N] [--first 0]
//
// Each sends the clip once, at the times of its PCR, in messages of up to seven packets that end
// where a time ends, as an encoder flushes what it has. They are spread over two seconds. The
// stream ids are load0, load1, …, or from another number on. Ends with stdin, or with the clip. As
// soon as a connection is lost it says why on stderr, and the exit code is 1.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <srt/srt.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kPacket = 188;
constexpr std::size_t kMessage = 7 * kPacket;
constexpr auto kSpread = 2'000ms;
constexpr auto kTick = 1ms;

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "srt_feed: {}\n", why);
  std::_Exit(1);
}

struct Message {
  std::size_t at = 0;
  std::size_t size = 0;
  std::chrono::nanoseconds due{};
};

/// Of the program's clock (ISO/IEC 13818-1 2.4.3.5), in units of 27 MHz; nothing: it has none.
std::optional<std::int64_t> clock_of(const std::uint8_t* packet) {
  const bool has_field = packet[3] & 0x20;
  if (!has_field || packet[4] < 7 || !(packet[5] & 0x10)) return std::nullopt;
  std::int64_t base = 0;
  for (int i = 0; i < 4; ++i) base = base << 8 | packet[6 + i];
  base = base << 1 | packet[10] >> 7;
  return base * 300 + ((packet[10] & 1) << 8 | packet[11]);
}

std::vector<Message> plan(const std::vector<std::uint8_t>& clip) {
  std::vector<Message> messages;
  std::optional<std::int64_t> first;
  std::chrono::nanoseconds now{};
  for (std::size_t at = 0; at + kPacket <= clip.size(); at += kPacket) {
    if (const auto clock = clock_of(clip.data() + at)) {
      if (!first) first = clock;
      now = std::chrono::nanoseconds((*clock - *first) * 1000 / 27);
    }
    if (messages.empty() || messages.back().size == kMessage || messages.back().due != now)
      messages.push_back({at, 0, now});
    messages.back().size += kPacket;
  }
  return messages;
}

struct Publisher {
  SRTSOCKET socket = SRT_INVALID_SOCK;
  Clock::time_point start;
  std::size_t next = 0;
};

/// All of them share the first one's port, and so libsrt's two threads.
SRTSOCKET connect(int port, int number, sockaddr_in& local) {
  const SRTSOCKET socket = srt_create_socket();
  const std::string id = fmt::format("load{}", number);
  srt_setsockflag(socket, SRTO_STREAMID, id.data(), static_cast<int>(id.size()));
  if (srt_bind(socket, reinterpret_cast<const sockaddr*>(&local), sizeof(local)) == SRT_ERROR)
    fail(srt_getlasterror_str());
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<std::uint16_t>(port));
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (srt_connect(socket, reinterpret_cast<const sockaddr*>(&server), sizeof(server)) == SRT_ERROR)
    fail(srt_getlasterror_str());
  int length = sizeof(local);
  srt_getsockname(socket, reinterpret_cast<sockaddr*>(&local), &length);
  constexpr bool kNo = false;
  srt_setsockflag(socket, SRTO_SNDSYN, &kNo, sizeof(kNo));
  return socket;
}

bool has_stdin_ended() {
  pollfd input{.fd = 0, .events = POLLIN, .revents = 0};
  return ::poll(&input, 1, 0) > 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Publishers over SRT.");
  std::string path;
  int port = 0, channels = 1, first = 0;
  app.add_option("--clip", path)->required();
  app.add_option("--port", port)->required();
  app.add_option("--channels", channels);
  app.add_option("--first", first);
  CLI11_PARSE(app, argc, argv);

  std::ifstream file(path, std::ios::binary);
  const std::vector<std::uint8_t> clip{std::istreambuf_iterator<char>(file), {}};
  const auto messages = plan(clip);
  if (messages.empty()) fail("no clip");
  srt_startup();
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<Publisher> publishers(static_cast<std::size_t>(channels));
  for (int i = 0; i < channels; ++i)
    publishers[static_cast<std::size_t>(i)].socket = connect(port, first + i, local);
  const auto began = Clock::now();
  for (std::size_t i = 0; i < publishers.size(); ++i)
    publishers[i].start = began + i * kSpread / publishers.size();

  for (auto tick = began; !has_stdin_ended(); tick += kTick) {
    std::this_thread::sleep_until(tick);
    const auto now = Clock::now();
    for (Publisher& one : publishers) {
      for (; one.next < messages.size() && one.start + messages[one.next].due <= now; ++one.next) {
        const Message& message = messages[one.next];
        const auto* const bytes = reinterpret_cast<const char*>(clip.data() + message.at);
        if (srt_send(one.socket, bytes, static_cast<int>(message.size)) == SRT_ERROR)
          fail(srt_getlasterror_str());
      }
      if (one.next == messages.size()) return 0;
    }
  }
  return 0;
}
