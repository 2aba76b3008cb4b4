#pragma once
// The streams of a source whose codecs are known only once it runs: each is linked, as it appears,
// to what parses it and an appsink. One picture and one sound are taken.
//
// Thread: the constructor's; then GStreamer's streaming threads, several at a time.
#include <atomic>
#include <functional>
#include <string>

#include "base/result.h"
#include "media/track_info.h"

using GstElement = struct _GstElement;
using GstPad = struct _GstPad;

namespace millrace::ingest {

class StreamBranches {
 public:
  struct Events {
    /// Before it gets any buffer; `appsink` stays the pipeline's.
    std::function<void(MediaKind kind, GstElement* appsink)> on_appsink;
    std::function<void(Error)> on_error;
  };

  /// `streams` is in `pipeline`; both outlive it, and are stopped before it is destroyed.
  /// `is_paced`: the appsinks wait for their buffers' time.
  StreamBranches(GstElement* pipeline, GstElement* streams, bool is_paced, Events events);
  StreamBranches(const StreamBranches&) = delete;
  StreamBranches& operator=(const StreamBranches&) = delete;

  /// Whether the source has said that there is such a stream, which may come later. Any thread.
  bool has_video() const { return has_video_.load(std::memory_order_acquire); }
  bool has_audio() const { return has_audio_.load(std::memory_order_acquire); }

 private:
  static void on_pad(GstElement* streams, GstPad* pad, void* self);
  void watch(GstElement* streams);
  void take(GstPad* pad);
  Status link_rtp(GstPad* pad);
  Status link_media(GstPad* pad, const char* media_type);
  Status link_branch(GstPad* pad, MediaKind kind, const std::string& parser);
  Status link_to_nothing(GstPad* pad);
  Status add_and_link(GstPad* pad, GstElement* element);

  GstElement* const pipeline_;
  const bool is_paced_;
  const Events events_;
  std::atomic<bool> has_video_ = false;
  std::atomic<bool> has_audio_ = false;
  std::atomic<bool> links_video_ = false;
  std::atomic<bool> links_audio_ = false;
};

}  // namespace millrace::ingest
