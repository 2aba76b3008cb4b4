#pragma once
// The files of what is kept on disk: FOLDER/CHANNEL/RENDITION/TIME-START-N.m4s, media one segment
// behind the other, and .index beside it (dvr_index.h). A rendition's file is for a span of time,
// and all renditions of a channel lose the same span at once.
//
// Thread: one at a time, the store's writer once it runs. Blocks on the disk.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/metrics.h"
#include "base/result.h"
#include "hls/dvr/dvr_index.h"
#include "hls/dvr/dvr_options.h"
#include "hls/dvr/dvr_place.h"
#include "media/cmaf_chunk.h"

namespace millrace::hls {

/// A complete segment that is to be kept. Its media is shared with the window.
struct DvrJob {
  std::string channel;
  std::string rendition;
  std::string start_id;
  MediaKind kind = MediaKind::kVideo;
  DvrSegmentRecord segment;                 ///< Without its range.
  std::shared_ptr<const InitSegment> init;  ///< Of segment.map.
  std::vector<Bytes> parts;
  std::shared_ptr<DvrPlace> place;  ///< Told where it is, or that it is not.

  std::size_t bytes() const {
    std::size_t sum = init ? init->bytes.size() : 0;
    for (const Bytes& part : parts) sum += part.size();
    return sum;
  }
};

/// What one file has from before this start.
struct DvrFound {
  std::string channel;
  std::string rendition;
  DvrIndex index;
  std::vector<std::shared_ptr<const DvrPlace>> places;  ///< One for each of index.segments.
};

class DvrFiles {
 public:
  DvrFiles(DvrOptions options, Metrics& metrics);
  ~DvrFiles();
  DvrFiles(const DvrFiles&) = delete;
  DvrFiles& operator=(const DvrFiles&) = delete;

  /// Makes the folder, takes it for this server alone, cuts off torn tails and removes what has
  /// expired by `now`, since the Unix epoch. kSystem: the folder cannot be written; kDenied:
  /// another server has it.
  Result<std::vector<DvrFound>> open(std::chrono::nanoseconds now);

  /// Appends the segment and tells its place. kLimitExceeded: options.max_bytes, and nothing may
  /// go. kSystem: the disk does not take it. kInvalidData: a name that is no file name. The place
  /// is not told where it fails.
  Status write(const DvrJob& job);

  /// Removes what nobody can ask for any more: what left the playlists longer ago than they are
  /// long (rfc8216bis 6.2.2), and closes what nobody writes to. A channel that has nothing left is
  /// forgotten with its folders. To be called a few times a minute: it tells write() what time it
  /// is.
  void expire(std::chrono::nanoseconds now);

  std::uint64_t bytes() const { return bytes_; }

 private:
  struct OpenFile;
  struct File {
    std::shared_ptr<DvrFile> media;
    std::string index_path;
    std::uint64_t bytes = 0;  ///< Of both.
    std::size_t segments = 0;
  };
  /// What a channel has of one span of time.
  struct Span {
    std::vector<File> files;
    MediaTime end{};      ///< Of its newest segment.
    MediaTime longest{};  ///< Segment.

    void add(const DvrSegmentRecord& segment);
  };
  struct Channel {
    std::map<std::int64_t, Span> spans;  ///< By when they begin, in units of their length.
    std::map<std::string, std::unique_ptr<OpenFile>> open;  ///< By rendition.
    std::chrono::nanoseconds asked_at{};  ///< The newest write() for it, as of now_.
    std::uint64_t bytes = 0;
    Gauge bytes_gauge;
    Gauge segments_gauge;
  };

  Status take_folder();
  void load(std::vector<DvrFound>& found);
  void load_file(const std::string& channel, const std::string& rendition,
                 const std::string& index_path, std::vector<DvrFound>& found);
  Channel& channel(const std::string& name);
  Result<OpenFile*> file_for(const DvrJob& job, Channel& its_channel);
  Result<DvrRange> append(const DvrJob& job, OpenFile& file);
  void forget_failed(Channel& its_channel, const std::string& rendition);
  bool make_room(const DvrJob& job);
  bool may_lose_first(const std::string& name, const Channel& its_channel, const DvrJob& job) const;
  void remove_first(Channel& its_channel);
  void account(Channel& its_channel, File& file, std::uint64_t bytes, std::size_t segments);
  std::int64_t span_of(std::string_view channel, MediaTime start) const;

  const DvrOptions options_;
  Metrics& metrics_;
  std::map<std::string, Channel, std::less<>> channels_;
  std::chrono::nanoseconds now_{};  ///< Of the newest open() or expire().
  std::uint64_t bytes_ = 0;
  std::uint64_t next_file_ = 0;
  int lock_ = -1;
};

}  // namespace millrace::hls
