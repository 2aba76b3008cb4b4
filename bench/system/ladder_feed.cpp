// Feeds the H.264 of an FLV file to a millrace-transcoder as fast as it takes it, every other
// second's first key frame opening a segment, and prints what that cost: one JSON object.
//
//   ladder_feed WORKER FLV FRAMES_PER_SECOND realtime|balanced|quality [OUTPUT_FOLDER]
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "media/codec_configuration.h"
#include "net/child_process.h"
#include "transcode/worker/protocol.h"

using namespace millrace;

namespace {

namespace wire = transcode::worker;

const std::vector<transcode::RungTemplate> kLadder = {{"source", true},
                                                      {"720p", false, 720, 2'800'000},
                                                      {"480p", false, 480, 1'200'000},
                                                      {"360p", false, 360, 700'000}};
constexpr MediaTime kSegment = std::chrono::seconds(2);
// Not more than the worker's socket and a little: it is fed, not flooded.
constexpr std::size_t kMaxQueued = 512 * 1024;

std::uint32_t big_endian(const std::uint8_t* bytes, int count) {
  std::uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | bytes[i];
  return value;
}

/// Video of an FLV file (a trusted one: no bounds but the file's).
std::vector<EncodedPacket> read_flv(const char* path, std::int64_t rate) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> content{std::istreambuf_iterator<char>(file), {}};
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(content.data());
  std::vector<EncodedPacket> packets;
  std::shared_ptr<const TrackInfo> track;
  std::size_t at = 13;
  while (at + 15 <= content.size()) {
    const std::uint8_t* tag = bytes + at;
    const std::size_t size = big_endian(tag + 1, 3);
    if (at + 15 + size > content.size()) break;
    at += 15 + size;
    if (tag[0] != 9 || size < 5 || (tag[11] & 15) != 7) continue;
    const auto body = Bytes::copy_of(std::span(tag + 16, size - 5));
    if (tag[12] == 0) {
      auto parsed = parse_avc_configuration(body);
      if (!parsed.has_value()) return {};
      parsed.value().video.frame_rate = {rate, 1};
      track = std::make_shared<const TrackInfo>(std::move(parsed).value());
    } else if (tag[12] == 1 && track) {
      const auto frame = [rate](std::int64_t ms) { return (ms * rate + 500) / 1000; };
      const auto grid = [rate](std::int64_t number) {
        return MediaTime(number * 1'000'000'000 / rate);
      };
      const std::int64_t dts = big_endian(tag + 4, 3) | static_cast<std::int64_t>(tag[7]) << 24;
      const std::int64_t offset = big_endian(tag + 13, 3);
      EncodedPacket packet;
      packet.track = track;
      packet.payload = body;
      packet.dts = grid(frame(dts));
      packet.pts = grid(frame(dts + offset));
      packet.duration = grid(frame(dts) + 1) - packet.dts;
      packet.is_key_frame = tag[11] >> 4 == 1;
      packets.push_back(std::move(packet));
    }
  }
  MediaTime next = packets.empty() ? MediaTime{} : packets.front().pts;
  SegmentNumber number = 0;
  for (auto& packet : packets)
    if (packet.is_key_frame && packet.pts >= next) {
      packet.opens_segment = number++;
      next = packet.pts + kSegment - std::chrono::milliseconds(100);
    }
  return packets;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

double cpu(int who) {
  rusage usage{};
  getrusage(who, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Rung {
  std::size_t frames = 0, bytes = 0, key_frames = 0;
  std::ofstream file;  ///< Annex B, for measuring quality.
};

void write_annex_b(Rung& rung, std::span<const std::uint8_t> units) {
  constexpr char kStart[] = {0, 0, 0, 1};
  while (units.size() > 4) {
    const std::size_t length = big_endian(units.data(), 4);
    rung.file.write(kStart, 4).write(reinterpret_cast<const char*>(units.data() + 4),
                                     static_cast<std::streamsize>(length));
    units = units.subspan(4 + length);
  }
}

void write_parameter_sets(Rung& rung, const Bytes& record) {
  // One SPS, one PPS, behind avcC's first six bytes.
  const std::size_t sequence = big_endian(record.data() + 6, 2);
  const std::size_t picture = big_endian(record.data() + 9 + sequence, 2);
  const std::size_t sizes[] = {sequence, picture};
  std::size_t at = 8;
  for (const auto size : sizes) {
    rung.file.write("\0\0\0\1", 4)
        .write(reinterpret_cast<const char*>(record.data() + at),
               static_cast<std::streamsize>(size));
    at += size + 3;
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 5) return 2;
  const auto packets = read_flv(arguments[2], std::stoi(arguments[3]));
  if (packets.empty()) return 1;
  const std::string profile = arguments[4];
  const auto planned = transcode::plan_ladder(kLadder, *packets.front().track);
  std::vector<Rung> rungs(planned.size());
  if (count > 5)
    for (std::size_t i = 0; i < rungs.size(); ++i)
      rungs[i].file.open(fmt::format("{}/{}.h264", arguments[5], planned[i].name),
                         std::ios::binary);
  net::EventLoop loop;
  wire::FrameReader frames;
  wire::Statistics statistics;
  std::string exited;
  const wire::FrameReader::Handler on_message = [&](wire::MessageType type, Bytes body) {
    if (type == wire::MessageType::kPacket) {
      const auto message = wire::read_packet(body);
      if (!message.has_value()) return Status(message.error());
      auto& rung = rungs.at(message.value().rung);
      ++rung.frames;
      rung.bytes += message.value().packet.payload.size();
      rung.key_frames += message.value().packet.is_key_frame ? 1 : 0;
      if (rung.file.is_open()) write_annex_b(rung, message.value().packet.payload.span());
    } else if (type == wire::MessageType::kTrack) {
      const auto message = wire::read_track(body);
      if (!message.has_value()) return Status(message.error());
      auto& rung = rungs.at(message.value().rung);
      if (rung.file.is_open())
        write_parameter_sets(rung, message.value().track.codec_configuration);
    } else if (type == wire::MessageType::kStatistics) {
      statistics = wire::read_statistics(body).value();
    }
    return ok();
  };
  const auto began = std::chrono::steady_clock::now();
  auto spawned = net::spawn(arguments[1], {}, loop,
                            {.on_received =
                                 [&](auto bytes) {
                                   if (!frames.append(bytes, on_message).has_value()) loop.stop();
                                 },
                             .on_exited =
                                 [&](auto how) {
                                   exited = how;
                                   loop.stop();
                                 }});
  if (!spawned.has_value()) return 1;
  auto& worker = *spawned.value();
  worker.send(
      wire::write_configuration({.profile = profile == "realtime"  ? transcode::Profile::kRealtime
                                            : profile == "quality" ? transcode::Profile::kQuality
                                                                   : transcode::Profile::kBalanced,
                                 .part_target = std::chrono::milliseconds(500),
                                 .rungs = planned,
                                 .starts = std::vector<wire::RungStart>(planned.size()),
                                 .catch_up_until = MediaTime::max()}));
  worker.send(wire::write_track(0, *packets.front().track));
  std::size_t fed = 0;
  net::Timer timer(loop);
  std::function<void()> feed = [&] {
    for (; fed < packets.size() && worker.queued_bytes() < kMaxQueued; ++fed) {
      worker.send(
          wire::write_packet_header({.rung = 0, .packets_taken = 0, .packet = packets[fed]}));
      worker.send(packets[fed].payload);
    }
    if (fed == packets.size()) return worker.close_sending();
    timer.start(std::chrono::milliseconds(20), feed);
  };
  feed();
  loop.run();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - began;
  const double media = static_cast<double>(packets.size()) / std::stod(arguments[3]);
  const double used = cpu(RUSAGE_SELF) + cpu(RUSAGE_CHILDREN);
  fmt::print(
      "{{\"cpu\": {:.3f}, \"media\": {:.3f}, \"wall\": {:.3f}, \"exit\": \"{}\", "
      "\"decode_and_scale\": {:.3f}, \"rungs\": {{",
      used, media, wall.count(), exited,
      std::chrono::duration<double>(statistics.decode_busy).count());
  for (std::size_t i = 0; i < rungs.size(); ++i)
    fmt::print("{}\"{}\": {{\"frames\": {}, \"key_frames\": {}, \"kbps\": {:.0f}}}", i ? ", " : "",
               planned[i].name, rungs[i].frames, rungs[i].key_frames,
               static_cast<double>(rungs[i].bytes) * 8 / 1000 / media);
  fmt::print("}}}}\n");
  return exited == "exit code 0" ? 0 : 1;
}
