#pragma once
// A ladder that is fed a clip, and what comes out of it.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/transcode/clip.h"
#include "transcode/decoder.h"
#include "transcode/transcode.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

namespace millrace::test {

using namespace std::chrono_literals;

struct RecordingSink final : Sink<EncodedPacket> {
  Status push(EncodedPacket packet) override {
    packets.push_back(std::move(packet));
    return ok();
  }
  Status finish() override {
    is_finished = true;
    return ok();
  }
  MediaTime newest() const {
    MediaTime newest{};
    for (const auto& packet : packets) newest = std::max(newest, packet.pts);
    return newest;
  }
  std::vector<EncodedPacket> packets;
  bool is_finished = false;
};

inline int child_process() {
  std::ifstream children("/proc/self/task/" + std::to_string(::gettid()) + "/children");
  int id = 0;
  return children >> id ? id : 0;
}

inline std::size_t open_descriptors() {
  const std::filesystem::directory_iterator folder("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(folder), end(folder)));
}

/// A ladder of two rungs, fed a clip a dozen pictures ahead of what comes out.
struct Show {
  explicit Show(std::vector<EncodedPacket> source_clip, std::string path,
                transcode::Profile profile = transcode::Profile::kBalanced,
                std::vector<bool> wanted = {true, true}, transcode::Devices* devices = nullptr,
                transcode::RemoteHosts* remote = nullptr)
      : clip(std::move(source_clip)), timer(loop) {
    auto created =
        transcode::create({.channel = "shop",
                           .worker_path = path,
                           .profile = profile,
                           .rungs = {{"large", 160, 90, 200'000}, {"small", 80, 44, 100'000}},
                           .part_target = 200ms,
                           .on_crash = [this](auto crash) { crashes.push_back(std::move(crash)); },
                           .remote = remote,
                           .devices = devices,
                           .device_worker_path = path,
                           .older_outputs = {&older_large, &older_small}},
                          {&large, &small}, loop, metrics);
    REQUIRE(created.has_value());
    ladder = std::move(created).value();
    ladder->want(std::move(wanted), {});
  }

  /// Runs the loop until `is_done`; false after 20 s.
  template <typename Condition>
  bool run(Condition is_done) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    bool result = false;
    std::function<void()> step = [&] {
      if ((result = is_done()) || std::chrono::steady_clock::now() > deadline) return loop.stop();
      feed();
      timer.start(1ms, step);
    };
    loop.poll();
    timer.start(0ms, step);
    loop.run();
    timer.cancel();
    return result;
  }
  void feed() {
    while (is_feeding && fed < clip.size() && fed_ahead() < ahead) {
      EncodedPacket packet = clip[fed++];
      // None is late, however busy the machine is.
      packet.received_at = std::chrono::steady_clock::now() + 1h;
      REQUIRE(ladder->push(std::move(packet)).has_value());
    }
    if (fed == clip.size() && is_finishing) CHECK(ladder->finish().has_value());
  }
  std::size_t fed_ahead() const {
    const auto done = std::min(large.newest(), small.newest());
    return static_cast<std::size_t>(
        std::count_if(clip.begin(), clip.begin() + static_cast<std::ptrdiff_t>(fed),
                      [done](const auto& packet) { return packet.pts > done; }));
  }
  bool run_to_end() {
    is_finishing = true;
    return run([this] { return large.is_finished && small.is_finished; });
  }
  bool run_until_delivered(std::size_t count) {
    return run([this, count] { return small.packets.size() >= count; });
  }
  double workers() {
    return metrics.gauge("millrace_transcode_workers", "Worker processes that run.").value();
  }
  double restarts() {
    return metrics
        .counter("millrace_transcode_worker_restarts_total",
                 "Workers started in the place of one that ended.", {{"channel", "shop"}})
        .value();
  }

  net::EventLoop loop;
  Metrics metrics;
  std::vector<EncodedPacket> clip;
  RecordingSink large, small;
  RecordingSink older_large, older_small;  ///< Of CatchUp::older.
  std::vector<transcode::WorkerCrash> crashes;
  std::unique_ptr<transcode::Ladder> ladder;
  net::Timer timer;
  std::size_t fed = 0;
  std::size_t ahead = 14;
  bool is_feeding = true;
  bool is_finishing = false;
};

inline std::vector<MediaTime> sorted_pts(const std::vector<EncodedPacket>& packets) {
  std::vector<MediaTime> times;
  for (const auto& packet : packets) times.push_back(packet.pts);
  std::sort(times.begin(), times.end());
  return times;
}

inline std::size_t decodable(const std::vector<EncodedPacket>& packets) {
  auto decoder = transcode::Decoder::create(packets.at(0).track);
  REQUIRE(decoder.has_value());
  std::size_t count = 0;
  const auto on_frame = [&count](const transcode::Frame& frame) {
    count += frame.planes->decode_error_flags == 0 ? 1 : 0;
  };
  for (const auto& packet : packets) decoder.value()->push(packet, on_frame);
  decoder.value()->drain(on_frame);
  CHECK(decoder.value()->errors() == 0);
  return count;
}

/// `seam`: what may lie between two packets.
inline void check_rung(const RecordingSink& output, const std::vector<EncodedPacket>& clip,
                       MediaTime seam = {}) {
  const auto& packets = output.packets;
  REQUIRE(packets.size() == clip.size());
  CHECK(sorted_pts(packets) == sorted_pts(clip));
  CHECK(decodable(packets) == clip.size());
  for (std::size_t i = 0; i < packets.size(); ++i) {
    CHECK(packets[i].dts <= packets[i].pts);
    CHECK_FALSE(packets[i].follows_gap);
    if (i > 0) {
      const MediaTime hole = packets[i].dts - packets[i - 1].dts - packets[i - 1].duration;
      CHECK(hole >= 0ns);
      CHECK(hole <= seam);
    }
    const auto source = std::find_if(
        clip.begin(), clip.end(), [&](const auto& packet) { return packet.pts == packets[i].pts; });
    CHECK(packets[i].opens_segment == source->opens_segment);
    if (packets[i].opens_segment) CHECK(packets[i].is_key_frame);
  }
}

}  // namespace millrace::test
