#include "transcode/worker_audio.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/transcode/replayed.h"
#include "tests/transcode/sound.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::transcode;

namespace {

/// The worker processes of this one.
std::vector<int> workers() {
  std::vector<int> found;
  const auto self = std::to_string(::getpid());
  std::ifstream children("/proc/self/task/" + self + "/children");
  for (int id = 0; children >> id;) found.push_back(id);
  return found;
}

struct Fixture : Sink<EncodedPacket> {
  net::EventLoop loop;
  Metrics metrics;
  std::vector<EncodedPacket> out;
  bool has_finished = false;
  std::vector<WorkerCrash> crashes;
  std::unique_ptr<Sink<EncodedPacket>> audio;

  explicit Fixture(Codec codec = Codec::kAac) {
    auto created =
        create_audio({.channel = "shop",
                      .worker_path = MILLRACE_TRANSCODER,
                      .codec = codec,
                      .on_crash = [this](auto crash) { crashes.push_back(std::move(crash)); }},
                     *this, loop, metrics);
    REQUIRE(created.has_value());
    audio = std::move(created).value();
  }

  Status push(EncodedPacket packet) override {
    out.push_back(std::move(packet));
    return ok();
  }
  Status finish() override {
    has_finished = true;
    return ok();
  }

  template <typename Condition>
  bool run_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 15s;
    while (!condition() && std::chrono::steady_clock::now() < deadline) loop.poll();
    return condition();
  }
  void send(const std::vector<EncodedPacket>& packets) {
    for (const auto& packet : packets) REQUIRE(audio->push(packet).has_value());
  }
  double counted(const char* name) {
    return metrics.counter(name, "", {{"channel", "shop"}}).value();
  }
};

std::vector<EncodedPacket> labelled(std::vector<EncodedPacket> packets) {
  TrackInfo track = *packets.front().track;
  track.index = 1;
  track.language = "fra";
  const auto shared = std::make_shared<const TrackInfo>(track);
  for (auto& packet : packets) packet.track = shared;
  return packets;
}

}  // namespace

TEST_CASE("a worker converts sound, and the end drains it", "[audio]") {
  Fixture f;
  auto sound = labelled(test::make_sound({}));
  const auto received = std::chrono::steady_clock::now() - 1h;
  for (auto& packet : sound) packet.received_at = received;
  f.send(sound);
  REQUIRE(f.audio->finish().has_value());
  REQUIRE(f.run_until([&f] { return f.has_finished; }));
  CHECK(std::chrono::abs(test::decode_sound(f.out).burst() - (100s + 905ms)) < 1ms);
  CHECK(f.out.front().track->codec == Codec::kAac);
  CHECK(f.out.front().track->index == 1);
  CHECK(f.out.front().track->language == "fra");
  CHECK(f.out.front().received_at == received);
  CHECK(f.counted("millrace_transcode_audio_dropped_total") == 0);
  CHECK_FALSE(f.audio->push(sound.front()).has_value());
}

TEST_CASE("a worker converts sound to Opus", "[audio]") {
  Fixture f(Codec::kOpus);
  f.send(test::make_sound({.encoder = "mp2"}));
  REQUIRE(f.audio->finish().has_value());
  REQUIRE(f.run_until([&f] { return f.has_finished; }));
  CHECK(f.out.front().track->codec == Codec::kOpus);
  CHECK(std::chrono::abs(test::decode_sound(f.out).burst() - (100s + 905ms)) < 1ms);
  CHECK(f.crashes.empty());
}

TEST_CASE("an audio worker that is killed is replaced, and the sound goes on", "[audio]") {
  Fixture f;
  f.send(test::make_sound({}));
  REQUIRE(f.run_until([&f] { return f.out.size() > 20; }));
  REQUIRE(workers().size() == 1);
  ::kill(workers().front(), SIGKILL);
  REQUIRE(f.run_until([&f] { return f.counted("millrace_transcode_worker_restarts_total") == 1; }));
  f.send(test::make_sound({.start = 110s}));
  REQUIRE(f.run_until([&f] { return !f.out.empty() && f.out.back().pts > 111s; }));
  std::vector<EncodedPacket> later;
  for (const auto& packet : f.out)
    if (packet.pts > 109s) later.push_back(packet);
  CHECK(std::chrono::abs(test::decode_sound(later).burst() - (110s + 905ms)) < 1ms);
}

TEST_CASE("to an audio worker that stands still a second or two are sent, the rest is dropped",
          "[audio]") {
  Fixture f;
  const auto sound = test::make_sound({.encoder = "mp2"});
  f.send({sound.front()});
  REQUIRE(f.run_until([] { return workers().size() == 1; }));
  ::kill(workers().front(), SIGSTOP);
  // A megabyte at most; its clock stands for the second.
  for (int i = 0; i < 60; ++i) f.send(sound);
  CHECK(f.counted("millrace_transcode_audio_dropped_total") > 0);
  REQUIRE(f.run_until([&f] { return f.counted("millrace_transcode_worker_restarts_total") == 1; }));
  f.send(test::make_sound({.start = 110s}));
  CHECK(f.run_until([&f] { return !f.out.empty() && f.out.back().pts > 111s; }));
}

TEST_CASE("an audio worker that is fed and silent is replaced after a second", "[audio]") {
  Fixture f;
  f.send(test::make_sound({}));
  REQUIRE(f.run_until([&f] { return f.out.size() > 20; }));
  ::kill(workers().front(), SIGSTOP);
  f.send(test::make_sound({.start = 102s}));
  REQUIRE(f.run_until([&f] { return f.counted("millrace_transcode_worker_restarts_total") == 1; }));
  REQUIRE(f.crashes.size() == 1);
  CHECK(f.crashes.front().why == "takes no packets");
}

TEST_CASE("what an audio worker was sent that crashed can be replayed", "[audio]") {
  Fixture f;
  f.send(test::make_sound({.encoder = "mp2"}));
  REQUIRE(f.run_until([&f] { return f.out.size() > 90; }));
  ::kill(workers().front(), SIGKILL);
  REQUIRE(f.run_until([&f] { return f.crashes.size() == 1; }));
  CHECK(f.crashes.front().channel == "shop");
  CHECK(f.crashes.front().why == "signal 9");
  CHECK(test::replayed(f.crashes.front(), MILLRACE_TRANSCODER).find("rung 0: 9") !=
        std::string::npos);
}

TEST_CASE("of what an audio worker was sent the newest thousand packets are kept", "[audio]") {
  Fixture f;
  f.send(test::make_sound({.encoder = "mp2", .length = 25s}));
  ::kill(workers().front(), SIGKILL);
  REQUIRE(f.run_until([&f] { return f.crashes.size() == 1; }));
  // Behind the configuration and the track each is a header and a payload.
  CHECK(f.crashes.front().input.size() == 2 + 2 * 1000);
}

TEST_CASE("a worker that cannot be started is an error", "[audio]") {
  Fixture f;
  const auto none =
      create_audio({.channel = "shop", .worker_path = "/nowhere"}, f, f.loop, f.metrics);
  CHECK_FALSE(none.has_value());
}
