#include "hls/dvr/dvr_store.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "tests/hls/dvr/dvr_jobs.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;
using millrace::test::DvrJobs;

namespace {

struct Fixture {
  Fixture() { log::set_level(log::Level::kOff); }

  std::shared_ptr<DvrStore> open() {
    options.folder = folder.path.string();
    auto store = DvrStore::open(options, metrics, clock);
    REQUIRE(store.has_value());
    return std::move(store).value();
  }
  /// As text; nothing where the read is refused.
  static std::optional<std::string> read(DvrStore& store, const std::shared_ptr<DvrPlace>& place,
                                         DvrObject object = DvrObject::kSegment) {
    std::string text;
    if (!store.read(place, object, [&](const Bytes& bytes) { text = bytes.text(); }))
      return std::nullopt;
    store.drain();
    return text;
  }
  double count(const std::string& line) const {
    const std::string text = metrics.text();
    const auto at = text.find("\n" + line + " ");
    REQUIRE(at != std::string::npos);
    return std::stod(text.substr(at + line.size() + 2));
  }

  test::TemporaryFolder folder;
  test::FakeClock clock;
  Metrics metrics;
  DvrOptions options{.window = 1h};
  DvrJobs jobs;
};

}  // namespace

TEST_CASE("a segment that was queued can be read once it is on disk", "[dvr]") {
  Fixture f;
  const auto store = f.open();
  const auto job = f.jobs.job(7);
  store->append(job);
  store->drain();
  REQUIRE(job.place->state() == DvrPlace::State::kStored);
  CHECK(f.read(*store, job.place)->starts_with("segment 7 "));
  CHECK(f.read(*store, job.place)->size() == 1000);
  CHECK(f.read(*store, job.place, DvrObject::kInit) == "init 1");
  CHECK(f.count("millrace_dvr_written_segments_total") == 1);
  CHECK(f.count("millrace_dvr_reads_total{outcome=\"ok\"}") == 3);
  CHECK(f.count("millrace_dvr_segments{channel=\"shop\"}") == 1);
}

TEST_CASE("what is queued is written before the store ends", "[dvr]") {
  Fixture f;
  {
    const auto store = f.open();
    for (SegmentNumber number = 1; number <= 20; ++number) store->append(f.jobs.job(number));
  }
  const auto store = f.open();
  const auto found = store->take_found();
  REQUIRE(found.size() == 1);
  CHECK(found[0].index.segments.size() == 20);
}

TEST_CASE("a segment that does not fit into the queue is left out and counted", "[dvr]") {
  Fixture f;
  f.options.max_queued_bytes = 500;
  const auto store = f.open();
  const auto job = f.jobs.job(1);
  store->append(job);
  CHECK(job.place->state() == DvrPlace::State::kLost);
  CHECK(f.count("millrace_dvr_left_out_segments_total{reason=\"queue\"}") == 1);
}

TEST_CASE("a disk that fails is counted, and the next segment tried", "[dvr]") {
  Fixture f;
  const auto store = f.open();
  std::ofstream(f.folder.path / "shop") << "in the way";
  const auto failed = f.jobs.job(1);
  store->append(failed);
  store->drain();
  CHECK(failed.place->state() == DvrPlace::State::kLost);
  CHECK(f.count("millrace_dvr_left_out_segments_total{reason=\"error\"}") == 1);
  std::filesystem::remove(f.folder.path / "shop");
  const auto good = f.jobs.job(2);
  store->append(good);
  store->drain();
  CHECK(good.place->state() == DvrPlace::State::kStored);
}

TEST_CASE("damaged media is not given out", "[dvr]") {
  Fixture f;
  const auto store = f.open();
  const auto job = f.jobs.job(1);
  store->append(job);
  store->drain();
  std::fstream(job.place->file().path, std::ios::in | std::ios::out).seekp(100) << "X";
  CHECK(f.read(*store, job.place) == "");
  CHECK(f.count("millrace_dvr_reads_total{outcome=\"error\"}") == 1);
}

TEST_CASE("reads are refused while too much is under way, and again allowed", "[dvr]") {
  Fixture f;
  f.options.max_read_bytes = 1;
  const auto store = f.open();
  const auto job = f.jobs.job(1);
  store->append(job);
  store->drain();
  Bytes held;
  REQUIRE(store->read(job.place, DvrObject::kSegment, [&](const Bytes& bytes) { held = bytes; }));
  store->drain();
  REQUIRE(held.size() == 1000);
  CHECK_FALSE(f.read(*store, job.place).has_value());
  CHECK(f.count("millrace_dvr_reads_total{outcome=\"refused\"}") == 1);
  const Bytes slice = held.slice(10, 5);
  held = {};
  CHECK_FALSE(f.read(*store, job.place).has_value());  // A part of it is still held.
  CHECK(slice.size() == 5);
}

TEST_CASE("what would hold up an event loop runs on another thread, as far as there is room",
          "[dvr]") {
  Fixture f;
  f.options.max_queued_reads = 1;
  const auto store = f.open();
  std::promise<std::thread::id> ran;
  std::promise<void> go_on;
  REQUIRE(store->run([&] {
    ran.set_value(std::this_thread::get_id());
    go_on.get_future().wait();
  }));
  CHECK(ran.get_future().get() != std::this_thread::get_id());
  CHECK_FALSE(store->run([] {}));
  CHECK(f.count("millrace_dvr_reads_total{outcome=\"refused\"}") == 1);
  go_on.set_value();
  store->drain();
  CHECK(store->run([] {}));
}

TEST_CASE("what waits for the disk counts for the limit of what is read", "[dvr]") {
  Fixture f;
  f.options.max_read_bytes = 2500;
  const auto store = f.open();
  const auto job = f.jobs.job(1);
  store->append(job);
  store->drain();
  std::promise<void> go_on;
  const auto going_on = go_on.get_future().share();
  for (int reader = 0; reader < 2; ++reader) REQUIRE(store->run([going_on] { going_on.wait(); }));
  std::vector<Bytes> held;
  std::mutex mutex;
  const auto ask = [&] {
    return store->read(job.place, DvrObject::kSegment, [&](Bytes bytes) {
      const std::lock_guard lock(mutex);
      held.push_back(std::move(bytes));
    });
  };
  std::size_t taken = 0;
  while (taken < 10 && ask()) ++taken;
  CHECK(taken == 3);  // The last goes past it: so one larger than the limit is read too.
  go_on.set_value();
  store->drain();
  CHECK(held.size() == taken);
  CHECK_FALSE(ask());
  held.clear();
  CHECK(ask());
  store->drain();
  CHECK(held.size() == 1);
}

TEST_CASE("what cannot be read counts for no limit", "[dvr]") {
  Fixture f;
  f.options.max_read_bytes = 1;
  f.options.max_queued_reads = 1;
  const auto store = f.open();
  const auto damaged = f.jobs.job(1);
  const auto good = f.jobs.job(2);
  store->append(damaged);
  store->append(good);
  store->drain();
  std::fstream(damaged.place->file().path, std::ios::in | std::ios::out).seekp(100) << "X";
  CHECK(f.read(*store, damaged.place) == "");
  CHECK(f.read(*store, good.place)->size() == 1000);
  // Nor what the queue does not take.
  std::promise<void> go_on;
  REQUIRE(store->run([&] { go_on.get_future().wait(); }));
  CHECK_FALSE(store->read(good.place, DvrObject::kSegment, [](const Bytes&) {}));
  go_on.set_value();
  store->drain();
  CHECK(f.read(*store, good.place)->size() == 1000);
}
