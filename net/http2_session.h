#pragma once
// HTTP/2 (RFC 9113) on a connection: an exchange for each stream. nghttp2 frames, compresses
// headers and keeps the protocol; it copies no body. Private to net/. Everything on the
// connection's loop.
#include <nghttp2/nghttp2.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/http2_limits.h"
#include "net/http2_output.h"
#include "net/http2_response_head.h"
#include "net/http2_stream.h"
#include "net/http_connection.h"
#include "net/rate_budget.h"

namespace millrace::net {

class HttpLoop;

class Http2Session final : public HttpProtocol {
 public:
  /// `connection` owns it; `loop` owns the connection.
  Http2Session(HttpConnection& connection, HttpLoop& loop);
  ~Http2Session() override;

  std::size_t wanted_bytes() const override;
  void on_input(std::string_view bytes) override;
  void on_input_end() override;
  void on_sent() override;
  void on_deadline(HttpDeadline deadline) override;
  void on_stopping() override;
  void on_closed() override;
  void on_destroyed() override;

  /// For its streams.
  void answer(Http2Stream& stream, HttpResponse response);

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Callbacks;  // What nghttp2 calls.
  struct Deleter {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  Http2Stream* find(std::int32_t id) const;
  const std::string& remote_address_of(const Http2Stream& stream) const;
  void check_order(std::int32_t id);
  void refuse_all(std::uint32_t error_code);
  void open_stream(std::int32_t id);
  void on_header_end(Http2Stream& stream);
  void on_request_end(Http2Stream& stream);
  void refuse(Http2Stream& stream, int status);
  bool close_stream(std::int32_t id);
  bool count_cut(Http2CutReason reason);
  void set_state(Http2Stream& stream, Http2Stream::State state);
  void on_frame_sent(const nghttp2_frame& frame);

  void pump();
  void pump_later();
  void wait_on();
  void check_streams();
  void check_sending(Http2Stream& stream, bool& is_blocked);

  void end_by(int library_error);
  void end(std::uint32_t error_code, HttpCloseReason reason);
  void finish();
  void abandon_streams();

  HttpConnection& connection_;
  HttpLoop& loop_;
  std::unique_ptr<nghttp2_session, Deleter> session_;
  std::unordered_map<std::int32_t, std::shared_ptr<Http2Stream>> streams_;
  std::int32_t newest_id_ = -1;                                     // The client's numbers are odd.
  std::vector<std::pair<std::int32_t, std::int32_t>> passed_over_;  // The numbers between.
  std::size_t timed_streams_ = 0;                                   // Those that are not held.
  std::size_t header_bytes_ = 0;                                    // Of all requests.
  std::uint64_t sent_ = 0;                                          // Of bodies.
  Http2Output output_;
  Http2ResponseHead head_;
  RateBudget frames_;
  const Http2Limits limits_;
  RateBudget cuts_;
  Time now_{};
  Time checked_at_{};
  std::optional<HttpDeadline> waits_for_;
  HttpCloseReason reason_ = HttpCloseReason::kFinished;  // Of the end that is under way.
  bool is_receiving_ = false;
  bool is_pumping_ = false;
  bool is_pumping_later_ = false;
  bool is_sending_ = false;  // The connection has not sent the last output yet.
  bool has_sent_ = false;
  bool is_flooded_ = false;
  bool is_ending_ = false;
};

}  // namespace millrace::net
