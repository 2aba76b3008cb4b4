#pragma once
// One publisher's socket on a loop. Private to net/rtmp. Everything on the loop where it lives.
#include <utility>  // Before Asio: Boost 1.81 needs std::exchange.

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/thread_checker.h"
#include "net/rtmp/server_loop.h"
#include "net/rtmp/transport.h"

namespace millrace::net::rtmp {

class TcpConnection final : public Connection,
                            private SessionEvents,
                            public std::enable_shared_from_this<TcpConnection> {
 public:
  using Protocol = boost::asio::ip::tcp;

  /// Takes `descriptor` over. `address` is what the limits count by.
  TcpConnection(ServerLoop& loop, int descriptor, Protocol protocol, std::string address,
                std::uint16_t port);
  ~TcpConnection() override;

  /// Begins to read; the connection is in its loop's set by now.
  void start();
  /// Closes at once, without a word: the server stops.
  void stop();

  EventLoop& loop() override { return loop_->event_loop(); }
  const std::string& remote_address() const override { return remote_address_; }
  bool is_open() const override { return phase_ < Phase::kEnding; }
  std::weak_ptr<Connection> weak() override { return weak_from_this(); }
  void move_to(EventLoop& target, std::function<void()> then) override;
  void accept_publish() override;
  void refuse_publish(std::string_view code, std::string_view description, Error why) override;
  void end(std::string_view code, std::string_view description, Error why) override;
  void count_received_on(Counter counter) override { received_bytes_ = counter; }

 private:
  // kEnding: our last words are on their way. kLingering: they are out, the peer's are dropped.
  enum class Phase { kHandshake, kUnpublished, kPublishing, kEnding, kLingering, kClosed };

  void on_publish(const PublishCommand& command) override;
  Status on_media(MediaMessage message) override;
  void on_unpublish() override;

  void adopt(int descriptor);
  void arrive(const std::function<void()>& then);
  void wait_readable();
  void on_readable();
  void on_received(std::span<const std::uint8_t> bytes);
  void on_failure(const Error& failure);
  void on_peer_closed(const boost::system::error_code& error);
  void after_input(const Status& status);
  void flush();
  void wait_writable();
  void begin_ending(Error why);
  void finish_ending();
  void report_ending();
  enum class Fault { kNo, kYes };
  void report(const Status& how, Fault fault = Fault::kYes);
  void close();

  std::chrono::steady_clock::time_point deadline() const;
  void arm_timer();
  void on_deadline();

  ServerLoop* loop_;  // Owns this, but on the way from one loop to another.
  std::shared_ptr<ServerContext> context_;
  Protocol protocol_;
  std::string address_;
  std::string remote_address_;
  std::optional<Protocol::socket> socket_;
  std::optional<Transport> transport_;  // As long as the socket, which may move to another loop.
  int moving_descriptor_ = -1;
  // Completions that were queued before a move or close find another number here.
  std::uint64_t generation_ = 0;
  Phase phase_ = Phase::kHandshake;
  ServerSession session_;
  std::size_t sent_ = 0;  // Of session_.output().
  bool is_waiting_readable_ = false;
  bool is_waiting_writable_ = false;
  bool reads_when_writable_ = false;  // TLS has something to say first.
  bool has_received_ = false;
  bool is_receiving_ = false;  // Inside the session, which must not move away meanwhile.
  bool is_reported_ = false;
  std::unique_ptr<Timer> timer_;
  std::chrono::steady_clock::time_point accepted_at_;
  std::chrono::steady_clock::time_point unpublished_since_;
  std::chrono::steady_clock::time_point received_at_;
  std::chrono::steady_clock::time_point ending_since_;
  std::optional<Error> why_;  // Why we are ending it.
  Counter received_bytes_;
  ThreadChecker thread_;
  // Last: the owner's object goes first.
  std::unique_ptr<ConnectionEvents> events_;
};

}  // namespace millrace::net::rtmp
