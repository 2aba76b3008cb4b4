#pragma once
// What a worker was sent, for a crash report. Pure; any thread.
#include <deque>
#include <vector>

#include "media/encoded_packet.h"
#include "transcode/worker/protocol.h"

namespace millrace::transcode {

/// The bytes of a connection: the configuration, and the packets with their tracks where those
/// change. Payloads are shared.
std::vector<Bytes> worker_input(const worker::Configuration& configuration,
                                const std::deque<EncodedPacket>& packets);

}  // namespace millrace::transcode
