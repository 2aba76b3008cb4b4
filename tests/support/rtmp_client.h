#pragma once
// A publisher's half of RTMP as bytes, so that tests and fuzz seeds can hold a whole session.
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "net/rtmp/amf0.h"
#include "net/rtmp/chunk_writer.h"

namespace millrace::test {

/// Everything is appended to `bytes`; the caller takes it out as it likes.
struct RtmpClient {
  std::vector<std::uint8_t> bytes;
  net::rtmp::ChunkWriter writer;
  double transaction = 0;

  /// C0, C1 and, without waiting for S1, a C2: servers do not compare it.
  void handshake() {
    bytes.push_back(3);
    for (int i = 0; i < 2 * 1536; ++i)
      bytes.push_back(i < 8 || i >= 1536 ? 0 : static_cast<std::uint8_t>(i * 7));
  }

  void message(net::rtmp::MessageType type, std::uint32_t timestamp, std::uint32_t stream,
               std::span<const std::uint8_t> payload, std::uint32_t chunk_stream = 4) {
    writer.write({chunk_stream, type, timestamp, stream, payload}, bytes);
  }

  void command(std::uint32_t stream, std::initializer_list<net::rtmp::AmfValue> values) {
    std::vector<std::uint8_t> payload;
    for (const auto& value : values) net::rtmp::append_amf0(payload, value);
    message(net::rtmp::MessageType::kCommandAmf0, 0, stream, payload, 3);
  }

  void connect(const std::string& application) {
    using net::rtmp::AmfObject;
    command(0, {"connect", ++transaction,
                AmfObject{{"app", application},
                          {"type", "nonprivate"},
                          {"flashVer", "FMLE/3.0 (compatible; millrace)"},
                          {"tcUrl", "rtmp://127.0.0.1/" + application}}});
  }

  /// releaseStream, FCPublish, createStream, publish, as librtmp sends them.
  void publish(const std::string& key) {
    using net::rtmp::AmfNull;
    command(0, {"releaseStream", ++transaction, AmfNull{}, key});
    command(0, {"FCPublish", ++transaction, AmfNull{}, key});
    command(0, {"createStream", ++transaction, AmfNull{}});
    command(1, {"publish", ++transaction, AmfNull{}, key, "live"});
  }

  void set_chunk_size(std::size_t size) { writer.set_chunk_size(size, bytes); }

  void video(std::uint32_t timestamp, std::span<const std::uint8_t> body) {
    message(net::rtmp::MessageType::kVideo, timestamp, 1, body);
  }
  void audio(std::uint32_t timestamp, std::span<const std::uint8_t> body) {
    message(net::rtmp::MessageType::kAudio, timestamp, 1, body, 5);
  }
  void meta_data(net::rtmp::AmfObject properties) {
    std::vector<std::uint8_t> payload;
    net::rtmp::append_amf0(payload, "@setDataFrame");
    net::rtmp::append_amf0(payload, "onMetaData");
    net::rtmp::append_amf0(payload, net::rtmp::AmfValue(std::move(properties)));
    message(net::rtmp::MessageType::kDataAmf0, 0, 1, payload);
  }

  /// FCUnpublish and deleteStream, as librtmp and FFmpeg end.
  void unpublish(const std::string& key) {
    using net::rtmp::AmfNull;
    command(0, {"FCUnpublish", ++transaction, AmfNull{}, key});
    command(0, {"deleteStream", ++transaction, AmfNull{}, 1.0});
  }
};

}  // namespace millrace::test
