#pragma once
// Reads what one appsink delivers: caps become a TrackInfo, buffers SourcePackets in running time.
//
// Thread: the appsink's streaming thread, one at a time.
#include <chrono>
#include <memory>
#include <optional>

#include "base/result.h"
#include "ingest/ingest.h"

using GstCaps = struct _GstCaps;
using GstSample = struct _GstSample;

namespace millrace::ingest {

class SampleReader {
 public:
  SampleReader() = default;
  ~SampleReader();
  SampleReader(const SampleReader&) = delete;
  SampleReader& operator=(const SampleReader&) = delete;

  /// `sample` stays the caller's; its payload is copied. Nothing for a buffer without media.
  /// kUnsupported: caps other than H.264 (avc), HEVC (hvc1), AV1 or raw AAC; kInvalidData: no
  /// codec_data, no time, lengths that do not add up.
  Result<std::optional<SourcePacket>> read(GstSample* sample,
                                           std::chrono::steady_clock::time_point received_at);

 private:
  Status read_caps(GstCaps* caps);

  GstCaps* caps_ = nullptr;  // A reference, so that the address stays unique while it is compared.
  std::shared_ptr<const TrackInfo> track_;
};

}  // namespace millrace::ingest
