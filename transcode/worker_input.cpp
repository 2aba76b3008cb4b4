#include "transcode/worker_input.h"

#include <memory>

namespace millrace::transcode {

std::vector<Bytes> worker_input(const worker::Configuration& configuration,
                                const std::deque<EncodedPacket>& packets) {
  std::vector<Bytes> input{worker::write_configuration(configuration)};
  std::shared_ptr<const TrackInfo> track;
  for (const auto& packet : packets) {
    if (packet.track != track) input.push_back(worker::write_track(0, *packet.track));
    track = packet.track;
    input.push_back(worker::write_packet_header({.rung = 0, .packets_taken = 0, .packet = packet}));
    input.push_back(packet.payload);
  }
  return input;
}

}  // namespace millrace::transcode
