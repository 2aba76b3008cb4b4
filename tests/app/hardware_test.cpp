#include "app/hardware.h"

#include <catch2/catch.hpp>

using namespace millrace;
using namespace millrace::app;

TEST_CASE("devices are told with what they can do, or why they are of no use", "[hardware]") {
  CHECK(describe(std::vector<transcode::FoundDevice>{}) ==
        "no devices: rungs are made on the CPU\n");
  CHECK(describe({{.name = "cuda:0",
                   .decodes = {Codec::kH264, Codec::kAv1},
                   .encodes = {Codec::kH264},
                   .sessions = 3,
                   .problem = {}},
                  {.name = "cuda:1", .decodes = {Codec::kH264}, .encodes = {}, .problem = {}},
                  {.name = "vaapi:/dev/dri/renderD128",
                   .decodes = {},
                   .encodes = {},
                   .problem = "it does not open"}}) ==
        "cuda:0: decodes h264 av1; encodes h264; 3 encoders at once\n"
        "cuda:1: decodes h264; encodes -\n"
        "vaapi:/dev/dri/renderD128: of no use: it does not open\n");
}

TEST_CASE("the worker for devices is beside the other one", "[hardware]") {
  TranscodeConfig config;
  CHECK(worker_paths(config, "/opt/bin").cpu == "/opt/bin/millrace-transcoder");
  CHECK(worker_paths(config, "/opt/bin").device == "/opt/bin/millrace-transcoder-gpu");
  config.worker = "/usr/lib/worker";
  CHECK(worker_paths(config, "/opt/bin").device == "/usr/lib/worker-gpu");
}
