#pragma once
// The server's side of one RTMP publishing connection: bytes in, events and bytes out. Knows
// neither sockets nor media. One thread at a time.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/rtmp/amf0.h"
#include "net/rtmp/chunk_reader.h"
#include "net/rtmp/chunk_writer.h"
#include "net/rtmp/handshake.h"
#include "net/rtmp/message.h"

namespace millrace::net::rtmp {

struct PublishCommand {
  std::string application;  ///< "live", of rtmp://host/live
  std::string name;         ///< What the encoder calls the stream key; a secret. Not empty.
  std::string encoder;      ///< flashVer: "FMLE/3.0 (compatible; FMSc/1.0)"
};

/// Audio, video or data (AMF0: a name, then values; a leading @setDataFrame is taken off).
struct MediaMessage {
  MessageType type{};
  std::uint32_t timestamp = 0;  ///< Milliseconds, modulo 2^32.
  Bytes payload;
  std::chrono::steady_clock::time_point received_at;
};

/// Called from inside ServerSession's calls.
class SessionEvents {
 public:
  virtual ~SessionEvents() = default;
  /// Nothing more is parsed until accept_publish() or refuse_publish().
  virtual void on_publish(const PublishCommand& command) = 0;
  /// An error ends the session: receive() returns it.
  virtual Status on_media(MediaMessage message) = 0;
  /// The encoder has ended its stream; it may publish again.
  virtual void on_unpublish() = 0;
};

struct SessionOptions {
  std::size_t max_message_bytes = 8 * 1024 * 1024;
  RandomSource random = fill_random;
};

class ServerSession {
 public:
  enum class State { kHandshake, kConnecting, kIdle, kAwaitingAdmission, kPublishing, kEnded };

  /// `events` outlives the session.
  ServerSession(SessionOptions options, SessionEvents& events);

  /// Takes all of `bytes`; what it answers is in output(). An error: the connection must end.
  Status receive(std::span<const std::uint8_t> bytes,
                 std::chrono::steady_clock::time_point received_at);

  /// In kAwaitingAdmission only. Parses what was received meanwhile.
  Status accept_publish();
  /// Says so to the encoder ("NetStream.Publish.BadName", …); nothing is parsed any more.
  void refuse_publish(std::string_view code, std::string_view description);
  /// The server ends the stream or connection: says so, and nothing is parsed any more.
  void end(std::string_view code, std::string_view description);

  State state() const { return state_; }
  /// While it awaits admission, the caller should not read on: what it feeds is kept.
  bool wants_input() const {
    return state_ != State::kAwaitingAdmission && state_ != State::kEnded;
  }
  /// Whether a message has begun and not ended.
  bool is_mid_message() const { return reader_.is_mid_message(); }
  /// Bytes to send; the caller takes them out.
  std::vector<std::uint8_t>& output() { return output_; }

 private:
  Status process(std::span<const std::uint8_t> bytes);
  Status on_message(Message& message);
  Status on_command(const Message& message, std::span<const std::uint8_t> body);
  Status on_connect(double transaction, const AmfValue& command);
  Status on_publish_command(const Message& message, double transaction, const AmfValue& name);
  Status on_play(std::uint32_t stream_id);
  void on_create_stream(double transaction);
  void on_unknown_command(std::string_view name, double transaction);
  void on_user_control(std::span<const std::uint8_t> body);
  Status on_data(const Message& message);
  Status on_aggregate(const Message& message);
  Status deliver(MessageType type, std::uint32_t timestamp, Bytes payload);
  void unpublish();
  void acknowledge();

  void send(MessageType type, std::span<const std::uint8_t> payload);
  void send_command(std::uint32_t stream_id, std::initializer_list<AmfValue> values);
  void send_status(std::uint32_t stream_id, const char* level, std::string_view code,
                   std::string_view description);

  SessionEvents& events_;
  std::size_t max_message_bytes_;
  State state_ = State::kHandshake;
  ServerHandshake handshake_;
  ChunkReader reader_;
  ChunkWriter writer_;
  std::vector<std::uint8_t> output_;
  std::vector<std::uint8_t> held_;  // Received while awaiting admission.

  std::string application_;
  std::string encoder_;
  std::uint32_t streams_created_ = 0;
  std::uint32_t publish_stream_ = 0;

  std::uint64_t received_bytes_ = 0;
  std::uint64_t acknowledged_bytes_ = 0;
  std::uint64_t acknowledgement_window_;
  std::chrono::steady_clock::time_point received_at_{};
};

}  // namespace millrace::net::rtmp
