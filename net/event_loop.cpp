#include "net/event_loop.h"

#include <utility>  // Before Asio: Boost 1.81 needs std::exchange.

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace millrace::net {

struct EventLoop::Impl {
  // Concurrency hint 1: one thread runs it, others only post.
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
      context.get_executor()};
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {}
EventLoop::~EventLoop() = default;

void EventLoop::post(std::function<void()> task) {
  boost::asio::post(impl_->context, std::move(task));
}

bool EventLoop::is_current() const {
  return thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();
}

boost::asio::io_context& EventLoop::context() {
  return impl_->context;
}

void EventLoop::run() {
  thread_ = std::this_thread::get_id();
  impl_->context.run();
}

void EventLoop::poll() {
  thread_ = std::this_thread::get_id();
  impl_->context.restart();
  impl_->context.poll();
}

void EventLoop::stop() {
  impl_->context.stop();
}

struct Timer::Impl {
  explicit Impl(boost::asio::io_context& context) : timer(context) {}
  boost::asio::steady_timer timer;
  // A completion that was already queued when the timer was cancelled finds another number here.
  std::uint64_t generation = 0;
};

Timer::Timer(EventLoop& loop) : impl_(std::make_shared<Impl>(loop.context())) {}

Timer::~Timer() {
  cancel();
}

void Timer::start(std::chrono::nanoseconds delay, std::function<void()> task) {
  const auto generation = ++impl_->generation;
  impl_->timer.expires_after(delay);
  impl_->timer.async_wait([weak = std::weak_ptr(impl_), generation,
                           task = std::move(task)](const boost::system::error_code& error) {
    const auto impl = weak.lock();
    if (!error && impl && impl->generation == generation) task();
  });
}

void Timer::cancel() {
  ++impl_->generation;
  impl_->timer.cancel();
}

EventLoopGroup::EventLoopGroup(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<EventLoop>());
}

EventLoopGroup::~EventLoopGroup() {
  stop_and_join();
}

void EventLoopGroup::start() {
  for (auto& loop : loops_) threads_.emplace_back([&loop = *loop] { loop.run(); });
}

void EventLoopGroup::stop_and_join() {
  for (auto& loop : loops_) loop->stop();
  for (auto& thread : threads_)
    if (thread.joinable()) thread.join();
  threads_.clear();
}

}  // namespace millrace::net
