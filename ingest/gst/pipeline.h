#pragma once
// One run of a GStreamer pipeline, from its description to its end. It runs on threads of
// GStreamer's own; the object itself belongs to one thread.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "ingest/gst/pipeline_text.h"
#include "ingest/ingest.h"

using GstElement = struct _GstElement;

namespace millrace::ingest {

class StreamBranches;

class Pipeline {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// They are called on GStreamer's threads, and not after ~Pipeline.
  struct Events {
    std::function<void(SourcePacket)> on_packet;
    /// One buffer of the appsink "bytes". False: it is too much, and the pipeline ends.
    std::function<bool(std::span<const std::uint8_t>, TimePoint)> on_bytes{};
    /// An error, or kClosed at the end of the stream. May come more than once.
    std::function<void(Error)> on_end;
  };

  /// Loads GStreamer and the plug-ins named, which blocks the first time. kInvalidData: the
  /// description is wrong, or has nothing that delivers.
  static Result<std::unique_ptr<Pipeline>> create(const PipelineText& text, Events events);
  /// Stops, and waits for GStreamer's threads.
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// Neither waits: the pipeline changes its state on a thread of GStreamer's. Once each.
  void start();
  void stop();
  /// Whether it is not running, or stop() has come through.
  bool is_stopped() const;

  /// As far as it is known: streams may appear while it runs. Any thread.
  bool has_video() const;
  bool has_audio() const;
  bool has_bytes() const { return has_bytes_; }

 private:
  struct Output;
  struct State;

  Pipeline(GstElement* element, Events events);
  void connect_named(const char* appsink_name, MediaKind kind);
  void connect(GstElement* appsink, MediaKind kind);
  void connect_bytes();
  void connect_streams(bool is_paced);

  const Events events_;
  GstElement* const element_;
  std::unique_ptr<State> state_;
  std::unique_ptr<StreamBranches> branches_;  ///< Null where there is no element "streams".
  const std::unique_ptr<Output> video_;
  const std::unique_ptr<Output> audio_;
  bool has_video_ = false;  ///< By an appsink of that name, from the start.
  bool has_audio_ = false;
  bool has_bytes_ = false;
};

}  // namespace millrace::ingest
