#pragma once
// One request of an HTTP/2 connection, and where its answer is. Private to net/, its session's to
// change. Everything on the connection's loop.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/http2_output.h"
#include "net/http2_request.h"
#include "net/http_exchange.h"
#include "net/http_loop.h"

namespace millrace::net {

class Http2Session;

class Http2Stream final : public HttpAnswerTaker, public std::enable_shared_from_this<Http2Stream> {
 public:
  enum class State {
    kReceiving,  ///< The request is not complete.
    kHeld,       ///< By a handler.
    kSending,    ///< The answer; perhaps not begun.
  };

  Http2Stream(Http2Session* its_session, std::int32_t its_id, std::size_t max_header_bytes)
      : session(its_session), id(its_id), reader(max_header_bytes) {}
  virtual ~Http2Stream() = default;
  Http2Stream(const Http2Stream&) = delete;
  Http2Stream& operator=(const Http2Stream&) = delete;

  void take_answer(HttpResponse response) override;

  /// What is to be sent; of it `left()`.
  void set_body(std::vector<Bytes> body);
  std::size_t left() const { return left_; }
  /// The next `size` bytes of the body, none copied.
  void send(std::size_t size, Http2Output& output);

  Http2Session* session;  ///< Null once the stream has ended.
  const std::int32_t id;
  Http2RequestReader reader;
  std::size_t body_bytes = 0;  ///< Of the request, dropped.
  HttpMethod method = HttpMethod::kGet;
  std::string forwarded_for;  ///< By trusted proxies; empty: its connection's remote address.
  std::weak_ptr<PendingExchange> exchange;
  State state = State::kReceiving;
  bool has_received_all = false;                  ///< END_STREAM has come,
  bool has_sent_all = false;                      ///< or gone.
  Http2CutReason cut = Http2CutReason::kRefused;  ///< If it ends before that.
  // For what is awaited: since when, and what was sent since.
  std::chrono::steady_clock::time_point since{};
  std::size_t sent_since = 0;
  std::uint64_t session_sent_by_then = 0;

 private:
  std::vector<Bytes> body_;
  std::size_t piece_ = 0;
  std::size_t offset_ = 0;
  std::size_t left_ = 0;
};

}  // namespace millrace::net
