// Viewers who hold a request until its part is published, for bench/system/origin. One thread and
// plain sockets, so that what they cost themselves delays what they measure as little as can be.
//
//   parked_viewers --http PORT --target TEMPLATE [--viewers N] [--parts 10] [--part-ms 200]
//
// Each keeps one HTTP/1.1 connection; a thousand at a time come from one address of 127.0.0.0/8.
// Once all have had an answer (/healthz) they print {"connected": N}. The template is what they
// hold, with {segment} and {part}, or with {number}, which counts parts: `parts` in a segment.
//
// Does what stdin says, line by line: "go NEWEST AHEAD ROUNDS", where NEWEST is the number of the
// newest part there is. In each round all ask for the part so far ahead of the newest, which prints
// {"asked": NUMBER, "at": NS}. When all are answered comes {"number": …, "first": NS, "last": NS,
// "bytes": …}: when the first bytes were here, and the last ones of the last viewer, by the
// monotonic clock. Ends with stdin. As soon as an answer is not 200 or late by seconds it says why
// on stderr, and the exit code is 1.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

// Connections that wait to be accepted at a time: less than any backlog.
constexpr std::size_t kConnectingAtOnce = 200;
constexpr std::size_t kViewersPerAddress = 1000;
constexpr int kEvents = 512;
// A server that is so far behind has stopped.
constexpr auto kPatience = 15s;

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "parked_viewers: {}\n", why);
  std::_Exit(1);
}

[[noreturn]] void fail_by_errno(const std::string& what) {
  fail(fmt::format("{}: {}", what, std::strerror(errno)));
}

std::int64_t nanoseconds(TimePoint time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

std::size_t number_after(std::string_view text, std::string_view key) {
  const auto at = text.find(key);
  std::size_t number = 0;
  if (at != std::string_view::npos)
    std::from_chars(text.data() + at + key.size(), text.data() + text.size(), number);
  return number;
}

struct Options {
  std::uint16_t port = 0;
  std::string target;
  std::size_t viewers = 1000;
  std::uint64_t parts = 10;
  int part_ms = 200;
};

/// One connection, one request at a time.
struct Viewer {
  int descriptor = -1;
  std::string head;      ///< As far as it has come; empty once it is whole.
  std::size_t rest = 0;  ///< Bytes of the body that are missing, once the head is whole.
  bool has_head = false;
  bool is_answered = true;
};

struct Answers {
  TimePoint first{}, last{};
  std::size_t bytes = 0;
};

class Viewers {
 public:
  explicit Viewers(const Options& options) : options_(options), epoll_(::epoll_create1(0)) {
    if (epoll_ < 0) fail_by_errno("epoll_create1");
    viewers_.resize(options.viewers);
  }

  void connect() {
    for (std::size_t from = 0; from < viewers_.size(); from += kConnectingAtOnce) {
      const std::size_t to = std::min(from + kConnectingAtOnce, viewers_.size());
      for (std::size_t i = from; i < to; ++i) connect_one(i);
      ask("/healthz", from, to);
      await(to - from);
    }
    fmt::print("{{\"connected\": {}}}\n", viewers_.size());
    std::fflush(stdout);
  }

  void hold(std::uint64_t newest, std::uint64_t ahead, std::size_t rounds) {
    for (std::size_t round = 0; round < rounds; ++round) {
      const std::uint64_t number = newest + ahead;
      ask(fmt::format(fmt::runtime(options_.target), fmt::arg("number", number),
                      fmt::arg("segment", number / options_.parts),
                      fmt::arg("part", number % options_.parts)),
          0, viewers_.size());
      fmt::print("{{\"asked\": {}, \"at\": {}}}\n", number, nanoseconds(Clock::now()));
      std::fflush(stdout);
      const Answers answers = await(viewers_.size());
      fmt::print("{{\"number\": {}, \"first\": {}, \"last\": {}, \"bytes\": {}}}\n", number,
                 nanoseconds(answers.first), nanoseconds(answers.last), answers.bytes);
      std::fflush(stdout);
      newest = number + static_cast<std::uint64_t>((Clock::now() - answers.first) /
                                                   std::chrono::milliseconds(options_.part_ms));
    }
  }

 private:
  void connect_one(std::size_t i) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) fail_by_errno("socket");
    const int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    sockaddr_in here{}, there{};
    here.sin_family = there.sin_family = AF_INET;
    // 127.1.0.1, 127.1.0.2, …
    here.sin_addr.s_addr =
        ::htonl(0x7f010001U + static_cast<std::uint32_t>(i / kViewersPerAddress));
    there.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    there.sin_port = ::htons(options_.port);
    if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&here), sizeof(here)) != 0)
      fail_by_errno("bind");
    if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&there), sizeof(there)) != 0)
      fail_by_errno("connect");
    epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) fail_by_errno("epoll_ctl");
    viewers_[i].descriptor = descriptor;
  }

  void ask(const std::string& target, std::size_t from, std::size_t to) {
    // What hls.js in a browser says, without what only names the browser.
    const auto request = fmt::format(
        "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: keep-alive\r\nUser-Agent: "
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 "
        "Safari/537.36\r\nAccept: */*\r\nReferer: http://127.0.0.1/\r\nAccept-Encoding: gzip, "
        "deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n",
        target, options_.port);
    for (std::size_t i = from; i < to; ++i) {
      viewers_[i].is_answered = viewers_[i].has_head = false;
      if (::send(viewers_[i].descriptor, request.data(), request.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(request.size()))
        fail_by_errno("a viewer was cut");
    }
    target_ = target;
  }

  /// Until so many have their whole answer.
  Answers await(std::size_t count) {
    Answers answers;
    std::array<epoll_event, kEvents> events;
    const auto until = Clock::now() + kPatience;
    while (count > 0) {
      if (Clock::now() > until) fail(fmt::format("{} viewers wait for {}", count, target_));
      const int ready = ::epoll_wait(epoll_, events.data(), kEvents, 1000);
      for (int i = 0; i < ready; ++i)
        count -= receive(viewers_[events[static_cast<std::size_t>(i)].data.u64], answers) ? 1 : 0;
    }
    return answers;
  }

  /// Whether the answer is whole now.
  bool receive(Viewer& viewer, Answers& answers) {
    const auto count = ::recv(viewer.descriptor, scratch_.data(), scratch_.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (count <= 0) fail(fmt::format("a viewer of {} was cut", target_));
    const auto now = Clock::now();
    std::string_view bytes(scratch_.data(), static_cast<std::size_t>(count));
    if (viewer.is_answered) fail("a viewer got more than it asked for");
    if (answers.bytes == 0) answers.first = now;
    answers.bytes += bytes.size();
    if (!viewer.has_head && !take_head(viewer, bytes)) return false;
    if (bytes.size() > viewer.rest) fail("a viewer got more than its answer");
    viewer.rest -= bytes.size();
    if (viewer.rest > 0) return false;
    viewer.is_answered = true;
    answers.last = now;
    return true;
  }

  /// Leaves in `bytes` what belongs to the body. False while the head is not whole.
  bool take_head(Viewer& viewer, std::string_view& bytes) {
    const std::size_t known = viewer.head.size();
    viewer.head += bytes;
    const auto end = viewer.head.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    bytes.remove_prefix(end + 4 - known);
    viewer.head.resize(end);
    if (!viewer.head.starts_with("HTTP/1.1 200 "))
      fail(fmt::format("{} is answered {}", target_, viewer.head.substr(0, 60)));
    viewer.rest = number_after(viewer.head, "Content-Length: ");
    viewer.has_head = true;
    viewer.head.clear();
    return true;
  }

  const Options options_;
  const int epoll_;
  std::vector<Viewer> viewers_;
  std::array<char, 256 * 1024> scratch_{};
  std::string target_;
};

// A socket each.
void raise_descriptor_limit(std::size_t viewers) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t wanted = viewers + 100;
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  limit.rlim_max = std::max(limit.rlim_max, wanted);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
    fail_by_errno(fmt::format("{} descriptors (ulimit -n)", wanted));
}

}  // namespace

int main(int count, char** arguments) {
  Options options;
  CLI::App app;
  app.add_option("--http", options.port)->required();
  app.add_option("--target", options.target)->required();
  app.add_option("--viewers", options.viewers)->check(CLI::PositiveNumber);
  app.add_option("--parts", options.parts)->check(CLI::PositiveNumber);
  app.add_option("--part-ms", options.part_ms)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, count, arguments);
  raise_descriptor_limit(options.viewers);
  Viewers viewers(options);
  viewers.connect();
  std::string word;
  std::uint64_t newest = 0, ahead = 0;
  std::size_t rounds = 0;
  while (std::cin >> word >> newest >> ahead >> rounds) viewers.hold(newest, ahead, rounds);
}
