// What went into a chunk of our own, which cannot be malformed.
#include "base/check.h"
#include "packager/cmaf_reader.h"
#include "packager/fmp4_writer.h"
#include "packager/packager.h"

namespace millrace::packager {

std::vector<EncodedPacket> packets_of(const CmafChunk& chunk) {
  std::vector<CmafSample> samples;
  CHECK(read_chunks(chunk.bytes, samples).has_value());
  const std::uint32_t timescale = timescale_of(*chunk.init->track);
  std::vector<EncodedPacket> packets(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    CmafSample& sample = samples[i];
    EncodedPacket& packet = packets[i];
    packet.track = chunk.init->track;
    packet.payload = std::move(sample.payload);
    packet.dts = from_ticks(sample.decode_time, timescale);
    packet.pts = from_ticks(sample.decode_time + sample.composition_offset, timescale);
    packet.duration = from_ticks(sample.decode_time + sample.duration, timescale) - packet.dts;
    packet.is_key_frame = sample.is_key_frame;
    packet.received_at = chunk.received_at;
  }
  return packets;
}

}  // namespace millrace::packager
