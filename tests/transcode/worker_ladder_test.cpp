#include "transcode/worker_ladder.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/transcode/ladder_show.h"
#include "tests/transcode/replayed.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace std::chrono_literals;
using namespace millrace;
using namespace millrace::test;

TEST_CASE("every rung has the source's pictures at the source's times, and its segments",
          "[ladder]") {
  const int b_frames = GENERATE(0, 2);
  const auto profile = GENERATE(transcode::Profile::kRealtime, transcode::Profile::kBalanced);
  const Rational rate = GENERATE(Rational{30, 1}, Rational{30000, 1001});
  CAPTURE(b_frames, static_cast<int>(profile), rate.numerator);
  Show show(make_clip({.frames = 75, .b_frames = b_frames, .frame_rate = rate}),
            MILLRACE_TRANSCODER, profile);
  REQUIRE(show.run_to_end());
  check_rung(show.large, show.clip);
  check_rung(show.small, show.clip);
  CHECK(show.large.packets[0].track->video.width == 160);
  CHECK(show.large.packets[0].track->video.frame_rate == rate);
  CHECK(show.restarts() == 0);
}

TEST_CASE("a segment that opens between key frames opens with a key frame in every rung",
          "[ladder]") {
  Show show(make_clip({.frames = 80, .gop = 60, .b_frames = 1, .open_every = 20}),
            MILLRACE_TRANSCODER);
  REQUIRE(show.run_to_end());
  check_rung(show.large, show.clip);
  check_rung(show.small, show.clip);
}

TEST_CASE("frames that the source skips are no reason to replace a worker", "[ladder]") {
  const auto profile = GENERATE(transcode::Profile::kRealtime, transcode::Profile::kBalanced);
  // As ingest's timeline tells it: the frame behind the hole lasts from where the hole began.
  const MediaTime hole = 5 * std::chrono::nanoseconds(33'333'333);
  auto clip = make_clip({.frames = 75});
  const std::size_t behind = GENERATE(40u, 41u);
  clip[behind].duration += hole;
  for (std::size_t i = behind; i < clip.size(); ++i) {
    clip[i].pts += hole;
    if (i > behind) clip[i].dts += hole;
  }
  Show show(clip, MILLRACE_TRANSCODER, profile);
  REQUIRE(show.run_to_end());
  check_rung(show.large, show.clip);
  check_rung(show.small, show.clip);
  CHECK(show.restarts() == 0);
}

TEST_CASE("a source that goes on in another rate keeps its worker", "[ladder]") {
  auto clip = make_clip({.frames = 60, .frame_rate = {60, 1}});
  auto slower = make_clip(
      {.frames = 45, .start = clip.back().pts + clip.back().duration, .first_segment = 200});
  slower[0].starts_discontinuity = true;
  clip.insert(clip.end(), slower.begin(), slower.end());
  Show show(clip, MILLRACE_TRANSCODER);
  REQUIRE(show.run_to_end());
  check_rung(show.large, show.clip);
  CHECK(show.restarts() == 0);
}

TEST_CASE("a killed worker is replaced and nothing is missing or comes twice", "[ladder]") {
  const auto before = open_descriptors();
  {
    Show show(make_clip({.frames = 120, .gop = 30}), MILLRACE_TRANSCODER);
    REQUIRE(show.run_until_delivered(47));
    const int killed = child_process();
    REQUIRE(killed > 0);
    ::kill(killed, SIGKILL);
    REQUIRE(show.run_to_end());
    CHECK(show.restarts() == 1);
    for (const auto* output : {&show.large, &show.small}) {
      const auto times = sorted_pts(output->packets);
      CHECK(std::adjacent_find(times.begin(), times.end()) == times.end());
      CHECK(decodable(output->packets) == output->packets.size());
      // One B-frame at the break may be lost.
      CHECK(output->packets.size() >= show.clip.size() - 1);
      for (std::size_t i = 1; i < output->packets.size(); ++i)
        CHECK(output->packets[i].dts ==
              output->packets[i - 1].dts + output->packets[i - 1].duration);
    }
  }
  CHECK(open_descriptors() == before);
  CHECK(child_process() == 0);
}

TEST_CASE(
    "a worker that hangs is replaced, and its rungs go on behind the last picture or, late, "
    "with a segment",
    "[ladder]") {
  Show show(make_clip({.frames = 150, .gop = 30}), MILLRACE_TRANSCODER);
  REQUIRE(show.run_until_delivered(40));
  ::kill(child_process(), SIGSTOP);
  REQUIRE(show.run([&show] { return show.restarts() == 1; }));
  show.ahead = 60;  // On a slow machine the pictures up to the next segment are not delivered.
  REQUIRE(show.run_to_end());
  CHECK(show.small.packets.back().pts >= show.clip[140].pts);
  CHECK(decodable(show.small.packets) == show.small.packets.size());
  const auto gap = std::find_if(show.small.packets.begin(), show.small.packets.end(),
                                [](const auto& packet) { return packet.follows_gap; });
  // One B-frame at the break may be lost.
  CHECK((gap != show.small.packets.end() || show.small.packets.size() >= show.clip.size() - 1));
  CHECK((gap == show.small.packets.end() || (gap->opens_segment && gap->is_key_frame)));
}

TEST_CASE("a worker that talks nonsense is replaced", "[ladder]") {
  const auto folder = std::filesystem::temp_directory_path() /
                      ("millrace-ladder-test-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const auto script = folder / "worker";
  std::ofstream(script) << "#!/bin/sh\nif [ -e " << folder.string() << "/second ]; then exec "
                        << MILLRACE_TRANSCODER << "; fi\ntouch " << folder.string()
                        << "/second\nhead -c 100000 /dev/urandom >&3\nsleep 100\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  {
    Show show(make_clip({.frames = 60}), script.string());
    REQUIRE(show.run_to_end());
    CHECK(show.restarts() == 1);
    CHECK(show.large.packets.size() == 60);
    CHECK(show.metrics.text().find("stage=\"transcode\"") != std::string::npos);
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("a ladder without a worker to run is an error at once", "[ladder]") {
  net::EventLoop loop;
  Metrics metrics;
  RecordingSink output;
  const auto created = transcode::create({.channel = "shop",
                                          .worker_path = "/nowhere/millrace-transcoder",
                                          .profile = transcode::Profile::kRealtime,
                                          .rungs = {{"small", 80, 44, 100'000}},
                                          .part_target = 200ms},
                                         {&output}, loop, metrics);
  REQUIRE_FALSE(created.has_value());
  CHECK(created.error().code == ErrorCode::kSystem);
}

TEST_CASE("what a worker was sent that crashed can be replayed", "[ladder]") {
  Show show(make_clip({.frames = 90}), MILLRACE_TRANSCODER);
  REQUIRE(show.run_until_delivered(20));
  ::kill(child_process(), SIGKILL);
  REQUIRE(show.run([&show] { return show.restarts() == 1; }));
  REQUIRE(show.crashes.size() == 1);
  const auto& crash = show.crashes.front();
  CHECK(crash.channel == "shop");
  CHECK(crash.why == "signal 9");
  CHECK(test::replayed(crash, MILLRACE_TRANSCODER).find("rung 1: ") != std::string::npos);
}
