#pragma once
// The GStreamer pipeline that reads a source. Pure, any thread.
#include <string>
#include <vector>

#include "base/result.h"
#include "ingest/gst/source_url.h"

namespace millrace::ingest {

/// Appsinks named "video" (H.264, HEVC, AV1), "audio" (AAC) and "bytes" (MPEG-TS) deliver. In the
/// place of the former two may be an element "streams", whose pads are linked as they appear.
struct PipelineText {
  std::string description;
  /// Set on the elements afterwards: what comes from outside is never part of the description.
  struct Property {
    std::string element;
    std::string name;
    std::string value;
    friend bool operator==(const Property&, const Property&) = default;
  };
  std::vector<Property> properties{};
  /// The source has no pace of its own: streams are delivered in time with the pipeline's clock.
  bool is_paced = false;
  /// Each buffer of "bytes" is a datagram.
  bool has_datagrams = false;
};

/// Of every kind but kSrt, which needs no pipeline.
PipelineText pipeline_text(const SourceUrl& url);

/// test://: its sizes and rates may be the demo's (1280x720, 30 fps) or the options'.
std::string test_picture(const SourceUrl& url);

}  // namespace millrace::ingest
