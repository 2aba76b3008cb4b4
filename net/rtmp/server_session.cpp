#include "net/rtmp/server_session.h"

#include <algorithm>

#include "base/check.h"
#include "net/rtmp/big_endian.h"

namespace millrace::net::rtmp {
namespace {

// Chunk streams for what we send; 2 is the protocol's own (5.4), 3 and up are free.
constexpr std::uint32_t kControlChunkStream = 2;
constexpr std::uint32_t kCommandChunkStream = 3;
// Whatever is larger before a publish is no command.
constexpr std::size_t kMaxCommandBytes = 64 * 1024;
// What Adobe's server announces, and encoders are used to.
constexpr std::uint32_t kWindow = 2'500'000;
constexpr std::size_t kOutgoingChunkSize = 4096;
constexpr std::uint32_t kMaxStreamsCreated = 16;

// 7.1.7, event types of user control messages.
constexpr std::uint32_t kStreamBegin = 0;
constexpr std::uint32_t kPingRequest = 6;
constexpr std::uint32_t kPingResponse = 7;

bool is_amf3(MessageType type) {
  return type == MessageType::kCommandAmf3 || type == MessageType::kDataAmf3;
}

// The AMF3 kinds of a message have one byte, zero, in front of AMF0 values.
std::span<const std::uint8_t> amf0_body(const Message& message) {
  auto body = message.payload.span();
  if (is_amf3(message.type) && !body.empty() && body[0] == 0) body = body.subspan(1);
  return body;
}

Error invalid(const char* what) {
  return Error{ErrorCode::kInvalidData, std::string("session: ") + what};
}

}  // namespace

ServerSession::ServerSession(SessionOptions options, SessionEvents& events)
    : events_(events),
      max_message_bytes_(options.max_message_bytes),
      handshake_(options.random),
      reader_({.max_message_bytes = std::min(kMaxCommandBytes, options.max_message_bytes),
               .max_held_bytes = options.max_message_bytes + options.max_message_bytes / 4}),
      acknowledgement_window_(kWindow) {}

Status ServerSession::receive(std::span<const std::uint8_t> bytes,
                              std::chrono::steady_clock::time_point received_at) {
  received_at_ = received_at;
  received_bytes_ += bytes.size();
  RETURN_IF_ERROR(process(bytes));
  acknowledge();
  return ok();
}

Status ServerSession::process(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty() && wants_input()) {
    if (state_ == State::kHandshake) {
      RETURN_IF_ERROR(handshake_.receive(bytes, output_));
      if (handshake_.is_done()) state_ = State::kConnecting;
      continue;
    }
    ASSIGN_OR_RETURN(std::optional<Message> message, reader_.next(bytes));
    if (message) RETURN_IF_ERROR(on_message(*message));
  }
  if (state_ == State::kAwaitingAdmission) held_.insert(held_.end(), bytes.begin(), bytes.end());
  return ok();
}

Status ServerSession::on_message(Message& message) {
  const auto body = message.payload.span();
  switch (message.type) {
    case MessageType::kAudio:
    case MessageType::kVideo:
      return deliver(message.type, message.timestamp, std::move(message.payload));
    case MessageType::kAggregate:
      return on_aggregate(message);
    case MessageType::kDataAmf0:
    case MessageType::kDataAmf3:
      return on_data(message);
    case MessageType::kCommandAmf0:
    case MessageType::kCommandAmf3:
      return on_command(message, amf0_body(message));
    case MessageType::kUserControl:
      on_user_control(body);
      return ok();
    case MessageType::kWindowAcknowledgementSize:
      // 5.4.4. Less than a page would only make for noise.
      if (body.size() >= 4 && read_u32(body.data()) > 0)
        acknowledgement_window_ = std::max<std::uint64_t>(read_u32(body.data()), kMaxCommandBytes);
      return ok();
    case MessageType::kSetChunkSize:
    case MessageType::kAbort:
    case MessageType::kAcknowledgement:
    case MessageType::kSetPeerBandwidth:
    case MessageType::kSharedObjectAmf0:
    case MessageType::kSharedObjectAmf3:
      return ok();
  }
  return ok();  // Types that nobody has defined are passed over.
}

Status ServerSession::on_command(const Message& message, std::span<const std::uint8_t> body) {
  Amf0Reader reader(body);
  ASSIGN_OR_RETURN(const AmfValue name_value, reader.read());
  const auto* name = name_value.string();
  if (name == nullptr) return invalid("a command without a name");
  double transaction = 0;
  if (!reader.at_end()) {
    ASSIGN_OR_RETURN(const AmfValue value, reader.read());
    transaction = value.number().value_or(0);
  }
  // The command object, then the first argument; nobody needs a second one.
  AmfValue command_object;
  AmfValue argument;
  if (!reader.at_end()) {
    ASSIGN_OR_RETURN(command_object, reader.read());
  }
  if (!reader.at_end()) {
    ASSIGN_OR_RETURN(argument, reader.read());
  }

  if (*name == "connect") return on_connect(transaction, command_object);
  if (state_ == State::kConnecting) return invalid("a command before connect");
  if (*name == "publish") return on_publish_command(message, transaction, argument);
  if (*name == "play" || *name == "play2") return on_play(message.stream_id);
  if (*name == "createStream") {
    on_create_stream(transaction);
  } else if (*name == "closeStream" || *name == "deleteStream" || *name == "FCUnpublish") {
    unpublish();
  } else if (*name == "releaseStream" || *name == "_checkbw") {
    send_command(0, {"_result", transaction, AmfNull{}, AmfValue()});
  } else if (*name == "getStreamLength") {
    send_command(0, {"_result", transaction, AmfNull{}, 0.0});
  } else if (*name == "FCPublish") {
    send_command(0, {"_result", transaction, AmfNull{}, AmfValue()});
    send_command(0, {"onFCPublish", 0.0, AmfNull{},
                     AmfObject{{"code", "NetStream.Publish.Start"},
                               {"description", "FCPublish to the stream"}}});
  } else {
    on_unknown_command(*name, transaction);
  }
  return ok();
}

Status ServerSession::on_connect(double transaction, const AmfValue& command) {
  if (state_ != State::kConnecting) return invalid("connect a second time");
  const auto* application = command.find("app");
  if (application == nullptr || application->string() == nullptr)
    return invalid("connect without an application");
  application_ = *application->string();
  application_.resize(std::min(application_.find('?'), application_.size()));
  while (application_.ends_with('/')) application_.pop_back();
  const auto* encoder = command.find("flashVer");
  if (encoder != nullptr && encoder->string() != nullptr) encoder_ = *encoder->string();
  state_ = State::kIdle;

  std::vector<std::uint8_t> window;
  append_big_endian(window, kWindow, 4);
  send(MessageType::kWindowAcknowledgementSize, window);
  window.push_back(2);  // 5.4.5: dynamic.
  send(MessageType::kSetPeerBandwidth, window);
  writer_.set_chunk_size(kOutgoingChunkSize, output_);
  AmfObject properties{{"fmsVer", "FMS/3,5,7,7009"}, {"capabilities", 31.0}, {"mode", 1.0}};
  // Enhanced RTMP v2, "Enhancing NetConnection connect Command": to those who ask.
  const bool is_enhanced = command.find("capsEx") != nullptr ||
                           command.find("fourCcList") != nullptr ||
                           command.find("videoFourCcInfoMap") != nullptr;
  if (is_enhanced) {
    constexpr double kCanDecode = 1;
    constexpr double kMultitrackAndModEx = 2 + 4;
    properties.push_back({"capsEx", kMultitrackAndModEx});
    properties.push_back(
        {"videoFourCcInfoMap",
         AmfObject{{"avc1", kCanDecode}, {"hvc1", kCanDecode}, {"av01", kCanDecode}}});
    properties.push_back({"audioFourCcInfoMap", AmfObject{{"mp4a", kCanDecode},
                                                          {"Opus", kCanDecode},
                                                          {"ac-3", kCanDecode},
                                                          {".mp3", kCanDecode}}});
  }
  // Object encoding 0 whatever was asked for: only AMF0 is spoken here.
  send_command(0, {"_result", transaction, std::move(properties),
                   AmfObject{{"level", "status"},
                             {"code", "NetConnection.Connect.Success"},
                             {"description", "Connection succeeded."},
                             {"objectEncoding", 0.0}}});
  return ok();
}

void ServerSession::on_create_stream(double transaction) {
  if (streams_created_ == kMaxStreamsCreated) {
    on_unknown_command("createStream", transaction);
    return;
  }
  send_command(0, {"_result", transaction, AmfNull{}, static_cast<double>(++streams_created_)});
}

Status ServerSession::on_publish_command(const Message& message, double transaction,
                                         const AmfValue& name) {
  // publish(false) ends the stream, as NetStream.publish documents it.
  if (const auto* boolean = std::get_if<bool>(&name.content); boolean != nullptr && !*boolean) {
    unpublish();
    return ok();
  }
  if (state_ == State::kPublishing) {
    send_status(message.stream_id, "error", "NetStream.Publish.Denied",
                "One stream per connection.");
    return ok();
  }
  const auto* text = name.string();
  publish_stream_ = message.stream_id;
  if (text == nullptr || text->empty()) {
    refuse_publish("NetStream.Publish.BadName",
                   "No stream key. Publish to rtmp://HOST/APPLICATION/KEY.");
    return Error{ErrorCode::kDenied, "session: publish without a stream key"};
  }
  // Encoders that number this command wait for no result: the status is the answer (7.2.2.6).
  static_cast<void>(transaction);
  state_ = State::kAwaitingAdmission;
  events_.on_publish({application_, *text, encoder_});
  return ok();
}

Status ServerSession::on_play(std::uint32_t stream_id) {
  send_status(stream_id, "error", "NetStream.Play.Failed",
              "This server takes publishers only; watch over HLS.");
  state_ = State::kEnded;
  return Error{ErrorCode::kUnsupported, "session: asked to play, only publishing is served"};
}

void ServerSession::on_unknown_command(std::string_view name, double transaction) {
  // 7.2.1.2: a call with a transaction id expects a response.
  if (transaction == 0 || name == "_result" || name == "_error" || name == "onStatus") return;
  send_command(0, {"_error", transaction, AmfNull{},
                   AmfObject{{"level", "error"},
                             {"code", "NetConnection.Call.Failed"},
                             {"description", "The call is not known here."}}});
}

Status ServerSession::accept_publish() {
  CHECK(state_ == State::kAwaitingAdmission);
  state_ = State::kPublishing;
  reader_.set_max_message_bytes(max_message_bytes_);
  std::vector<std::uint8_t> begin;
  append_big_endian(begin, kStreamBegin, 2);
  append_big_endian(begin, publish_stream_, 4);
  send(MessageType::kUserControl, begin);
  send_status(publish_stream_, "status", "NetStream.Publish.Start", "Publishing.");
  const auto held = std::move(held_);
  held_ = {};
  return process(held);
}

void ServerSession::refuse_publish(std::string_view code, std::string_view description) {
  send_status(publish_stream_, "error", code, description);
  state_ = State::kEnded;
  held_ = {};
}

void ServerSession::end(std::string_view code, std::string_view description) {
  if (state_ == State::kEnded) return;
  if (state_ != State::kHandshake) {
    send_status(publish_stream_, "error", code, description);
    send_command(0, {"close", 0.0, AmfNull{}});  // 7.2.1: NetConnection.close
  }
  state_ = State::kEnded;
  held_ = {};
}

void ServerSession::unpublish() {
  if (state_ != State::kPublishing) return;
  state_ = State::kIdle;
  send_command(0, {"onFCUnpublish", 0.0, AmfNull{},
                   AmfObject{{"code", "NetStream.Unpublish.Success"},
                             {"description", "FCUnpublish of the stream"}}});
  send_status(publish_stream_, "status", "NetStream.Unpublish.Success", "Stream ended.");
  events_.on_unpublish();
}

void ServerSession::on_user_control(std::span<const std::uint8_t> body) {
  if (body.size() < 6 || read_u16(body.data()) != kPingRequest) return;
  std::vector<std::uint8_t> response;
  append_big_endian(response, kPingResponse, 2);
  append_big_endian(response, read_u32(body.data() + 2), 4);
  send(MessageType::kUserControl, response);
}

Status ServerSession::on_data(const Message& message) {
  if (state_ != State::kPublishing) return ok();
  const auto body = amf0_body(message);
  const std::size_t offset = message.payload.size() - body.size();
  Amf0Reader reader(body);
  // Metadata is a hint: what cannot be read of it never ends a publisher.
  const auto name = reader.read();
  if (!name.has_value()) return ok();
  const std::string* const text = name.value().string();
  const bool is_wrapped = text != nullptr && *text == "@setDataFrame";
  return deliver(MessageType::kDataAmf0, message.timestamp,
                 message.payload.slice(offset + (is_wrapped ? reader.position() : 0)));
}

// 7.1.6: sub-messages with FLV tag headers, each followed by its size.
Status ServerSession::on_aggregate(const Message& message) {
  constexpr std::size_t kHeaderSize = 11;
  auto rest = message.payload.span();
  std::optional<std::uint32_t> first_timestamp;
  while (rest.size() >= kHeaderSize && state_ == State::kPublishing) {
    const std::size_t size = read_u24(rest.data() + 1);
    const auto timestamp = read_u24(rest.data() + 4) | static_cast<std::uint32_t>(rest[7]) << 24;
    if (rest.size() - kHeaderSize < size) return invalid("an aggregate message ends early");
    if (!first_timestamp) first_timestamp = timestamp;
    // "The difference between the timestamps of the aggregate message and the first sub-message is
    // the offset used to renormalize the timestamps". Copied, so that each has its padding.
    Message part{static_cast<MessageType>(rest[0]),
                 message.timestamp + (timestamp - *first_timestamp), message.stream_id,
                 Bytes::copy_of(rest.subspan(kHeaderSize, size))};
    if (part.type == MessageType::kAudio || part.type == MessageType::kVideo ||
        part.type == MessageType::kDataAmf0)
      RETURN_IF_ERROR(on_message(part));
    const auto tag_size = kHeaderSize + size + 4;
    rest = rest.subspan(std::min(tag_size, rest.size()));
  }
  return ok();
}

Status ServerSession::deliver(MessageType type, std::uint32_t timestamp, Bytes payload) {
  if (state_ != State::kPublishing || payload.empty()) return ok();
  return events_.on_media({type, timestamp, std::move(payload), received_at_});
}

void ServerSession::acknowledge() {
  if (state_ == State::kHandshake || state_ == State::kEnded ||
      received_bytes_ - acknowledged_bytes_ < acknowledgement_window_)
    return;
  acknowledged_bytes_ = received_bytes_;
  std::vector<std::uint8_t> payload;
  append_big_endian(payload, received_bytes_ & 0xFFFFFFFF, 4);  // 5.4.3
  send(MessageType::kAcknowledgement, payload);
}

void ServerSession::send(MessageType type, std::span<const std::uint8_t> payload) {
  writer_.write({kControlChunkStream, type, 0, 0, payload}, output_);
}

void ServerSession::send_command(std::uint32_t stream_id, std::initializer_list<AmfValue> values) {
  std::vector<std::uint8_t> payload;
  for (const auto& value : values) append_amf0(payload, value);
  writer_.write({kCommandChunkStream, MessageType::kCommandAmf0, 0, stream_id, payload}, output_);
}

void ServerSession::send_status(std::uint32_t stream_id, const char* level, std::string_view code,
                                std::string_view description) {
  send_command(stream_id, {"onStatus", 0.0, AmfNull{},
                           AmfObject{{"level", level},
                                     {"code", std::string(code)},
                                     {"description", std::string(description)}}});
}

}  // namespace millrace::net::rtmp
