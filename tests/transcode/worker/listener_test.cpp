#include "transcode/worker/listener.h"

#include <vector>

#include "transcode/worker/worker_slots.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

using namespace millrace;
using namespace millrace::transcode;
using namespace millrace::transcode::worker;

namespace {

Result<ListenOptions> parse(std::vector<std::string> words) {
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  return parse_listen_options(pointers);
}

}  // namespace

TEST_CASE("the listener's options come in pairs", "[listener]") {
  const auto options = parse({"--listen", "0.0.0.0:7400", "--certificate", "c", "--key", "k",
                              "--ca", "a", "--max-workers", "3", "--worker-memory", "0"});
  REQUIRE(options.has_value());
  CHECK(options.value().address == "0.0.0.0:7400");
  CHECK(options.value().ca_file == "a");
  CHECK(options.value().max_workers == 3);
  CHECK(options.value().worker_memory == 0);
}

TEST_CASE("a wrong option is told", "[listener]") {
  CHECK(parse({"--listen"}).error().message == "--listen needs a value");
  CHECK(parse({"--lisen", "x"}).error().message == "there is no option --lisen");
  CHECK(parse({"--max-workers", "0"}).error().message ==
        "--max-workers: 0 is not a number of at least 1");
  CHECK(parse({"--listen", "0.0.0.0:7400", "--certificate", "c", "--key", "k"}).error().message ==
        "--listen, --certificate, --key and --ca are needed together");
}

TEST_CASE("there are as many slots as workers may run, and each has one owner", "[listener]") {
  auto slots = WorkerSlots::create(2);
  REQUIRE(slots.has_value());
  CHECK(slots.value().take(11));
  CHECK(slots.value().take(12));
  CHECK_FALSE(slots.value().take(13));
  CHECK_FALSE(slots.value().free(13));
  CHECK(slots.value().free(11));
  CHECK(slots.value().take(13));
}
