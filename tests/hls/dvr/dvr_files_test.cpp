#include "hls/dvr/dvr_files.h"

#include <sys/fsuid.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "base/log.h"
#include "tests/base/captured_errors.h"
#include "tests/hls/dvr/dvr_jobs.h"
#include "tests/support/temporary_folder.h"

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;
using millrace::test::DvrJobs;

namespace {

namespace fs = std::filesystem;

struct Fixture {
  Fixture() { log::set_level(log::Level::kOff); }

  DvrOptions options(std::chrono::nanoseconds window = 1h) const {
    return {.folder = folder.path.string(), .window = window};
  }
  std::vector<fs::path> files(const std::string& suffix) const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder.path))
      if (entry.path().extension() == suffix) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
  }
  static std::string read(const DvrPlace& place, const DvrRange& range) {
    std::ifstream file(place.file().path, std::ios::binary);
    std::string text(range.size, '\0');
    file.seekg(static_cast<std::streamoff>(range.offset));
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    return text;
  }
  /// Of files in the folder, without the lock.
  std::size_t open_descriptors() const {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
      std::error_code closed_meanwhile;
      const fs::path target = fs::read_symlink(entry.path(), closed_meanwhile);
      if (target.string().starts_with((folder.path / "").string()) && target.has_extension())
        ++count;
    }
    return count;
  }

  test::TemporaryFolder folder;
  Metrics metrics;
  DvrJobs jobs;
  std::chrono::nanoseconds now = 1'750'000'000s;
};

/// On this thread files as somebody who may not read what is not for all: root reads everything.
struct Unprivileged {
  Unprivileged() { ::setfsuid(65534); }
  ~Unprivileged() { ::setfsuid(::geteuid()); }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;
};

}  // namespace

TEST_CASE("what was written is found again after a restart, byte for byte", "[dvr]") {
  Fixture f;
  {
    DvrFiles files(f.options(), f.metrics);
    REQUIRE(files.open(f.now).has_value());
    for (SegmentNumber number = 1; number <= 5; ++number) {
      const auto job = f.jobs.job(number);
      REQUIRE(files.write(job).has_value());
      CHECK(f.read(*job.place, job.place->segment()) ==
            std::string(job.parts[0].text()) + std::string(job.parts[1].text()));
    }
  }
  DvrFiles files(f.options(), f.metrics);
  const auto found = files.open(f.now);
  REQUIRE(found.has_value());
  REQUIRE(found.value().size() == 1);
  const DvrFound& one = found.value()[0];
  CHECK(one.channel == "shop");
  CHECK(one.rendition == "source");
  CHECK(one.index.start_id == "19a");
  REQUIRE(one.index.segments.size() == 5);
  REQUIRE(one.places.size() == 5);
  CHECK(one.index.segments[4].number == 5);
  CHECK(one.index.segments[4].start == 1'750'000'010s);
  CHECK(f.read(*one.places[4], one.places[4]->segment()).starts_with("segment 5 "));
  CHECK(f.read(*one.places[4], one.places[4]->init()) == "init 1");
  CHECK(files.bytes() > 5000);
}

TEST_CASE("a torn tail is cut off, be it of the index or of the media", "[dvr]") {
  Fixture f;
  {
    DvrFiles files(f.options(), f.metrics);
    REQUIRE(files.open(f.now).has_value());
    for (SegmentNumber number = 1; number <= 3; ++number)
      REQUIRE(files.write(f.jobs.job(number)).has_value());
  }
  const fs::path index = f.files(".index").at(0);
  const fs::path media = f.files(".m4s").at(0);
  std::size_t expected = 3;
  SECTION("of the index") {
    fs::resize_file(index, fs::file_size(index) - 3);
    expected = 2;
  }
  SECTION("of the media") {
    fs::resize_file(media, fs::file_size(media) - 1);
    expected = 2;
  }
  SECTION("media that the index does not have yet") {
    std::ofstream(media, std::ios::app) << "half a segment";
  }
  {
    DvrFiles files(f.options(), f.metrics);
    const auto found = files.open(f.now);
    REQUIRE(found.has_value());
    REQUIRE(found.value().at(0).index.segments.size() == expected);
    CHECK(fs::file_size(media) == 6 + expected * 1000);
    CHECK(f.read(*found.value()[0].places[1], found.value()[0].places[1]->segment())
              .starts_with("segment 2 "));
  }
  // And once more, from what was cut.
  DvrFiles again(f.options(), f.metrics);
  CHECK(again.open(f.now).value().at(0).index.segments.size() == expected);
}

TEST_CASE("files without a segment and media without an index are removed at the start", "[dvr]") {
  Fixture f;
  fs::create_directories(f.folder.path / "shop" / "source");
  std::ofstream(f.folder.path / "shop" / "source" / "a.m4s") << "media";
  std::ofstream(f.folder.path / "shop" / "source" / "b.index") << "not an index";
  std::ofstream(f.folder.path / "shop" / "source" / "b.m4s") << "media";
  std::ofstream(f.folder.path / "shop" / "source" / "keep.txt") << "not ours";
  DvrFiles files(f.options(), f.metrics);
  CHECK(files.open(f.now).value().empty());
  CHECK(f.files(".m4s").empty());
  CHECK(f.files(".index").empty());
  CHECK(f.files(".txt").size() == 1);
}

TEST_CASE("a file is for a quarter of the window, and expires with twice of it", "[dvr]") {
  Fixture f;
  DvrFiles files(f.options(1h), f.metrics);
  REQUIRE(files.open(f.now).has_value());
  std::vector<DvrJob> written;
  for (SegmentNumber number = 0; number < 3600; number += 60) {  // 2 h, one each 2 min.
    written.push_back(f.jobs.job(number));
    REQUIRE(files.write(written.back()).has_value());
  }
  CHECK(f.files(".m4s").size() == 9);  // Aligned to the clock, so one more than eight.
  files.expire(f.now + 2h);
  CHECK(f.files(".m4s").size() == 9);
  CHECK(written[0].place->state() == DvrPlace::State::kStored);
  files.expire(f.now + 2h + 30min);
  CHECK(written[0].place->state() == DvrPlace::State::kLost);
  CHECK(written.back().place->state() == DvrPlace::State::kStored);
  CHECK(f.files(".m4s").size() < 9);
  CHECK(f.files(".m4s").size() == f.files(".index").size());
  files.expire(f.now + 24h);
  CHECK(f.files(".m4s").empty());
  CHECK(files.bytes() == 0);
  // The next segment begins a new file.
  REQUIRE(files.write(f.jobs.job(100'000)).has_value());
  CHECK(f.files(".m4s").size() == 1);
}

TEST_CASE("a channel whose window is 0 loses what it has at the next start", "[dvr]") {
  Fixture f;
  {
    DvrFiles files(f.options(), f.metrics);
    REQUIRE(files.open(f.now).has_value());
    REQUIRE(files.write(f.jobs.job(1)).has_value());
  }
  auto options = f.options();
  options.channels["shop"] = 0s;
  DvrFiles files(options, f.metrics);
  REQUIRE(files.open(f.now).has_value());
  CHECK(f.files(".m4s").empty());
}

TEST_CASE("past the limit the channel that has most loses its oldest in all renditions", "[dvr]") {
  Fixture f;
  auto options = f.options(4min);
  options.max_bytes = 100'000;
  DvrFiles files(options, f.metrics);
  REQUIRE(files.open(f.now).has_value());
  DvrJobs audio = f.jobs;
  audio.rendition = "audio";
  DvrJobs other = f.jobs;
  other.channel = "other";
  const auto others = other.job(0, 2000);
  REQUIRE(files.write(others).has_value());
  const auto first = f.jobs.job(0, 20'000);
  const auto first_sound = audio.job(0, 2000);
  REQUIRE(files.write(first).has_value());
  REQUIRE(files.write(first_sound).has_value());
  std::vector<DvrJob> later;
  for (SegmentNumber number = 30; number <= 120; number += 30) {  // A minute each.
    later.push_back(f.jobs.job(number, 20'000));
    REQUIRE(files.write(later.back()).has_value());
  }
  CHECK(files.bytes() <= 100'000);
  CHECK(first.place->state() == DvrPlace::State::kLost);
  CHECK(first_sound.place->state() == DvrPlace::State::kLost);
  CHECK(later.back().place->state() == DvrPlace::State::kStored);
  CHECK(others.place->state() == DvrPlace::State::kStored);
  // What is being written never goes.
  const auto refused = files.write(f.jobs.job(121, 99'000));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == ErrorCode::kLimitExceeded);
}

TEST_CASE("another init segment is kept beside its segments", "[dvr]") {
  Fixture f;
  DvrFiles files(f.options(), f.metrics);
  REQUIRE(files.open(f.now).has_value());
  const auto first = f.jobs.job(1);
  REQUIRE(files.write(first).has_value());
  f.jobs.map = 2;
  const auto second = f.jobs.job(2);
  REQUIRE(files.write(second).has_value());
  CHECK(f.read(*first.place, first.place->init()) == "init 1");
  CHECK(f.read(*second.place, second.place->init()) == "init 2");
  CHECK(f.files(".m4s").size() == 1);
}

TEST_CASE("no name leaves the folder", "[dvr]") {
  Fixture f;
  DvrFiles files(f.options(), f.metrics);
  REQUIRE(files.open(f.now).has_value());
  f.jobs.channel = "..";
  CHECK_FALSE(files.write(f.jobs.job(1)).has_value());
  f.jobs.channel = "shop";
  f.jobs.rendition = "../../etc";
  CHECK_FALSE(files.write(f.jobs.job(1)).has_value());
  CHECK(f.files(".m4s").empty());
}

TEST_CASE("what symbolic links point to is not read and not removed", "[dvr]") {
  Fixture f;
  test::TemporaryFolder elsewhere;
  fs::create_directories(elsewhere.path / "source");
  std::ofstream(elsewhere.path / "source" / "a.m4s") << "not ours";
  fs::create_directory_symlink(elsewhere.path, f.folder.path / "shop");
  DvrFiles files(f.options(), f.metrics);
  REQUIRE(files.open(f.now).has_value());
  CHECK(fs::exists(elsewhere.path / "source" / "a.m4s"));
}

TEST_CASE("a symbolic link in the place of a file is told, and costs nothing else", "[dvr]") {
  Fixture f;
  {
    DvrFiles files(f.options(), f.metrics);
    REQUIRE(files.open(f.now).has_value());
    for (const char* const rendition : {"source", "audio"}) {
      f.jobs.rendition = rendition;
      for (SegmentNumber number = 1; number <= 2; ++number)
        REQUIRE(files.write(f.jobs.job(number)).has_value());
    }
  }
  const fs::path link = f.files(GENERATE(".m4s", ".index")).at(1);
  test::TemporaryFolder elsewhere;
  const fs::path target = elsewhere.path / "target";
  fs::rename(link, target);
  fs::create_symlink(target, link);
  // Nothing, too short to be what it was, and what it was with something behind it.
  const std::uintmax_t target_bytes = GENERATE(0, 5, 100'000);
  fs::resize_file(target, target_bytes);
  if (target_bytes == 0) fs::remove(target);
  DvrFiles files(f.options(), f.metrics);
  std::string lines;
  std::vector<DvrFound> found;
  {
    const test::CapturedErrors captured;
    log::set_level(log::Level::kWarning);
    found = files.open(f.now).value();
    log::set_level(log::Level::kOff);
    lines = captured.text();
  }
  CHECK((fs::exists(target) ? fs::file_size(target) : 0) == target_bytes);
  CHECK(f.files(".m4s").size() == 2);
  CHECK(f.files(".index").size() == 2);
  REQUIRE(found.size() == 1);
  CHECK(found[0].rendition == "audio");
  CHECK(found[0].index.segments.size() == 2);
  CHECK(lines.find("left alone until the next start path=" + f.files(".m4s").at(1).string()) !=
        std::string::npos);
  CHECK(lines.find("no plain file: " + link.string()) != std::string::npos);
}

TEST_CASE("a folder that cannot be had is said at the start", "[dvr]") {
  Fixture f;
  DvrFiles nowhere({.folder = "/nonexistent/folder", .window = 1h}, f.metrics);
  const auto failed = nowhere.open(f.now);
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().message.find("hls.dvr.folder") != std::string::npos);
  DvrFiles files(f.options(), f.metrics);
  REQUIRE(files.open(f.now).has_value());
  DvrFiles second(f.options(), f.metrics);
  const auto taken = second.open(f.now);
  REQUIRE_FALSE(taken.has_value());
  CHECK(taken.error().code == ErrorCode::kDenied);
}

TEST_CASE("a disk that does not take a segment leaves the files as they were", "[dvr]") {
  Fixture f;
  DvrFiles files(f.options(), f.metrics);
  REQUIRE(files.open(f.now).has_value());
  // A file stands where the rendition's folder should be.
  fs::create_directories(f.folder.path / "shop");
  std::ofstream(f.folder.path / "shop" / "source") << "in the way";
  const auto job = f.jobs.job(1);
  const auto failed = files.write(job);
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == ErrorCode::kSystem);
  CHECK(job.place->state() == DvrPlace::State::kQueued);  // Not told: the caller does.
  fs::remove(f.folder.path / "shop" / "source");
  CHECK(files.write(f.jobs.job(2)).has_value());
}

TEST_CASE("a limit that is reached within one file lasts until the next one begins", "[dvr]") {
  Fixture f;
  auto options = f.options(4min);
  options.max_bytes = 100'000;
  DvrFiles files(options, f.metrics);
  REQUIRE(files.open(f.now).has_value());
  const auto first = f.jobs.job(0, 60'000);
  REQUIRE(files.write(first).has_value());
  REQUIRE_FALSE(files.write(f.jobs.job(1, 60'000)).has_value());
  CHECK(first.place->state() == DvrPlace::State::kStored);
  const auto next = f.jobs.job(30, 60'000);  // A minute on.
  CHECK(files.write(next).has_value());
  CHECK(first.place->state() == DvrPlace::State::kLost);
  CHECK(next.place->state() == DvrPlace::State::kStored);
  CHECK(files.bytes() <= 100'000);
}

TEST_CASE("past the limit a show that has ended goes though it has one file alone", "[dvr]") {
  Fixture f;
  auto options = f.options(4h);
  options.max_bytes = 100'000;
  DvrFiles files(options, f.metrics);
  REQUIRE(files.open(f.now).has_value());
  DvrJobs other = f.jobs;
  other.channel = "ended";
  const auto ended = other.job(0, 80'000);
  REQUIRE(files.write(ended).has_value());
  const auto live = f.jobs.job(0, 10'000);
  REQUIRE(files.write(live).has_value());
  files.expire(f.now + 30s);  // It may still go on.
  CHECK_FALSE(files.write(f.jobs.job(15, 20'000)).has_value());
  CHECK(ended.place->state() == DvrPlace::State::kStored);
  files.expire(f.now + 2min);
  CHECK(files.write(f.jobs.job(60, 20'000)).has_value());
  CHECK(ended.place->state() == DvrPlace::State::kLost);
  CHECK(live.place->state() == DvrPlace::State::kStored);
}

TEST_CASE("a channel that is refused for the limit has not ended", "[dvr]") {
  Fixture f;
  auto options = f.options(4h);
  options.max_bytes = 100'000;
  DvrFiles files(options, f.metrics);
  REQUIRE(files.open(f.now).has_value());
  DvrJobs other = f.jobs;
  other.channel = "other";
  const auto first = f.jobs.job(0, 40'000);
  const auto others = other.job(0, 40'000);
  REQUIRE(files.write(first).has_value());
  REQUIRE(files.write(others).has_value());
  for (SegmentNumber number = 10; number <= 100; number += 10) {  // 20 s each.
    files.expire(f.now + 2s * number);
    CHECK_FALSE(files.write(f.jobs.job(number, 40'000)).has_value());
    CHECK_FALSE(files.write(other.job(number, 40'000)).has_value());
  }
  CHECK(first.place->state() == DvrPlace::State::kStored);
  CHECK(others.place->state() == DvrPlace::State::kStored);
}

TEST_CASE("a segment larger than the limit costs nothing else", "[dvr]") {
  Fixture f;
  auto options = f.options(4min);
  options.max_bytes = 100'000;
  DvrFiles files(options, f.metrics);
  REQUIRE(files.open(f.now).has_value());
  const auto first = f.jobs.job(0);
  REQUIRE(files.write(first).has_value());
  REQUIRE(files.write(f.jobs.job(30)).has_value());
  CHECK_FALSE(files.write(f.jobs.job(31, 100'000)).has_value());
  CHECK(first.place->state() == DvrPlace::State::kStored);
}

TEST_CASE("what cannot be read for now is left alone", "[dvr]") {
  Fixture f;
  {
    DvrFiles files(f.options(), f.metrics);
    REQUIRE(files.open(f.now).has_value());
    for (SegmentNumber number = 1; number <= 3; ++number)
      REQUIRE(files.write(f.jobs.job(number)).has_value());
  }
  const fs::path index = f.files(".index").at(0);
  const fs::path media = f.files(".m4s").at(0);
  const auto found = [&f] {
    DvrFiles files(f.options(), f.metrics);
    return files.open(f.now).value().size();
  };
  // A link to itself cannot be followed.
  const auto hide = [&f](const fs::path& file) {
    fs::rename(file, f.folder.path / "hidden");
    fs::create_symlink(file, file);
  };
  const auto show = [&f](const fs::path& file) {
    fs::remove(file);
    fs::rename(f.folder.path / "hidden", file);
  };
  SECTION("an index that may not be read") {
    fs::permissions(f.folder.path, fs::perms::all);
    fs::permissions(index.parent_path(), fs::perms::all);
    fs::remove(f.folder.path / ".lock");
    fs::permissions(index, fs::perms::none);
    {
      const Unprivileged unprivileged;
      CHECK(found() == 0);
    }
    REQUIRE(fs::exists(index));
    fs::permissions(index, fs::perms::owner_read | fs::perms::owner_write);
  }
  SECTION("an index that is too large") {
    const auto size = fs::file_size(index);
    fs::resize_file(index, 65 * 1024 * 1024);
    CHECK(found() == 0);
    REQUIRE(fs::exists(index));
    fs::resize_file(index, size);
  }
  SECTION("an index that cannot be looked at") {
    hide(index);
    CHECK(found() == 0);
    show(index);
  }
  SECTION("media that cannot be looked at") {
    hide(media);
    CHECK(found() == 0);
    show(media);
  }
  REQUIRE(fs::exists(media));
  CHECK(found() == 1);
}

TEST_CASE("an index whose media is not there is removed", "[dvr]") {
  Fixture f;
  {
    DvrFiles files(f.options(), f.metrics);
    REQUIRE(files.open(f.now).has_value());
    REQUIRE(files.write(f.jobs.job(1)).has_value());
  }
  fs::remove(f.files(".m4s").at(0));
  DvrFiles files(f.options(), f.metrics);
  CHECK(files.open(f.now).value().empty());
  CHECK(f.files(".index").empty());
}

TEST_CASE("a channel may be called lock", "[dvr]") {
  Fixture f;
  f.jobs.channel = "lock";
  {
    DvrFiles files(f.options(), f.metrics);
    REQUIRE(files.open(f.now).has_value());
    REQUIRE(files.write(f.jobs.job(1)).has_value());
  }
  DvrFiles files(f.options(), f.metrics);
  const auto found = files.open(f.now);
  REQUIRE(found.has_value());
  CHECK(found.value().size() == 1);
}

TEST_CASE("the files of a show that has ended are closed until it goes on", "[dvr]") {
  Fixture f;
  {
    DvrFiles files(f.options(), f.metrics);
    REQUIRE(files.open(f.now).has_value());
    DvrJobs audio = f.jobs;
    audio.rendition = "audio";
    REQUIRE(files.write(f.jobs.job(0)).has_value());
    REQUIRE(files.write(audio.job(0)).has_value());
    CHECK(f.open_descriptors() == 4);
    files.expire(f.now + 50s);
    CHECK(f.open_descriptors() == 4);
    REQUIRE(files.write(f.jobs.job(25)).has_value());
    files.expire(f.now + 100s);
    CHECK(f.open_descriptors() == 2);  // The sound's have gone.
    files.expire(f.now + 3min);
    CHECK(f.open_descriptors() == 0);
    REQUIRE(files.write(f.jobs.job(90)).has_value());
    CHECK(f.open_descriptors() == 2);
    CHECK(f.files(".m4s").size() == 3);
  }
  DvrFiles files(f.options(), f.metrics);
  CHECK(files.open(f.now).value().size() == 3);
}

TEST_CASE("a channel that has nothing left leaves no folders", "[dvr]") {
  Fixture f;
  DvrFiles files(f.options(), f.metrics);
  REQUIRE(files.open(f.now).has_value());
  DvrJobs audio = f.jobs;
  audio.rendition = "audio";
  REQUIRE(files.write(f.jobs.job(0)).has_value());
  REQUIRE(files.write(audio.job(0)).has_value());
  files.expire(f.now + 1h);
  CHECK(fs::exists(f.folder.path / "shop" / "audio"));
  SECTION("and comes back") {
    files.expire(f.now + 3h);
    CHECK_FALSE(fs::exists(f.folder.path / "shop"));
    REQUIRE(files.write(f.jobs.job(10'000)).has_value());
    CHECK(f.files(".m4s").size() == 1);
    CHECK(f.metrics.gauge("millrace_dvr_segments", "", {{"channel", "shop"}}).value() == 1);
  }
  SECTION("but what others put there") {
    std::ofstream(f.folder.path / "shop" / "audio" / "keep.txt") << "not ours";
    files.expire(f.now + 3h);
    CHECK(fs::exists(f.folder.path / "shop" / "audio" / "keep.txt"));
    CHECK_FALSE(fs::exists(f.folder.path / "shop" / "source"));
  }
}

TEST_CASE("folders that are empty at the start are removed", "[dvr]") {
  Fixture f;
  fs::create_directories(f.folder.path / "shop" / "source");
  fs::create_directories(f.folder.path / "other");
  DvrFiles files(f.options(), f.metrics);
  REQUIRE(files.open(f.now).has_value());
  CHECK_FALSE(fs::exists(f.folder.path / "shop"));
  CHECK_FALSE(fs::exists(f.folder.path / "other"));
}

TEST_CASE("long segments stay for as long as a short window lists them and as long again",
          "[dvr]") {
  Fixture f;
  std::vector<DvrJob> written;
  // Listed until the last of its block of 32 is a window old.
  const auto unlisted = f.now + 32 * 8s + 1min;
  {
    DvrFiles files(f.options(1min), f.metrics);
    REQUIRE(files.open(f.now).has_value());
    for (SegmentNumber number = 0; number < 40; ++number) {
      written.push_back(f.jobs.job(number));
      written.back().segment.start = f.now + 8s * number;
      written.back().segment.duration = 8 * playlist::kStepsPerSecond;
      REQUIRE(files.write(written.back()).has_value());
    }
    files.expire(unlisted);
    CHECK(written[0].place->state() == DvrPlace::State::kStored);
    files.expire(unlisted + 31 * 8s + 1min);
    CHECK(written[0].place->state() == DvrPlace::State::kStored);
  }
  DvrFiles files(f.options(1min), f.metrics);
  const auto found = files.open(unlisted + 31 * 8s + 1min);
  REQUIRE(found.has_value());
  const auto& places = found.value().at(0).places;
  CHECK(places.at(0)->state() == DvrPlace::State::kStored);
  files.expire(unlisted + 31 * 8s + 5min);
  CHECK(places.at(0)->state() == DvrPlace::State::kLost);
}
