// Any bytes as the messages of a publisher, each with its kind (1 byte), timestamp (4) and length
// (2): an error at worst, and what comes out is what the rest of the server counts on.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/check.h"
#include "ingest/rtmp/flv_demuxer.h"
#include "ingest/rtmp/on_meta_data.h"
#include "net/rtmp/big_endian.h"

namespace {

using namespace millrace;

constexpr std::size_t kHeaderBytes = 7;

// A publisher as the loop has it: an error is its end, the next message is another's.
class Publisher {
 public:
  void take(int kind, std::uint32_t timestamp, const Bytes& body) {
    if (kind == 2) return check(ingest::parse_on_meta_data(body.span()));
    const auto take = [kind](const ingest::SourcePacket& packet) {
      check(kind == 0 ? MediaKind::kVideo : MediaKind::kAudio, packet);
      return ok();
    };
    const Status status = kind == 0 ? demuxer_->push_video(timestamp, body, {}, take)
                                    : demuxer_->push_audio(timestamp, body, {}, take);
    if (status.has_value()) return;
    CHECK(!status.error().message.empty());
    demuxer_.emplace();
  }

 private:
  static void check(const std::optional<ingest::Announcement>& announcement) {
    if (!announcement) return;
    CHECK(announcement->has_video || announcement->has_audio);
    CHECK(announcement->frame_rate >= 0 && announcement->frame_rate <= 1000);
    CHECK(announcement->encoder.size() <= 128);
  }

  static void check(MediaKind kind, const ingest::SourcePacket& packet) {
    CHECK(packet.track != nullptr && packet.track->kind == kind);
    CHECK(packet.track->index >= 0 && packet.track->index < 8);
    CHECK(!packet.payload.empty());
    CHECK(std::chrono::abs(packet.pts - packet.dts) <= std::chrono::milliseconds(1 << 23));
    // Far enough from overflow for what adds the time of day, or another such time.
    CHECK(std::chrono::abs(packet.dts) <= std::chrono::hours(24 * 365 * 50));
    if (kind == MediaKind::kAudio) CHECK(packet.is_key_frame && packet.pts == packet.dts);
  }

  std::optional<ingest::FlvDemuxer> demuxer_{std::in_place};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  Publisher publisher;
  std::span<const std::uint8_t> rest(bytes, size);
  while (rest.size() >= kHeaderBytes) {
    const int kind = rest[0] % 3;
    const auto timestamp = net::rtmp::read_u32(rest.data() + 1);
    const std::size_t length = net::rtmp::read_u16(rest.data() + 5);
    rest = rest.subspan(kHeaderBytes);
    const auto body = rest.first(std::min(length, rest.size()));
    rest = rest.subspan(body.size());
    publisher.take(kind, timestamp, Bytes::copy_of(body));
  }
  return 0;
}
