#include "ingest/gst/pipeline_text.h"

#include <fmt/format.h>

#include "base/check.h"

namespace millrace::ingest {
namespace {

// For lost packets to come again or late; over TCP none is lost.
constexpr std::int64_t kJitterMilliseconds = 200;

std::string option(const SourceUrl& url, const std::string& name, std::string_view otherwise) {
  const auto found = url.options.find(name);
  return found == url.options.end() ? std::string(otherwise) : found->second;
}

void add_credentials(const SourceUrl& url, const std::string& element, PipelineText& text) {
  if (url.user.empty()) return;
  text.properties.push_back({element, "user-id", url.user});
  text.properties.push_back({element, "user-pw", url.password});
}

/// buffer-mode=none: times are the source's own, since the timeline follows its clock itself.
PipelineText rtsp(const SourceUrl& url) {
  PipelineText text{.description =
                        "rtspsrc name=streams buffer-mode=none teardown-timeout=100000000"
                        " do-rtsp-keep-alive=true"};
  text.properties = {
      {"streams", "location", url.location},
      {"streams", "protocols", option(url, "transport", "tcp")},
      {"streams", "latency", std::to_string(number_of(url, "latency", kJitterMilliseconds))}};
  add_credentials(url, "streams", text);
  return text;
}

/// The kernel's buffer holds half a second of 40 Mb/s, where the system allows it.
PipelineText datagrams(const SourceUrl& url, std::string_view reader) {
  PipelineText text;
  text.description = fmt::format(
      "udpsrc name=source buffer-size=2500000{} ! appsink name=bytes"
      " sync=false",
      reader);
  text.properties = {{"source", "address", url.host.empty() ? "0.0.0.0" : url.host},
                     {"source", "port", std::to_string(url.port)}};
  if (const auto interface = option(url, "interface", ""); !interface.empty())
    text.properties.push_back({"source", "multicast-iface", interface});
  text.has_datagrams = true;
  return text;
}

PipelineText rtp(const SourceUrl& url) {
  PipelineText text =
      datagrams(url,
                " caps=\"application/x-rtp,media=(string)video,clock-rate=(int)90000"
                ",encoding-name=(string)MP2T\" ! rtpjitterbuffer name=jitter ! rtpmp2tdepay");
  text.properties.push_back(
      {"jitter", "latency", std::to_string(number_of(url, "latency", kJitterMilliseconds))});
  return text;
}

/// `retries=0`: what to try again, and when, is decided here.
PipelineText http(const SourceUrl& url, std::string_view reader) {
  PipelineText text;
  text.description = fmt::format("souphttpsrc name=source retries=0 timeout=10 is-live={} ! {}",
                                 url.kind == SourceKind::kHttp, reader);
  text.properties = {{"source", "location", url.location}};
  add_credentials(url, "source", text);
  text.is_paced = url.kind == SourceKind::kHls;
  return text;
}

}  // namespace

PipelineText pipeline_text(const SourceUrl& url) {
  switch (url.kind) {
    case SourceKind::kRtsp:
      return rtsp(url);
    case SourceKind::kUdp:
      return datagrams(url, "");
    case SourceKind::kRtp:
      return rtp(url);
    case SourceKind::kHls:
      return http(url, "parsebin name=streams");
    case SourceKind::kHttp:
      return http(url, "appsink name=bytes sync=false");
    case SourceKind::kFile:
      return {.description = "filesrc name=source ! parsebin name=streams",
              .properties = {{"source", "location", url.location}},
              .is_paced = true};
    case SourceKind::kTest:
      return {.description = test_picture(url)};
    case SourceKind::kPipeline:
      return {.description = url.location};
    case SourceKind::kSrt:
      break;
  }
  CHECK(false);  // srt:// is net/srt's.
  return {};
}

}  // namespace millrace::ingest
