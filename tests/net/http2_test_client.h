#pragma once
// An HTTP/2 client, nghttp2's other side on blocking sockets with a deadline, and frames by hand
// for what it would not send. Everything on the test's thread.
#include <nghttp2/nghttp2.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/net/http_test_client.h"

namespace millrace::test {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// RFC 9113 4.1.
inline std::string http2_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                               std::string_view payload = {}) {
  std::string frame;
  const auto size = payload.size();
  for (const int shift : {16, 8, 0}) frame += static_cast<char>(size >> shift);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) frame += static_cast<char>(stream >> shift);
  return frame.append(payload);
}

/// GET / of host "a", all of it from HPACK's static table but the host (RFC 7541 A).
inline std::string http2_get(std::uint32_t stream) {
  return http2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS, stream,
                     "\x82\x84\x86\x01\x01"
                     "a");
}

struct Http2Reply {
  int status = 0;
  std::map<std::string, std::string> headers;
  std::string body;
  bool is_over = false;
  std::uint32_t error_code = NGHTTP2_NO_ERROR;  ///< Of the stream's end.
};

struct Http2Request {
  std::string path = "/";
  std::string method = "GET";
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::optional<std::string> body = {};
};

class Http2TestClient {
 public:
  struct Options {
    bool is_tls = false;
    /// For the body of an answer; without more room unless open_window() makes some.
    std::optional<std::uint32_t> stream_window = {};
    bool makes_room = true;
  };

  explicit Http2TestClient(const std::string& address) : Http2TestClient(address, Options()) {}
  Http2TestClient(const std::string& address, Options options)
      : connection(address), options_(options) {
    if (options.is_tls) is_good_ = connection.start_tls("\x02h2\x08http/1.1");
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_option* library_options = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_option_new(&library_options);
    if (!options.makes_room) nghttp2_option_set_no_auto_window_update(library_options, 1);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                      std::uint8_t, void* self) {
          auto& reply = static_cast<Http2TestClient*>(self)->replies_[frame->hd.stream_id];
          const std::string key(reinterpret_cast<const char*>(name), name_size);
          reply.headers[key] = std::string(reinterpret_cast<const char*>(value), value_size);
          if (key == ":status") reply.status = std::stoi(reply.headers[key]);
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                      std::size_t size, void* self) {
          auto& client = *static_cast<Http2TestClient*>(self);
          client.replies_[id].body.append(reinterpret_cast<const char*>(bytes), size);
          if (client.order.empty() || client.order.back() != id) client.order.push_back(id);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t error_code, void* self) {
          auto& reply = static_cast<Http2TestClient*>(self)->replies_[id];
          reply.is_over = true;
          reply.error_code = error_code;
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
          if (frame->hd.type == NGHTTP2_GOAWAY)
            static_cast<Http2TestClient*>(self)->goaway = frame->goaway.error_code;
          return 0;
        });
    nghttp2_session* created = nullptr;
    nghttp2_session_client_new2(&created, callbacks, this, library_options);
    session_.reset(created);
    nghttp2_option_del(library_options);
    nghttp2_session_callbacks_del(callbacks);
    std::vector<nghttp2_settings_entry> settings;
    if (options.stream_window)
      settings.push_back({NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, *options.stream_window});
    nghttp2_submit_settings(created, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  }

  bool is_good() const { return is_good_; }

  /// Begins a request, and sends what there is of it. Without its end where `is_complete` is false.
  std::int32_t ask(const Http2Request& request, bool is_complete = true) {
    std::vector<std::pair<std::string, std::string>> fields{{":method", request.method},
                                                            {":scheme", "https"},
                                                            {":authority", "test"},
                                                            {":path", request.path}};
    fields.insert(fields.end(), request.headers.begin(), request.headers.end());
    std::vector<nghttp2_nv> header;
    for (auto& [name, value] : fields)
      header.push_back({reinterpret_cast<std::uint8_t*>(name.data()),
                        reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(),
                        NGHTTP2_NV_FLAG_NONE});
    auto* const body = new Body{request.body.value_or(""), is_complete, 0};
    bodies_.emplace_back(body);
    const nghttp2_data_provider provider{
        .source = {.ptr = body},
        .read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t room,
                            std::uint32_t* flags, nghttp2_data_source* source, void*) -> ssize_t {
          auto& from = *static_cast<Body*>(source->ptr);
          const auto size = from.text.copy(reinterpret_cast<char*>(to), room, from.at);
          from.at += size;
          if (from.at < from.text.size() || size > 0) return static_cast<ssize_t>(size);
          if (!from.is_complete) return NGHTTP2_ERR_DEFERRED;
          *flags |= NGHTTP2_DATA_FLAG_EOF;
          return 0;
        }};
    const bool has_body = request.body || !is_complete;
    const auto id = nghttp2_submit_request(session_.get(), nullptr, header.data(), header.size(),
                                           has_body ? &provider : nullptr, nullptr);
    flush();
    return id;
  }
  void cancel(std::int32_t id) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    flush();
  }
  void ping() {
    nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
    flush();
  }
  /// Of the connection, or of a stream.
  void open_window(std::int32_t id, std::int32_t by) {
    nghttp2_submit_window_update(session_.get(), NGHTTP2_FLAG_NONE, id, by);
    flush();
  }
  /// The answer; what there is of it where the connection ends first.
  const Http2Reply& wait(std::int32_t id) {
    while (!replies_[id].is_over && read_some()) {
    }
    return replies_[id];
  }
  const Http2Reply& get(const std::string& path) { return wait(ask({.path = path})); }
  /// What has come so far.
  const Http2Reply& reply(std::int32_t id) { return replies_[id]; }
  /// Takes what comes next. False once the connection has ended.
  bool read_some() {
    const auto bytes = connection.receive_some();
    if (bytes.empty()) return false;
    const auto used = nghttp2_session_mem_recv(
        session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    return used >= 0 && flush();
  }
  /// Reads to the connection's end.
  void read_to_end() {
    while (read_some()) {
    }
  }
  bool flush() {
    const std::uint8_t* bytes = nullptr;
    std::string all;
    for (;;) {
      const auto size = nghttp2_session_mem_send(session_.get(), &bytes);
      if (size < 0) return false;
      if (size == 0) break;
      all.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
    return connection.send(all) || all.empty();
  }

  HttpTestClient connection;
  std::optional<std::uint32_t> goaway;  ///< The error code of the last one that came.
  std::vector<std::int32_t> order;      ///< Whose DATA came, one after the other.

 private:
  struct Body {
    std::string text;
    bool is_complete;
    std::size_t at;
  };
  struct Delete {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  Options options_;
  bool is_good_ = true;
  std::unique_ptr<nghttp2_session, Delete> session_;
  std::vector<std::unique_ptr<Body>> bodies_;
  std::map<std::int32_t, Http2Reply> replies_;
};

}  // namespace millrace::test
