#include "app/state_store.h"

#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/log.h"

using namespace std::chrono_literals;
using millrace::Metrics;
using millrace::app::ChannelState;
using millrace::app::StateStore;

namespace {

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-state-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file() const { return (path / "state").string(); }
  std::filesystem::path path;
};

/// No file takes more than so many bytes; what is beyond is cut off.
class FullDisk {
 public:
  explicit FullDisk(std::size_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit full{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &full) == 0);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

}  // namespace

TEST_CASE("what was recorded is there after a restart, the newest of each channel", "[state]") {
  Folder folder;
  Metrics metrics;
  {
    auto store = StateStore::open(folder.file(), metrics);
    REQUIRE(store.has_value());
    CHECK(store.value()->find("shop") == nullptr);
    for (std::uint64_t i = 1; i <= 50; ++i)
      store.value()->record(
          "shop", {.next_segment = i * 16, .discontinuity_sequence = 3, .promised_target = 2s});
    store.value()->record("farm",
                          {.next_segment = 7, .discontinuity_sequence = 0, .promised_target = 8s});
  }
  auto store = StateStore::open(folder.file(), metrics);
  REQUIRE(store.has_value());
  REQUIRE(store.value()->find("shop") != nullptr);
  CHECK(*store.value()->find("shop") ==
        ChannelState{.next_segment = 800, .discontinuity_sequence = 3, .promised_target = 2s});
  CHECK(store.value()->find("farm")->promised_target == 8s);
}

TEST_CASE("a line that was cut off by a crash costs only itself", "[state]") {
  millrace::log::set_level(millrace::log::Level::kOff);
  Folder folder;
  std::ofstream(folder.file()) << "shop 100 1 2\nfarm 200 0 4\nshop 1";
  Metrics metrics;
  auto store = StateStore::open(folder.file(), metrics);
  REQUIRE(store.has_value());
  CHECK(store.value()->find("shop")->next_segment == 100);
  CHECK(store.value()->find("farm")->next_segment == 200);
  CHECK(store.value()->names() == std::vector<std::string>{"farm", "shop"});
}

TEST_CASE("a file that cannot be written is said at the start", "[state]") {
  Metrics metrics;
  const auto store = StateStore::open("/nonexistent/folder/state", metrics);
  REQUIRE_FALSE(store.has_value());
  CHECK(store.error().message.find("hls.state_file") != std::string::npos);
}

TEST_CASE("a file that cannot be read is said at the start and stays as it is", "[state]") {
  Folder folder;
  Metrics metrics;
  SECTION("it cannot be opened") {
    std::filesystem::create_symlink(folder.file(), folder.file());  // A loop.
  }
  SECTION("it can be opened and not read") {
    std::filesystem::create_directory(folder.file());
  }
  const auto before = std::filesystem::symlink_status(folder.file()).type();
  const auto store = StateStore::open(folder.file(), metrics);
  REQUIRE_FALSE(store.has_value());
  CHECK(store.error().code == millrace::ErrorCode::kSystem);
  CHECK(store.error().message.find("hls.state_file: cannot read") != std::string::npos);
  CHECK(std::filesystem::symlink_status(folder.file()).type() == before);
}

TEST_CASE("a record that did not fit on the disk is written whole once there is room", "[state]") {
  millrace::log::set_level(millrace::log::Level::kOff);
  Folder folder;
  Metrics metrics;
  const ChannelState first{.next_segment = 100, .discontinuity_sequence = 0, .promised_target = 2s};
  const ChannelState second{
      .next_segment = 20'000, .discontinuity_sequence = 0, .promised_target = 2s};
  {
    auto store = StateStore::open(folder.file(), metrics);
    REQUIRE(store.has_value());
    const auto errors = metrics.counter("millrace_state_write_errors_total", "");
    {
      const FullDisk full(std::string("farm 20").size());
      store.value()->record("farm", second);
      while (errors.value() == 0) std::this_thread::yield();
    }
    store.value()->record("shop", first);
  }
  auto store = StateStore::open(folder.file(), metrics);
  REQUIRE(store.has_value());
  REQUIRE(store.value()->find("farm") != nullptr);
  CHECK(*store.value()->find("farm") == second);
  CHECK(*store.value()->find("shop") == first);
}

TEST_CASE("without a path nothing is kept and nothing fails", "[state]") {
  Metrics metrics;
  auto store = StateStore::open("", metrics);
  REQUIRE(store.has_value());
  store.value()->record("shop",
                        {.next_segment = 1, .discontinuity_sequence = 0, .promised_target = 0s});
  CHECK(store.value()->find("shop") == nullptr);
}

TEST_CASE("the file does not grow without bound, and loses nothing when it is written anew",
          "[state]") {
  Folder folder;
  Metrics metrics;
  constexpr std::uint64_t kRecords = 40'000;  // A megabyte, if each kept its line.
  {
    auto store = StateStore::open(folder.file(), metrics);
    REQUIRE(store.has_value());
    for (std::uint64_t i = 1; i <= kRecords; ++i) {
      store.value()->record(
          "shop" + std::to_string(i % 1000),
          {.next_segment = i, .discontinuity_sequence = 0, .promised_target = 2s});
    }
  }
  CHECK(std::filesystem::file_size(folder.file()) < 300 * 1024);
  auto store = StateStore::open(folder.file(), metrics);
  REQUIRE(store.has_value());
  for (const int i : {1, 999}) {
    REQUIRE(store.value()->find("shop" + std::to_string(i)) != nullptr);
    CHECK(store.value()->find("shop" + std::to_string(i))->next_segment == kRecords - 1000 + i);
  }
}
