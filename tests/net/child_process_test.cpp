#include "net/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.
#include <cerrno>
#include <filesystem>

using namespace std::chrono_literals;
using namespace millrace;

namespace {

/// A shell with the socket as descriptor 3, and what comes of it.
struct Shell {
  explicit Shell(const std::string& script) : give_up(loop) {
    auto spawned = net::spawn("/bin/sh", {"-c", script}, loop,
                              {.on_received =
                                   [this](std::span<const std::uint8_t> bytes) {
                                     received.append(bytes.begin(), bytes.end());
                                     if (received.size() >= stop_at) loop.stop();
                                   },
                               .on_exited =
                                   [this](std::string how) {
                                     exited = std::move(how);
                                     loop.stop();
                                   }});
    REQUIRE(spawned.has_value());
    process = std::move(spawned).value();
  }
  void run() {
    loop.poll();  // Undoes an earlier stop.
    give_up.start(20s, [this] { loop.stop(); });
    if (exited.empty()) loop.run();
    give_up.cancel();
  }
  void send(std::string_view text) { process->send(Bytes::copy_of(text)); }

  net::EventLoop loop;
  net::Timer give_up;
  std::string received, exited;
  std::size_t stop_at = SIZE_MAX;
  std::unique_ptr<net::ChildProcess> process;
};

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator folder("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(folder), end(folder)));
}

}  // namespace

TEST_CASE("a child gets what is sent and its answer comes back", "[child_process]") {
  Shell shell("cat <&3 >&3");
  shell.send("hello ");
  shell.send("child");
  shell.process->close_sending();
  shell.run();
  CHECK(shell.received == "hello child");
  CHECK(shell.exited == "exit code 0");
  CHECK(shell.process->queued_bytes() == 0);
}

TEST_CASE("a child has its socket and no other descriptor of ours", "[child_process]") {
  int kept[2];
  REQUIRE(::pipe(kept) == 0);  // Not close-on-exec.
  Shell shell("exec ls -l /proc/self/fd >&3");
  shell.run();
  CHECK(shell.received.find("socket:") != std::string::npos);
  const auto pipe = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(kept[0]));
  CHECK(shell.received.find(pipe.string()) == std::string::npos);
  ::close(kept[0]);
  ::close(kept[1]);
}

TEST_CASE("everything sent before the end is received before the exit is told", "[child_process]") {
  Shell shell("head -c 150000 /dev/zero >&3; exit 7");
  shell.run();
  CHECK(shell.received.size() == 150'000);
  CHECK(shell.exited == "exit code 7");
}

TEST_CASE("a child that does not read leaves the bytes queued", "[child_process]") {
  Shell shell("echo ready >&3; read word <&3; cat <&3 | wc -c >&3");
  const std::string large(4'000'000, 'x');
  shell.stop_at = 6;
  shell.run();
  shell.send("go\n");
  shell.send(large);
  CHECK(shell.process->queued_bytes() == large.size() + 3);
  shell.stop_at = SIZE_MAX;
  shell.process->close_sending();
  shell.run();
  CHECK(shell.process->queued_bytes() == 0);
  CHECK(shell.received.find("4000000") != std::string::npos);
}

TEST_CASE("a killed child is told by its signal", "[child_process]") {
  Shell shell("exec sleep 100");  // Not a child of the shell's, which would keep the socket open.
  ::kill(shell.process->process_id(), SIGKILL);
  shell.run();
  CHECK(shell.exited == "signal 9");
}

TEST_CASE("the child has none of our descriptors but the socket and stderr", "[child_process]") {
  // As a connection that was accepted: nothing says of it that it is to be closed.
  const int ours = ::fcntl(STDERR_FILENO, F_DUPFD, 100);
  REQUIRE(ours >= 100);
  Shell shell("ls /proc/self/fd >&3");
  shell.run();
  ::close(ours);
  // 4 is ls' own, of the folder.
  CHECK(shell.received == "0\n1\n2\n3\n4\n");
}

TEST_CASE("letting go kills and reaps, and calls nothing any more", "[child_process]") {
  const auto before = open_descriptors();
  int id = 0;
  {
    Shell shell("while :; do echo word >&3; done");
    shell.stop_at = 100;
    shell.run();
    id = shell.process->process_id();
    const auto received = shell.received.size();
    shell.process.reset();
    shell.loop.poll();
    CHECK(shell.received.size() == received);
  }
  CHECK(open_descriptors() == before);
  CHECK(::kill(id, 0) == -1);  // Gone, not a zombie.
  CHECK(errno == ESRCH);
}

TEST_CASE("a program that is not there is an error at once", "[child_process]") {
  net::EventLoop loop;
  const auto spawned = net::spawn("/nowhere/program", {}, loop, {});
  REQUIRE_FALSE(spawned.has_value());
  CHECK(spawned.error().code == ErrorCode::kSystem);
  CHECK(spawned.error().message.find("/nowhere/program") != std::string::npos);
}
