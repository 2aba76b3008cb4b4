#pragma once
// One run of a GStreamer pipeline, from its description to its end. It runs on threads of
// GStreamer's own; the object itself belongs to one thread.
#include <array>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "ingest/ingest.h"

using GstElement = struct _GstElement;

namespace millrace::ingest {

class Pipeline {
 public:
  /// Both are called on GStreamer's threads, and not after ~Pipeline.
  struct Events {
    std::function<void(SourcePacket)> on_packet;
    /// An error, or kClosed at the end of the stream. May come more than once.
    std::function<void(Error)> on_end;
  };

  /// Loads GStreamer and the plug-ins named, which blocks the first time. kInvalidData: the
  /// description is wrong, or has no appsink called "video" or "audio".
  static Result<std::unique_ptr<Pipeline>> create(const std::string& description, Events events);
  /// Stops, and waits for GStreamer's threads.
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  /// Neither waits: the pipeline changes its state on a thread of GStreamer's. Once each.
  void start();
  void stop();
  /// Whether it is not running, or stop() has come through.
  bool is_stopped() const;

  bool has_video() const;
  bool has_audio() const;

 private:
  struct Output;
  struct State;

  Pipeline(GstElement* element, Events events);
  void connect(const char* appsink_name, std::unique_ptr<Output>& output);

  const Events events_;
  GstElement* const element_;
  std::unique_ptr<State> state_;
  std::unique_ptr<Output> video_;
  std::unique_ptr<Output> audio_;
};

}  // namespace millrace::ingest
