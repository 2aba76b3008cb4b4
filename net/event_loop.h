#pragma once
// Event loops, one thread each, never blocked: connections, timers, channels. A connection and a
// channel live on one loop, so their code has no locks.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace millrace::net {

class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Runs `task` on the loop's thread, later; never inside this call. Any thread.
  void post(std::function<void()> task);
  /// Whether the caller is on the loop's thread. Any thread.
  bool is_current() const;
  /// For net/ only: what sockets and timers are made of.
  boost::asio::io_context& context();

  /// Runs on the calling thread until stop(). Tests call it directly; a group has threads for it.
  void run();
  /// Runs what is ready, without waiting. For tests.
  void poll();
  /// run() returns after the task in progress. Any thread.
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::atomic<std::thread::id> thread_{};
};

/// One-shot timer. Everything on the loop's thread. Destroying or starting it again cancels: the
/// cancelled task never runs afterwards.
class Timer {
 public:
  explicit Timer(EventLoop& loop);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void start(std::chrono::nanoseconds delay, std::function<void()> task);
  void cancel();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// The process' loops and their threads.
class EventLoopGroup {
 public:
  explicit EventLoopGroup(std::size_t count);
  /// Stops and joins.
  ~EventLoopGroup();

  std::size_t size() const { return loops_.size(); }
  EventLoop& loop(std::size_t index) { return *loops_[index]; }
  /// Starts the threads.
  void start();
  void stop_and_join();

 private:
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::vector<std::thread> threads_;
};

}  // namespace millrace::net
