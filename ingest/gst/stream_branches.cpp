#include "ingest/gst/stream_branches.h"

#include <fmt/format.h>
#include <gst/gst.h>

#include <string_view>
#include <utility>

namespace millrace::ingest {
namespace {

// One thread reads the streams of a file, and must not wait for one while another has nothing.
constexpr std::string_view kPacedQueue =
    "queue max-size-buffers=0 max-size-time=3000000000 max-size-bytes=16777216 ! ";

/// RTP says no decode times, nor do some containers: the timestampers make them of the picture
/// order, once the parameter sets say how far pictures are reordered.
std::string_view video_parser(std::string_view media_type) {
  if (media_type == "video/x-h264") return "h264parse ! h264timestamper";
  if (media_type == "video/x-h265") return "h265parse ! h265timestamper";
  if (media_type == "video/x-av1") return "av1parse";
  return {};
}

/// What is not AAC becomes it: cheap, and in reach of every player.
std::string_view audio_parser(const GstStructure* structure) {
  int version = 0;
  if (gst_structure_has_name(structure, "audio/mpeg") &&
      gst_structure_get_int(structure, "mpegversion", &version) && (version == 2 || version == 4))
    return "aacparse";
  return "decodebin ! audioconvert ! audioresample ! audio/x-raw,rate=48000,channels=2"
         " ! avenc_aac bitrate=128000 ! aacparse";
}

/// Caps of a pad that is about to flow; the caller's to unref.
GstCaps* caps_of(GstPad* pad) {
  GstCaps* caps = gst_pad_get_current_caps(pad);
  return caps ? caps : gst_pad_query_caps(pad, nullptr);
}

}  // namespace

StreamBranches::StreamBranches(GstElement* pipeline, GstElement* streams, bool is_paced,
                               Events events)
    : pipeline_(pipeline), is_paced_(is_paced), events_(std::move(events)) {
  watch(streams);
}

void StreamBranches::watch(GstElement* streams) {
  g_signal_connect(streams, "pad-added", G_CALLBACK(&StreamBranches::on_pad), this);
}

void StreamBranches::on_pad(GstElement* /*streams*/, GstPad* pad, void* self) {
  static_cast<StreamBranches*>(self)->take(pad);
}

void StreamBranches::take(GstPad* pad) {
  GstCaps* caps = caps_of(pad);
  const GstStructure* structure =
      gst_caps_is_empty(caps) || gst_caps_is_any(caps) ? nullptr : gst_caps_get_structure(caps, 0);
  Status linked = ok();
  if (structure && gst_structure_has_name(structure, "application/x-rtp")) {
    const char* media = gst_structure_get_string(structure, "media");
    if (g_strcmp0(media, "video") == 0) has_video_ = true;
    if (g_strcmp0(media, "audio") == 0) has_audio_ = true;
    linked = media ? link_rtp(pad) : link_to_nothing(pad);
  } else if (structure) {
    const std::string_view media_type = gst_structure_get_name(structure);
    if (media_type.starts_with("audio/") && !links_audio_.exchange(true)) {
      has_audio_ = true;
      linked = link_branch(pad, MediaKind::kAudio, std::string(audio_parser(structure)));
    } else {
      linked = link_media(pad, media_type.data());
    }
  } else {
    linked = link_to_nothing(pad);
  }
  gst_caps_unref(caps);
  if (!linked.has_value()) events_.on_error(linked.error());
}

Status StreamBranches::link_media(GstPad* pad, const char* media_type) {
  const std::string_view type = media_type;
  if (!type.starts_with("video/") && !type.starts_with("image/")) return link_to_nothing(pad);
  if (links_video_.exchange(true)) return link_to_nothing(pad);
  has_video_ = true;
  const auto parser = video_parser(type);
  if (parser.empty())
    return Error{ErrorCode::kUnsupported,
                 fmt::format("gst: {} is not supported: H.264, HEVC and AV1 are taken", type)};
  return link_branch(pad, MediaKind::kVideo, std::string(parser));
}

Status StreamBranches::link_rtp(GstPad* pad) {
  GstElement* parser = gst_element_factory_make("parsebin", nullptr);
  if (!parser) return Error{ErrorCode::kSystem, "gst: there is no element parsebin"};
  watch(parser);
  return add_and_link(pad, parser);
}

Status StreamBranches::link_branch(GstPad* pad, MediaKind kind, const std::string& parser) {
  const std::string text = fmt::format("{}{} ! appsink name=out sync={}",
                                       is_paced_ ? kPacedQueue : "", parser, is_paced_);
  GError* error = nullptr;
  GstElement* branch = gst_parse_bin_from_description_full(text.c_str(), TRUE, nullptr,
                                                           GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (!branch) {
    Error ours{ErrorCode::kSystem,
               fmt::format("gst: {}: {}", parser, error ? error->message : "unknown error")};
    g_clear_error(&error);
    return ours;
  }
  GstElement* appsink = gst_bin_get_by_name(GST_BIN(branch), "out");
  events_.on_appsink(kind, appsink);
  gst_object_unref(appsink);
  return add_and_link(pad, branch);
}

Status StreamBranches::link_to_nothing(GstPad* pad) {
  GstElement* sink = gst_element_factory_make("fakesink", nullptr);
  if (!sink) return Error{ErrorCode::kSystem, "gst: there is no element fakesink"};
  g_object_set(sink, "async", FALSE, "sync", FALSE, nullptr);
  return add_and_link(pad, sink);
}

Status StreamBranches::add_and_link(GstPad* pad, GstElement* element) {
  gst_bin_add(GST_BIN(pipeline_), element);  // Owns it from here on.
  GstPad* sink = gst_element_get_static_pad(element, "sink");
  const GstPadLinkReturn linked = sink ? gst_pad_link(pad, sink) : GST_PAD_LINK_REFUSED;
  if (sink) gst_object_unref(sink);
  // Linked first: a state change may ask upstream.
  gst_element_sync_state_with_parent(element);
  if (linked == GST_PAD_LINK_OK) return ok();
  return Error{ErrorCode::kSystem,
               fmt::format("gst: a stream cannot be linked: {}", gst_pad_link_get_name(linked))};
}

}  // namespace millrace::ingest
