#include "net/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/write.hpp>

extern char** environ;  // NOLINT: POSIX declares it nowhere.

namespace millrace::net {
namespace {

namespace asio = boost::asio;

// The child's end of the socket.
constexpr int kChildDescriptor = 3;
constexpr std::size_t kReadSize = 64 * 1024;
// Buffers in one system call.
constexpr std::size_t kMaxGather = 16;

std::string describe_end(int status) {
  return WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                             : fmt::format("exit code {}", WEXITSTATUS(status));
}

Error system_error(std::string_view what, int error) {
  return Error{ErrorCode::kSystem,
               fmt::format("child process: {}: {}", what, std::strerror(error))};
}

Result<pid_t> start(const std::string& path, const std::vector<std::string>& arguments,
                    int socket) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, socket, kChildDescriptor);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  // Nothing else of ours, whether or not it is close-on-exec, which libraries' sockets are not all:
  // a connection would stay open, and a port taken, for as long as the child lives.
  posix_spawn_file_actions_addclosefrom_np(&actions, kChildDescriptor + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  // Its own process group: a terminal's Ctrl-C is ours to act on, and the closed socket its.
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  std::vector<char*> words{const_cast<char*>(path.c_str())};
  for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  pid_t process = -1;
  const int error =
      posix_spawn(&process, path.c_str(), &actions, &attributes, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return system_error("cannot start " + path, error);
  return process;
}

/// Shared with the handlers of operations in progress, which outlive the ChildProcess.
struct Connection : std::enable_shared_from_this<Connection> {
  Connection(asio::io_context& context, ChildProcessEvents its_events)
      : socket(context), exit_watch(context), events(std::move(its_events)) {}

  void read() {
    socket.async_read_some(
        asio::buffer(buffer),
        [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
          if (self->is_abandoned) return;
          if (error) {
            self->has_drained = true;
            self->report_end();
            return;
          }
          self->events.on_received({self->buffer.data(), size});
          if (!self->is_abandoned) self->read();
        });
  }

  void write() {
    if (is_writing || queue.empty()) return;
    is_writing = true;
    std::vector<asio::const_buffer> buffers;
    for (std::size_t i = 0; i < queue.size() && i < kMaxGather; ++i)
      buffers.emplace_back(queue[i].data(), queue[i].size());
    socket.async_write_some(
        buffers, [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
          self->is_writing = false;
          if (self->is_abandoned) return;
          if (error) {  // Its end is told by the exit watch.
            self->queue.clear();
            self->queued_bytes = 0;
            self->is_broken = true;
            return;
          }
          self->queued_bytes -= size;
          while (size > 0) {
            Bytes& front = self->queue.front();
            const std::size_t sent = std::min(size, front.size());
            size -= sent;
            if (sent == front.size())
              self->queue.pop_front();
            else
              front = front.slice(sent);
          }
          if (self->queue.empty() && self->close_when_sent) self->shut_down_sending();
          self->write();
        });
  }

  void shut_down_sending() {
    boost::system::error_code ignored;  // A peer that is gone is told by the exit watch.
    socket.shutdown(asio::local::stream_protocol::socket::shutdown_send, ignored);
  }

  void watch_exit() {
    exit_watch.async_wait(asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](boost::system::error_code error) {
                            if (error || self->is_abandoned) return;
                            int status = 0;
                            if (waitpid(self->process, &status, WNOHANG) != self->process) {
                              self->watch_exit();
                              return;
                            }
                            self->has_exited = true;
                            self->end = describe_end(status);
                            self->report_end();
                          });
  }

  void report_end() {
    if (!has_exited || !has_drained || !events.on_exited) return;
    const auto tell = std::exchange(events.on_exited, nullptr);
    tell(end);
  }

  asio::local::stream_protocol::socket socket;
  asio::posix::stream_descriptor exit_watch;
  ChildProcessEvents events;
  pid_t process = -1;
  std::array<std::uint8_t, kReadSize> buffer;
  std::deque<Bytes> queue;
  std::size_t queued_bytes = 0;
  bool is_writing = false;
  bool is_broken = false;
  bool close_when_sent = false;
  bool has_drained = false;
  bool has_exited = false;
  bool is_abandoned = false;
  std::string end;
};

class SpawnedProcess final : public ChildProcess {
 public:
  explicit SpawnedProcess(std::shared_ptr<Connection> connection)
      : connection_(std::move(connection)) {}
  ~SpawnedProcess() override {
    connection_->is_abandoned = true;
    if (!connection_->has_exited) {
      ::kill(connection_->process, SIGKILL);
      // A killed process ends at once; this collects it.
      while (waitpid(connection_->process, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    boost::system::error_code ignored;
    connection_->socket.close(ignored);
    connection_->exit_watch.close(ignored);
    connection_->events = {};
  }

  void send(Bytes bytes) override {
    if (connection_->is_broken || bytes.empty()) return;
    connection_->queued_bytes += bytes.size();
    connection_->queue.push_back(std::move(bytes));
    connection_->write();
  }
  std::size_t queued_bytes() const override { return connection_->queued_bytes; }
  void close_sending() override {
    connection_->close_when_sent = true;
    if (connection_->queue.empty()) connection_->shut_down_sending();
  }
  int process_id() const override { return connection_->process; }

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace

Result<std::unique_ptr<ChildProcess>> spawn(const std::string& path,
                                            const std::vector<std::string>& arguments,
                                            EventLoop& loop, ChildProcessEvents events) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return system_error("no socket pair", errno);
  // posix_spawn's dup2 onto itself would leave close-on-exec set.
  if (ends[1] == kChildDescriptor) {
    const int moved = fcntl(ends[1], F_DUPFD_CLOEXEC, kChildDescriptor + 1);
    ::close(ends[1]);
    ends[1] = moved;
  }
  auto process = start(path, arguments, ends[1]);
  ::close(ends[1]);
  if (!process.has_value()) {
    ::close(ends[0]);
    return std::move(process).error();
  }
  const auto connection = std::make_shared<Connection>(loop.context(), std::move(events));
  connection->process = process.value();
  auto child = std::make_unique<SpawnedProcess>(connection);
  boost::system::error_code error;
  connection->socket.assign(asio::local::stream_protocol(), ends[0], error);
  if (error) {
    ::close(ends[0]);
    return system_error("socket", error.value());
  }
  const int exit_descriptor = static_cast<int>(syscall(SYS_pidfd_open, connection->process, 0u));
  if (exit_descriptor < 0) return system_error("pidfd_open", errno);
  ::fcntl(exit_descriptor, F_SETFD, FD_CLOEXEC);
  connection->exit_watch.assign(exit_descriptor, error);
  if (error) {
    ::close(exit_descriptor);
    return system_error("exit watch", error.value());
  }
  connection->socket.non_blocking(true, error);
  connection->read();
  connection->watch_exit();
  return child;
}

}  // namespace millrace::net
