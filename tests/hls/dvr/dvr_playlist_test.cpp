// Where the init segments stand in what is listed from disk.
#include "hls/dvr/dvr_playlist.h"

#include <catch2/catch.hpp>

using namespace millrace;
using namespace millrace::hls;
using namespace std::chrono_literals;

namespace {

constexpr MediaTime kBegin = 1'750'000'000s;

/// A rung beside one that has all media, in segments of 2 s.
struct Past {
  DvrPast past{2min};
  std::size_t source = past.rendition("source", MediaKind::kVideo);
  std::size_t rung = past.rendition("480p", MediaKind::kVideo);
  SegmentNumber next = 1;

  std::shared_ptr<const DvrPlace> stored() {
    auto place = std::make_shared<DvrPlace>();
    place->set_stored(std::make_shared<DvrFile>("file"), {0, 10, 0}, {0, 5, 0});
    return place;
  }
  DvrLine line(SegmentNumber map, bool has_media) {
    return {.start = kBegin + 2s * next,
            .duration = 2 * playlist::kStepsPerSecond,
            .map = map,
            .place = has_media ? stored() : nullptr,
            .init = nullptr};
  }
  void add(int segments, SegmentNumber map, bool has_media = true) {
    static const auto kStart = std::make_shared<const std::string>("a");
    for (int i = 0; i < segments; ++i, ++next)
      past.add({.start_id = kStart,
                .number = next,
                .show = 1,
                .start = kBegin + 2s * next,
                .duration = 2 * playlist::kStepsPerSecond,
                .lines = {line(1, true), line(map, has_media)}});
  }
  /// What has no media keeps what it would have had.
  void add_gaps(int segments, SegmentNumber map) { add(segments, map, false); }
  /// "init-a-1@5 init-a-9@9": each init segment, and the first media behind it.
  std::string inits() {
    const DvrListing listing = past.list(rung);
    const DvrSegments segments(listing);
    playlist::MediaPlaylist media;
    media.has_ended = true;
    segments.list_in(media);
    std::string text, told;
    for (const auto& piece : segments.render(media)) text += piece->text().text();
    constexpr std::string_view kTag = "#EXT-X-MAP:URI=\"";
    for (auto at = text.find(kTag); at != std::string::npos; at = text.find(kTag, at + 1)) {
      const auto name = at + kTag.size();
      told += (told.empty() ? "" : " ") + text.substr(name, text.find('.', name) - name) + "@" +
              media_behind(text, at);
    }
    return told;
  }
  static std::string media_behind(const std::string& text, std::size_t at) {
    while (true) {
      const auto media = text.find("\nsa-", at) + 4;
      const auto gap = text.find("#EXT-X-GAP\n", at);
      if (gap > media) return text.substr(media, text.find('.', media) - media);
      at = media;
    }
  }
};

}  // namespace

TEST_CASE("a rung that wakes up behind a block of gaps has its init segment", "[dvr]") {
  Past f;
  f.add_gaps(40, 1);
  f.add(100, 1);
  CHECK(f.inits() == "init-a-1@41");
}

TEST_CASE("an init segment whose first media is missing stands before the next", "[dvr]") {
  Past f;
  f.add(31, 1);
  f.add_gaps(1, 32);
  f.add(100, 32);
  CHECK(f.inits() == "init-a-1@1 init-a-32@33");
}

TEST_CASE("what begins with blocks of gaps has the init segment of the media behind", "[dvr]") {
  Past f;
  f.add(40, 1);
  f.add_gaps(90, 0);
  f.add(70, 1);
  REQUIRE(f.past.trim(kBegin + 2s * 65 + 2min));
  REQUIRE(f.past.list(f.rung).blocks.size() == 3);
  CHECK(f.inits() == "init-a-1@131");
}

TEST_CASE("blocks of nothing but gaps leave the init segment to what follows", "[dvr]") {
  Past f;
  f.add(40, 1);
  f.add_gaps(100, 0);
  f.add(20, 1);
  REQUIRE(f.past.trim(kBegin + 2s * 65 + 2min));
  REQUIRE(f.past.list(f.rung).blocks.size() == 2);
  CHECK(f.inits() == "init-a-1@141");
}
