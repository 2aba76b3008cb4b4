#include "net/http2_session.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

#include "base/check.h"
#include "net/http_loop.h"
#include "net/http_refusal.h"
#include "net/http_response_head.h"

namespace millrace::net {
namespace {

using Clock = std::chrono::steady_clock;

// A client of ours sends some five frames a request, those with which it makes room for the answer
// included. What does not fit to that is a flood: of PING, SETTINGS, WINDOW_UPDATE, PRIORITY,
// CONTINUATION, empty or tiny DATA.
constexpr double kFramesAtOnce = 1'000;
constexpr double kFramesPerSecond = 50;
constexpr double kFramesPerRequest = 4;
constexpr double kFramesPerDataFrame = 4;
// Answers to PING and SETTINGS that wait to be sent.
constexpr std::size_t kMaxAnswers = 100;
constexpr std::size_t kMaxSettings = 32;
// What one header may stand for, as a multiple of its limit.
constexpr std::size_t kMaxExpansion = 16;
// Runs of stream numbers that were passed over, remembered.
constexpr std::size_t kMaxPassedOver = 16;
// Handed to the connection in one go, each of Http2Output::kMaxBytes; then the loop's other
// connections have their turn.
constexpr int kMaxOutputsInOneGo = 8;

// RFC 9113 6.8, written by hand where nghttp2 is not to send what else it has. `is_first`: behind
// SETTINGS, which "MUST be the first frame the server sends" (3.4).
std::string goaway(std::int32_t last_stream, std::uint32_t error_code, bool is_first) {
  std::string frame(is_first ? "\0\0\0\x04\0\0\0\0\0" : "", is_first ? 9 : 0);
  frame.append("\0\0\x08\x07\0\0\0\0\0", 9);
  for (const auto number : {static_cast<std::uint32_t>(last_stream), error_code})
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(number >> shift);
  return frame;
}

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

// Zero is good, and anything else ends nghttp2's call: then is_flooded_ says why.
struct Http2Session::Callbacks {
  static Http2Session& self(void* data) { return *static_cast<Http2Session*>(data); }
  static int outcome(const Http2Session& session) {
    return session.is_flooded_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* data) {
    auto& session = self(data);
    session.is_flooded_ |= !session.frames_.take(session.now_);
    if (head->type == NGHTTP2_HEADERS) session.check_order(head->stream_id);
    // RFC 9113 6.3; nghttp2 looks at no PRIORITY where it has the priorities of RFC 9218.
    if (head->type == NGHTTP2_PRIORITY && head->stream_id == 0)
      session.refuse_all(NGHTTP2_PROTOCOL_ERROR);
    return outcome(session);
  }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) self(data).open_stream(frame->hd.stream_id);
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t /*flags*/, void* data) {
    auto& session = self(data);
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;  // Trailers.
    Http2Stream* const stream = session.find(frame->hd.stream_id);
    if (stream == nullptr) return 0;
    const auto before = stream->reader.bytes();
    stream->reader.add(text_of(name, name_size), text_of(value, value_size));
    session.header_bytes_ += stream->reader.bytes() - before;
    // A few compressed bytes can stand for any number of such.
    session.is_flooded_ |=
        stream->reader.bytes() > kMaxExpansion * session.loop_.context().options.max_header_bytes;
    return outcome(session);
  }

  static int on_data_chunk(nghttp2_session*, std::uint8_t /*flags*/, std::int32_t id,
                           const std::uint8_t*, std::size_t size, void* data) {
    auto& session = self(data);
    Http2Stream* const stream = session.find(id);
    if (stream == nullptr || stream->state != Http2Stream::State::kReceiving) return 0;
    stream->body_bytes += size;
    if (stream->body_bytes > session.loop_.context().options.max_body_bytes)
      session.refuse(*stream, 413);
    return 0;
  }

  static int on_frame_received(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    auto& session = self(data);
    if (frame->hd.type == NGHTTP2_GOAWAY) session.reason_ = HttpCloseReason::kClient;
    Http2Stream* const stream = session.find(frame->hd.stream_id);
    if (stream == nullptr) return 0;
    if (frame->hd.type == NGHTTP2_RST_STREAM) stream->cut = Http2CutReason::kClient;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    stream->has_received_all = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
      session.on_header_end(*stream);
    if (stream->has_received_all && stream->state == Http2Stream::State::kReceiving)
      session.on_request_end(*stream);
    return 0;
  }

  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int /*error*/,
                              void* data) {
    auto& session = self(data);
    // One that is refused before it begins: more than MAX_CONCURRENT_STREAMS.
    if (frame->hd.type == NGHTTP2_HEADERS && session.find(frame->hd.stream_id) == nullptr)
      session.is_flooded_ |= !session.count_cut(Http2CutReason::kRefused);
    return outcome(session);
  }

  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t /*error_code*/,
                             void* data) {
    auto& session = self(data);
    session.is_flooded_ |= !session.close_stream(id);
    return outcome(session);
  }

  static ssize_t read_body(nghttp2_session*, std::int32_t /*id*/, std::uint8_t*, std::size_t size,
                           std::uint32_t* flags, nghttp2_data_source* source, void*) {
    const auto left = static_cast<Http2Stream*>(source->ptr)->left();
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (left <= size) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(std::min(left, size));
  }

  static int send_body(nghttp2_session*, nghttp2_frame*, const std::uint8_t* frame_head,
                       std::size_t size, nghttp2_data_source* source, void* data) {
    auto& session = self(data);
    if (session.output_.is_full()) return NGHTTP2_ERR_WOULDBLOCK;
    auto& stream = *static_cast<Http2Stream*>(source->ptr);
    session.output_.add_framing(text_of(frame_head, 9));
    stream.send(size, session.output_);
    stream.sent_since += size;
    session.sent_ += size;
    session.frames_.give(kFramesPerDataFrame);
    return 0;
  }

  static ssize_t send_framing(nghttp2_session*, const std::uint8_t* bytes, std::size_t size,
                              int /*flags*/, void* data) {
    auto& session = self(data);
    if (session.output_.is_full()) return NGHTTP2_ERR_WOULDBLOCK;
    session.output_.add_framing(text_of(bytes, size));
    return static_cast<ssize_t>(size);
  }

  static int on_frame_send(nghttp2_session*, const nghttp2_frame* frame, void* data) {
    self(data).on_frame_sent(*frame);
    return 0;
  }

  static nghttp2_session* create(Http2Session& session) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_option* options = nullptr;
    CHECK(nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&options) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_received);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_body);
    nghttp2_session_callbacks_set_send_callback(callbacks, send_framing);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_option_set_max_outbound_ack(options, kMaxAnswers);
    nghttp2_option_set_max_settings(options, kMaxSettings);
    nghttp2_session* created = nullptr;
    CHECK(nghttp2_session_server_new2(&created, callbacks, &session, options) == 0);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    return created;
  }
};

Http2Session::Http2Session(HttpConnection& connection, HttpLoop& loop)
    : connection_(connection),
      loop_(loop),
      session_(Callbacks::create(*this)),
      frames_(kFramesAtOnce, kFramesPerSecond),
      limits_(http2_limits(loop.context().options)),
      cuts_(limits_.cuts_at_once, limits_.cuts_per_second),
      now_(Clock::now()) {
  const auto& options = loop.context().options;
  // Without RFC 7540's priorities nghttp2 takes those of RFC 9218.
  const std::array<nghttp2_settings_entry, 3> settings{{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, static_cast<std::uint32_t>(options.max_streams)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(options.max_header_bytes)},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
  }};
  CHECK(nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings.data(),
                                settings.size()) == 0);
}

Http2Session::~Http2Session() = default;

std::size_t Http2Session::wanted_bytes() const {
  // What it sends makes frames that are to be answered while nothing can be sent.
  const bool is_behind = is_sending_ && nghttp2_session_get_outbound_queue_size(session_.get()) >
                                            loop_.context().options.max_streams + kMaxAnswers;
  return is_behind ? 0 : std::numeric_limits<std::size_t>::max();
}

void Http2Session::on_input(std::string_view bytes) {
  if (is_ending_) return;
  now_ = Clock::now();
  // nghttp2 tells nothing of frames of unknown types: so they count by what they fill.
  is_flooded_ = !frames_.take(now_);
  if (is_flooded_) return end_by(NGHTTP2_ERR_FLOODED);
  is_receiving_ = true;
  const auto used = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  is_receiving_ = false;
  if (used < 0) return end_by(static_cast<int>(used));
  check_streams();
  pump();
}

void Http2Session::on_input_end() {
  connection_.close(streams_.empty() ? HttpCloseReason::kClient : HttpCloseReason::kAborted);
}

Http2Stream* Http2Session::find(std::int32_t id) const {
  return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session_.get(), id));
}

const std::string& Http2Session::remote_address_of(const Http2Stream& stream) const {
  return stream.forwarded_for.empty() ? connection_.remote_address() : stream.forwarded_for;
}

// RFC 9113 5.1.1: "The first use of a new stream identifier implicitly closes all streams in the
// "idle" state […] with a lower-valued stream identifier", and one of those is "a connection error
// of type PROTOCOL_ERROR". nghttp2 cannot tell it from one that was open, and ignores it.
void Http2Session::check_order(std::int32_t id) {
  if (id > newest_id_) {
    if (id > newest_id_ + 2) passed_over_.emplace_back(newest_id_, id);
    if (passed_over_.size() > kMaxPassedOver) passed_over_.erase(passed_over_.begin());
    newest_id_ = id;
    return;
  }
  for (const auto& [before, behind] : passed_over_) {
    if (before < id && id < behind) refuse_all(NGHTTP2_PROTOCOL_ERROR);
  }
}

// A connection error (RFC 9113 5.4.1) that nghttp2 does not find by itself.
void Http2Session::refuse_all(std::uint32_t error_code) {
  CHECK(nghttp2_session_terminate_session(session_.get(), error_code) == 0);
}

void Http2Session::open_stream(std::int32_t id) {
  const auto& options = loop_.context().options;
  auto stream = std::make_shared<Http2Stream>(this, id, options.max_header_bytes);
  CHECK(nghttp2_session_set_stream_user_data(session_.get(), id, stream.get()) == 0);
  ++timed_streams_;
  set_state(*stream, Http2Stream::State::kReceiving);
  streams_.emplace(id, std::move(stream));
  loop_.count_stream(1);
  waits_for_.reset();
}

void Http2Session::on_header_end(Http2Stream& stream) {
  int refusal = stream.reader.finish();
  if (header_bytes_ > limits_.header_bytes) refusal = 431;
  stream.method = stream.reader.request().method;
  stream.forwarded_for = connection_.forwarded_for(stream.reader.request());
  // RFC 9218 4.2 would send answers one after the other where the client says nothing: a playlist
  // behind a whole segment.
  const nghttp2_extpri in_turn{.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
  if (stream.reader.request().header("priority").empty())
    CHECK(nghttp2_session_change_extpri_stream_priority(session_.get(), stream.id, &in_turn, 0) ==
          0);
  if (refusal != 0) refuse(stream, refusal);
}

void Http2Session::on_request_end(Http2Stream& stream) {
  set_state(stream, Http2Stream::State::kHeld);
  frames_.give(kFramesPerRequest);
  auto request = stream.reader.take();
  request.remote_address = remote_address_of(stream);
  auto exchange = std::make_shared<PendingExchange>(std::move(request), loop_.event_loop(),
                                                    stream.shared_from_this());
  stream.exchange = exchange;
  loop_.context().handler(std::move(exchange));
}

void Http2Session::refuse(Http2Stream& stream, int status) {
  loop_.context().metrics.count_error("http", refusal_error(status));
  loop_.report(HttpCloseReason::kRefused, remote_address_of(stream),
               fmt::format("request refused status={}", status));
  answer(stream, refusal_response(status));
}

void Http2Session::answer(Http2Stream& stream, HttpResponse response) {
  if (!connection_.is_open() || is_ending_) return;
  if (!is_receiving_) now_ = Clock::now();
  connection_.count_request(response.kind, response.status);
  const auto head = head_.format(response, loop_.date());
  // RFC 9110 9.3.2: HEAD is GET without the content.
  if (stream.method == HttpMethod::kHead || is_bodiless(response.status)) response.body.clear();
  stream.set_body(std::move(response.body));
  nghttp2_data_provider body{.source = {.ptr = &stream}, .read_callback = Callbacks::read_body};
  CHECK(nghttp2_submit_response(session_.get(), stream.id, head.data(), head.size(),
                                stream.left() > 0 ? &body : nullptr) == 0);
  set_state(stream, Http2Stream::State::kSending);
  pump();
}

void Http2Session::set_state(Http2Stream& stream, Http2Stream::State state) {
  using State = Http2Stream::State;
  if (stream.state != State::kHeld && state == State::kHeld) --timed_streams_;
  if (stream.state == State::kHeld && state != State::kHeld) ++timed_streams_;
  stream.state = state;
  stream.since = now_;
  stream.sent_since = 0;
  stream.session_sent_by_then = sent_;
}

void Http2Session::on_frame_sent(const nghttp2_frame& frame) {
  if (frame.hd.type == NGHTTP2_GOAWAY && frame.goaway.error_code != NGHTTP2_NO_ERROR) {
    reason_ = HttpCloseReason::kRefused;
    loop_.context().metrics.count_error("http", ErrorCode::kInvalidData);
    loop_.report(
        reason_, connection_.remote_address(),
        fmt::format("HTTP/2 broken code={}", nghttp2_http2_strerror(frame.goaway.error_code)));
  }
  // RFC 9113 6.9.2: SETTINGS that take a window past its maximum are a connection error, of which
  // nghttp2 makes one of the stream. Of WINDOW_UPDATE (6.9.1) it may be either.
  if (frame.hd.type == NGHTTP2_RST_STREAM &&
      frame.rst_stream.error_code == NGHTTP2_FLOW_CONTROL_ERROR)
    refuse_all(NGHTTP2_FLOW_CONTROL_ERROR);
  const bool is_answer = frame.hd.type == NGHTTP2_HEADERS || frame.hd.type == NGHTTP2_DATA;
  if (!is_answer || (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return;
  Http2Stream* const stream = find(frame.hd.stream_id);
  if (stream == nullptr) return;
  stream->has_sent_all = true;
  // RFC 9113 8.1: "the server MAY request that the client abort transmission of a request without
  // error by sending a RST_STREAM with an error code of NO_ERROR".
  if (!stream->has_received_all)
    CHECK(nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream->id,
                                    NGHTTP2_NO_ERROR) == 0);
}

// False where there were too many such.
bool Http2Session::close_stream(std::int32_t id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return true;
  const auto stream = std::move(found->second);
  streams_.erase(found);
  stream->session = nullptr;
  if (stream->state != Http2Stream::State::kHeld) --timed_streams_;
  header_bytes_ -= stream->reader.bytes();
  loop_.count_stream(-1);
  waits_for_.reset();
  const bool is_good = stream->has_sent_all || count_cut(stream->cut);
  if (const auto exchange = stream->exchange.lock()) exchange->abort();
  return is_good;
}

bool Http2Session::count_cut(Http2CutReason reason) {
  loop_.count_cut(reason);
  return cuts_.take(now_);
}

void Http2Session::pump() {
  if (is_receiving_ || is_pumping_ || is_sending_ || is_ending_ || !connection_.is_open()) return;
  is_pumping_ = true;
  for (int outputs = 0;; ++outputs) {
    if (outputs == kMaxOutputsInOneGo) {
      pump_later();
      break;
    }
    if (const int error = nghttp2_session_send(session_.get()); error != 0) {
      is_pumping_ = false;
      return end_by(error);
    }
    if (output_.empty()) break;
    has_sent_ = true;
    is_sending_ = !connection_.send({}, output_.take());
    if (is_sending_ || !connection_.is_open()) break;
  }
  is_pumping_ = false;
  if (!connection_.is_open()) return;
  if (!is_sending_ && nghttp2_session_want_read(session_.get()) == 0 &&
      nghttp2_session_want_write(session_.get()) == 0)
    return finish();
  wait_on();
}

void Http2Session::pump_later() {
  if (std::exchange(is_pumping_later_, true)) return;
  loop_.event_loop().post([this, weak = connection_.weak_from_this()] {
    const auto connection = weak.lock();
    if (!connection) return;
    is_pumping_later_ = false;
    pump();
  });
}

void Http2Session::on_sent() {
  is_sending_ = false;
  waits_for_.reset();  // The write timeout was in its place.
  if (is_ending_) return connection_.finish(reason_);
  now_ = Clock::now();
  check_streams();
  pump();
}

// Frames alone do not keep a connection: what is waited for changes with the streams only.
void Http2Session::wait_on() {
  const auto deadline = streams_.empty()     ? HttpDeadline::kIdle
                        : timed_streams_ > 0 ? HttpDeadline::kStreams
                                             : HttpDeadline::kNone;
  if (!is_sending_ && waits_for_ != deadline) {
    connection_.expect(deadline);
    waits_for_ = deadline;
  }
  connection_.resume_reading();
}

void Http2Session::on_deadline(HttpDeadline deadline) {
  if (deadline != HttpDeadline::kStreams) return end(NGHTTP2_NO_ERROR, HttpCloseReason::kIdle);
  waits_for_.reset();
  now_ = Clock::now();
  check_streams();
  pump();
}

// Of what each stream has its own time for: the rest of its request, room for its answer.
void Http2Session::check_streams() {
  const auto& options = loop_.context().options;
  if (timed_streams_ == 0 ||
      now_ - checked_at_ < std::min(options.header_timeout, options.write_timeout) / 4)
    return;
  checked_at_ = now_;
  bool is_blocked = false;
  is_receiving_ = true;  // Nothing is sent meanwhile, so that no stream goes.
  for (const auto& [id, stream] : streams_) {
    if (stream->state == Http2Stream::State::kReceiving &&
        now_ - stream->since >= options.header_timeout)
      refuse(*stream, 408);
    if (stream->state == Http2Stream::State::kSending &&
        now_ - stream->since >= options.write_timeout)
      check_sending(*stream, is_blocked);
  }
  is_receiving_ = false;
  if (!is_blocked) return;
  loop_.report(HttpCloseReason::kSlow, connection_.remote_address(),
               "an HTTP/2 client that takes too little is closed");
  connection_.close(HttpCloseReason::kSlow);
}

// Only what waits for the client's window: what waits for the socket or for other streams is not
// the stream's fault.
void Http2Session::check_sending(Http2Stream& stream, bool& is_blocked) {
  auto* const session = session_.get();
  if (nghttp2_session_get_remote_window_size(session) <= 0 &&
      sent_ - stream.session_sent_by_then < kMinProgressBytes) {
    is_blocked = true;
  } else if (nghttp2_session_get_stream_remote_window_size(session, stream.id) <= 0 &&
             stream.sent_since < kMinProgressBytes) {
    stream.cut = Http2CutReason::kSlow;
    loop_.report(HttpCloseReason::kSlow, remote_address_of(stream),
                 "an HTTP/2 answer that is not taken is cut");
    CHECK(nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_CANCEL) == 0);
  }
  set_state(stream, Http2Stream::State::kSending);
}

void Http2Session::on_stopping() {
  if (is_ending_) return;
  // RFC 9113 6.8: what comes later is not taken, and may be asked for elsewhere.
  CHECK(nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                              nghttp2_session_get_last_proc_stream_id(session_.get()),
                              NGHTTP2_NO_ERROR, nullptr, 0) == 0);
  pump();
}

void Http2Session::end_by(int library_error) {
  CHECK(library_error != NGHTTP2_ERR_NOMEM);
  if (is_flooded_ || library_error == NGHTTP2_ERR_FLOODED) {
    loop_.context().metrics.count_error("http", ErrorCode::kLimitExceeded);
    loop_.report(HttpCloseReason::kFlood, connection_.remote_address(),
                 "a flood of HTTP/2 frames, the client is closed");
    return end(NGHTTP2_ENHANCE_YOUR_CALM, HttpCloseReason::kFlood);
  }
  loop_.context().metrics.count_error("http", ErrorCode::kInvalidData);
  loop_.report(HttpCloseReason::kRefused, connection_.remote_address(),
               fmt::format("HTTP/2 broken error={}", nghttp2_strerror(library_error)));
  end(NGHTTP2_PROTOCOL_ERROR, HttpCloseReason::kRefused);
}

void Http2Session::end(std::uint32_t error_code, HttpCloseReason reason) {
  is_ending_ = true;
  reason_ = reason;
  abandon_streams();
  if (is_sending_) return connection_.close(reason);
  const auto last_stream = nghttp2_session_get_last_proc_stream_id(session_.get());
  if (connection_.send(goaway(last_stream, error_code, !has_sent_), {})) connection_.finish(reason);
}

// All has been said: either side's GOAWAY, and the answers.
void Http2Session::finish() {
  is_ending_ = true;
  abandon_streams();
  connection_.finish(reason_);
}

void Http2Session::abandon_streams() {
  for (const auto& [id, stream] : std::exchange(streams_, {})) {
    stream->session = nullptr;
    loop_.count_stream(-1);
    if (const auto exchange = stream->exchange.lock()) exchange->abort();
  }
  timed_streams_ = 0;
  header_bytes_ = 0;
}

void Http2Session::on_closed() {
  is_ending_ = true;
  abandon_streams();
}

void Http2Session::on_destroyed() {
  is_ending_ = true;
  for (const auto& [id, stream] : std::exchange(streams_, {})) {
    stream->session = nullptr;
    loop_.count_stream(-1);
    if (const auto exchange = stream->exchange.lock()) exchange->detach();
  }
}

}  // namespace millrace::net
