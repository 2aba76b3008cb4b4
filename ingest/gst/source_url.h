#pragma once
// What a pull source's URL asks for. It comes from a file or an API, and has secrets in it. Pure,
// any thread.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::ingest {

enum class SourceKind {
  kRtsp,      ///< rtsp://, over TCP; rtsp+udp:// or ?transport=udp.
  kUdp,       ///< udp://: MPEG-TS in datagrams, multicast too.
  kRtp,       ///< rtp://: MPEG-TS in RTP (RFC 2250), multicast too.
  kHls,       ///< http(s)://….m3u8, or hls+http(s)://
  kHttp,      ///< http(s)://, MPEG-TS as it is made.
  kFile,      ///< file://, over and over.
  kTest,      ///< test://: a picture and a tone of our own.
  kSrt,       ///< srt://, as the caller.
  kPipeline,  ///< gst: and a pipeline whose appsinks are named video and audio.
};

struct SourceUrl {
  SourceKind kind = SourceKind::kTest;
  std::string host;        ///< Without brackets. Empty: any address (udp, rtp).
  std::uint16_t port = 0;  ///< 0: the scheme's own.
  std::string user;        ///< Decoded, as the password is.
  std::string password;    ///< A secret.
  /// kRtsp, kHls, kHttp: the URL without user and password, and without our options. kFile: the
  /// path. kPipeline: its description. May have secrets in it.
  std::string location;
  std::map<std::string, std::string> options;  ///< Ours, decoded. May have secrets in it.
  /// For the log, metrics and the API: scheme, host and port at most.
  std::string shown;
};

/// kInvalidData: the message says what is wrong and the remedy; it never quotes the URL.
Result<SourceUrl> parse_source_url(std::string_view text);

/// `text`, which somebody else has written, without anything in it that is the URL's secret.
std::string scrubbed(const SourceUrl& url, std::string text);

/// The option's number, or `otherwise` where it is not given; parse_source_url() has checked it.
std::int64_t number_of(const SourceUrl& url, const std::string& option, std::int64_t otherwise);

}  // namespace millrace::ingest
