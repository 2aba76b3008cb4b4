#include "hls/dvr/dvr_files.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/log.h"
#include "hls/dvr/dvr_past.h"

namespace millrace::hls {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr const char* kMediaSuffix = ".m4s";
constexpr const char* kIndexSuffix = ".index";
// An index takes some 55 bytes a segment; of an hour of segments of half a second 400 KB.
constexpr std::uintmax_t kLargestIndex = 64 * 1024 * 1024;
// Files are the unit that goes: a quarter of the window, so that little is kept beyond it.
constexpr int kFilesPerWindow = 4;
constexpr std::chrono::nanoseconds kShortestFile = 1min;
constexpr std::chrono::nanoseconds kLongestFile = 1h;
// What a playlist lists stays fetchable for as long again. Files are taken for old by the wall
// clock, playlists by their newest segment, which is less behind it than this.
constexpr std::chrono::nanoseconds kBeyond = 1min;
// Who has asked for nothing for so long is not writing: files are closed, and may go. A show that
// goes on later begins others; so does each segment that is longer.
constexpr std::chrono::nanoseconds kIdle = 1min;

Error system_error(std::string_view what, const std::string& path) {
  return {ErrorCode::kSystem, fmt::format("{} {}: {}", what, path, std::strerror(errno))};
}

/// False with errno.
bool write_all(int descriptor, const std::uint8_t* data, std::size_t size) {
  while (size > 0) {
    const auto written = ::write(descriptor, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      if (written == 0) errno = ENOSPC;
      return false;
    }
    data += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

bool write_all(int descriptor, std::string_view text) {
  return write_all(descriptor, reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

int create_file(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                0644);
}

void remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    log::error("dvr", "{}", system_error("cannot remove", path).message);
}

/// 0 where it is not there. kSystem: it cannot be looked at. kDenied: it is a symbolic link or
/// something else that is none of ours.
Result<std::uint64_t> size_of(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return std::uint64_t{0};
    return system_error("cannot look at", path);
  }
  if (!S_ISREG(status.st_mode))
    return Error{ErrorCode::kDenied, fmt::format("no plain file: {}", path)};
  return static_cast<std::uint64_t>(status.st_size);
}

/// Of a plain file: a symbolic link in its place may point to anything that we can write to.
Status cut_off(const std::string& path, std::uint64_t size) {
  // Not blocking: nor does a pipe hold up the start.
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return system_error("cannot cut off the torn end of", path);
  const bool is_cut = ::ftruncate(descriptor, static_cast<off_t>(size)) == 0;
  Status status = is_cut ? ok() : system_error("cannot cut off the torn end of", path);
  ::close(descriptor);
  return status;
}

/// kSystem: it cannot be read, perhaps only for now. kLimitExceeded: it is none of ours.
Result<Bytes> read_whole(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return system_error("cannot open", path);
  const auto read = [&]() -> Result<Bytes> {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return system_error("cannot look at", path);
    if (!S_ISREG(status.st_mode) || static_cast<std::uintmax_t>(status.st_size) > kLargestIndex)
      return Error{ErrorCode::kLimitExceeded, fmt::format("no plain file or too large: {}", path)};
    MutableBytes buffer(static_cast<std::size_t>(status.st_size));
    std::size_t at = 0;
    while (at < buffer.size()) {
      const auto got = ::read(descriptor, buffer.data() + at, buffer.size() - at);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error("cannot read", path);
      if (got == 0) return Error{ErrorCode::kSystem, fmt::format("it became shorter: {}", path)};
      at += static_cast<std::size_t>(got);
    }
    return Bytes(std::move(buffer));
  };
  auto bytes = read();
  ::close(descriptor);
  return bytes;
}

/// Folders, and not what symbolic links point to.
std::vector<std::string> names_in(const fs::path& folder, bool folders) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto status = entry->symlink_status(error);
    if (error) break;
    if (folders ? fs::is_directory(status) : fs::is_regular_file(status))
      names.push_back(entry->path().filename().string());
  }
  if (error) log::error("dvr", "cannot read {}: {}", folder.string(), error.message());
  std::sort(names.begin(), names.end());
  return names;
}

void tell_left_alone(const std::string& media_path, const Error& why) {
  log::error("dvr", "left alone until the next start path={} error={}", media_path, why.message);
}

/// Media that has no index: a crash came between the two.
void remove_without_index(const std::string& media_path) {
  const fs::path index_path = fs::path(media_path).replace_extension(kIndexSuffix);
  std::error_code error;
  const auto status = fs::symlink_status(index_path, error);
  if (status.type() == fs::file_type::not_found) return remove_file(media_path);
  if (const auto index = size_of(index_path.string()); !index.has_value())
    tell_left_alone(media_path, index.error());
}

/// A channel's, and its renditions'; those with anything in them stay.
void remove_empty_folders(const fs::path& channel_folder) {
  std::error_code error;  // It need not be there: a channel that was only ever refused.
  if (!fs::is_directory(fs::symlink_status(channel_folder, error))) return;
  for (const auto& rendition : names_in(channel_folder, true))
    ::rmdir((channel_folder / rendition).c_str());
  ::rmdir(channel_folder.c_str());
}

/// The media behind what the index says of it, all of which is there.
std::uint64_t end_of(const DvrIndex& index) {
  std::uint64_t end = 0;
  for (const auto& init : index.inits) end = std::max(end, init.range.offset + init.range.size);
  for (const auto& one : index.segments) end = std::max(end, one.range.offset + one.range.size);
  return end;
}

}  // namespace

void DvrFiles::Span::add(const DvrSegmentRecord& segment) {
  const MediaTime duration = playlist::from_printed(segment.duration);
  end = std::max(end, segment.start + duration);
  longest = std::max(longest, duration);
}

/// A rendition's, while it is appended to.
struct DvrFiles::OpenFile {
  ~OpenFile() {
    if (media_descriptor >= 0) ::close(media_descriptor);
    if (index_descriptor >= 0) ::close(index_descriptor);
  }
  std::int64_t span = 0;
  std::size_t place_in_span = 0;  ///< Of its File.
  std::string start_id;
  SegmentNumber last_number = 0;
  int media_descriptor = -1;
  int index_descriptor = -1;
  std::uint64_t media_bytes = 0;
  std::uint64_t index_bytes = 0;
  std::optional<DvrInitRecord> init;    ///< The newest.
  std::chrono::nanoseconds asked_at{};  ///< As its channel's.
};

DvrFiles::DvrFiles(DvrOptions options, Metrics& metrics)
    : options_(std::move(options)), metrics_(metrics) {}

DvrFiles::~DvrFiles() {
  if (lock_ >= 0) ::close(lock_);
}

// --- At the start -----------------------------------------------------------------------------

Result<std::vector<DvrFound>> DvrFiles::open(std::chrono::nanoseconds now) {
  now_ = now;
  RETURN_IF_ERROR(take_folder());
  std::vector<DvrFound> found;
  load(found);
  expire(now);
  return found;
}

/// The lock goes with the process, however it ends.
Status DvrFiles::take_folder() {
  const std::string& folder = options_.folder;
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
    return system_error("hls.dvr.folder: cannot make", folder);
  const std::string path = folder + "/.lock";  // No channel is called so: is_dvr_name().
  lock_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (lock_ < 0) return system_error("hls.dvr.folder: cannot write", path);
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) return ok();
  if (errno == EWOULDBLOCK)
    return Error{ErrorCode::kDenied,
                 fmt::format("hls.dvr.folder: another server has {}: name another", folder)};
  return system_error("hls.dvr.folder: cannot lock", path);
}

void DvrFiles::load(std::vector<DvrFound>& found) {
  const fs::path folder(options_.folder);
  for (const auto& channel_name : names_in(folder, true)) {
    if (!is_dvr_name(channel_name)) continue;
    for (const auto& rendition : names_in(folder / channel_name, true)) {
      if (!is_dvr_name(rendition)) continue;
      const fs::path place = folder / channel_name / rendition;
      for (const auto& name : names_in(place, false))
        if (fs::path(name).extension() == kIndexSuffix)
          load_file(channel_name, rendition, (place / name).string(), found);
      for (const auto& name : names_in(place, false))
        if (fs::path(name).extension() == kMediaSuffix)
          remove_without_index((place / name).string());
    }
    remove_empty_folders(folder / channel_name);
  }
}

void DvrFiles::load_file(const std::string& channel_name, const std::string& rendition,
                         const std::string& index_path, std::vector<DvrFound>& found) {
  const std::string media_path = fs::path(index_path).replace_extension(kMediaSuffix).string();
  const auto bytes = read_whole(index_path);
  if (!bytes.has_value()) return tell_left_alone(media_path, bytes.error());
  const auto media_size = size_of(media_path);
  if (!media_size.has_value()) return tell_left_alone(media_path, media_size.error());
  const std::uint64_t media_bytes = media_size.value();
  auto parsed = parse_dvr_index(bytes.value().span());
  // What is beyond the media was not written: such records go, and all behind them.
  std::size_t segments = 0;
  if (parsed.has_value()) {
    const auto& records = parsed.value().segments;
    while (segments < records.size() &&
           records[segments].range.offset + records[segments].range.size <= media_bytes)
      ++segments;
    if (segments < records.size())
      log::warning("dvr", "media is missing behind an index path={} segments={}", media_path,
                   records.size() - segments);
  } else {
    log::warning("dvr", "removed: no index path={} error={}", index_path, parsed.error().message);
  }
  if (segments == 0) {
    remove_file(index_path);
    remove_file(media_path);
    return;
  }
  DvrIndex index = std::move(parsed).value();
  index.segments.resize(segments);
  std::erase_if(index.inits, [&](const DvrInitRecord& init) {
    return init.range.offset + init.range.size > media_bytes;
  });
  for (const auto& cut :
       {cut_off(index_path, index.good_bytes), cut_off(media_path, end_of(index))})
    if (!cut.has_value()) log::warning("dvr", "{}", cut.error().message);

  auto media = std::make_shared<DvrFile>(media_path);
  DvrFound one{.channel = channel_name, .rendition = rendition, .index = index, .places = {}};
  for (const auto& record : index.segments) {
    // The newest of that number before it; parse_dvr_index() has seen one.
    const auto init =
        std::find_if(index.inits.begin(), index.inits.end(),
                     [&](const DvrInitRecord& its_init) { return its_init.map == record.map; });
    auto place = std::make_shared<DvrPlace>();
    if (init == index.inits.end())
      place->set_lost();
    else
      place->set_stored(media, record.range, init->range);
    one.places.push_back(std::move(place));
  }
  Channel& its_channel = channel(channel_name);
  Span& span = its_channel.spans[span_of(channel_name, index.segments.front().start)];
  for (const auto& record : index.segments) span.add(record);
  span.files.push_back({.media = std::move(media), .index_path = index_path});
  account(its_channel, span.files.back(), end_of(index) + index.good_bytes, index.segments.size());
  found.push_back(std::move(one));
}

DvrFiles::Channel& DvrFiles::channel(const std::string& name) {
  const auto found = channels_.find(name);
  if (found != channels_.end()) return found->second;
  const Labels labels{{"channel", name}};
  return channels_
      .emplace(
          name,
          Channel{.spans = {},
                  .open = {},
                  .asked_at = now_,
                  .bytes_gauge = metrics_.gauge("millrace_dvr_bytes",
                                                "Kept on disk for rewinding, in bytes.", labels),
                  .segments_gauge = metrics_.gauge("millrace_dvr_segments",
                                                   "Segments kept on disk for rewinding.", labels)})
      .first->second;
}

std::int64_t DvrFiles::span_of(std::string_view channel_name, MediaTime start) const {
  const auto length =
      std::clamp(options_.window_of(channel_name) / kFilesPerWindow, kShortestFile, kLongestFile);
  return start / length;
}

// --- Writing ----------------------------------------------------------------------------------

Status DvrFiles::write(const DvrJob& job) {
  if (!job.init || job.init->bytes.empty() || job.parts.empty())
    return Error{ErrorCode::kInvalidData, "dvr: a segment without media or its init segment"};
  if (!is_dvr_name(job.channel) || !is_dvr_name(job.rendition) || !is_dvr_name(job.start_id))
    return Error{ErrorCode::kInvalidData,
                 fmt::format("dvr: no file can be called {} or {}", job.channel, job.rendition)};
  Channel& its_channel = channel(job.channel);
  its_channel.asked_at = now_;
  if (!make_room(job)) return Error{ErrorCode::kLimitExceeded, "dvr: hls.dvr.max_bytes is reached"};
  ASSIGN_OR_RETURN(OpenFile* const file, file_for(job, its_channel));
  file->asked_at = now_;
  const auto appended = append(job, *file);
  if (!appended.has_value()) {
    forget_failed(its_channel, job.rendition);
    return appended.error();
  }
  Span& span = its_channel.spans[file->span];
  span.add(job.segment);
  File& entry = span.files[file->place_in_span];
  account(its_channel, entry, file->media_bytes + file->index_bytes - entry.bytes, 1);
  job.place->set_stored(entry.media, appended.value(), file->init->range);
  return ok();
}

Result<DvrFiles::OpenFile*> DvrFiles::file_for(const DvrJob& job, Channel& its_channel) {
  auto& slot = its_channel.open[job.rendition];
  const std::int64_t span = span_of(job.channel, job.segment.start);
  // Numbers rise in a file.
  if (slot && slot->span == span && slot->start_id == job.start_id &&
      slot->last_number < job.segment.number)
    return slot.get();
  slot.reset();
  std::error_code error;
  const fs::path folder = fs::path(options_.folder) / job.channel / job.rendition;
  fs::create_directories(folder, error);
  if (error) {
    errno = error.value();
    return system_error("cannot make", folder.string());
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(job.segment.start);
  const std::string name =
      fmt::format("{:%Y%m%dT%H%M%S}-{}-{}", fmt::gmtime(static_cast<std::time_t>(seconds.count())),
                  job.start_id, next_file_++);
  const std::string media_path = (folder / (name + kMediaSuffix)).string();
  const std::string index_path = (folder / (name + kIndexSuffix)).string();
  auto file = std::make_unique<OpenFile>();
  file->span = span;
  file->start_id = job.start_id;
  file->media_descriptor = create_file(media_path);
  if (file->media_descriptor < 0) return system_error("cannot write", media_path);
  file->index_descriptor = create_file(index_path);
  const std::string header = dvr_index_header(job.start_id, job.kind);
  if (file->index_descriptor < 0 || !write_all(file->index_descriptor, header)) {
    Error failed = system_error("cannot write", index_path);
    remove_file(media_path);
    remove_file(index_path);
    return failed;
  }
  file->index_bytes = header.size();
  Span& its_span = its_channel.spans[span];
  file->place_in_span = its_span.files.size();
  its_span.files.push_back(
      {.media = std::make_shared<DvrFile>(media_path), .index_path = index_path});
  slot = std::move(file);
  return slot.get();
}

/// The media first, then what says that it is there. After an error the file is not gone on with.
Result<DvrRange> DvrFiles::append(const DvrJob& job, OpenFile& file) {
  const auto failed = [&] { return system_error("cannot write", job.channel); };
  std::string records;
  std::optional<DvrInitRecord> init = file.init;
  std::uint64_t end = file.media_bytes;
  if (!init || init->map != job.segment.map) {
    const Bytes& bytes = job.init->bytes;
    if (!write_all(file.media_descriptor, bytes.data(), bytes.size())) return failed();
    init = {.map = job.segment.map,
            .range = {.offset = end,
                      .size = static_cast<std::uint32_t>(bytes.size()),
                      .checksum = dvr_checksum(bytes.span())},
            .codecs = is_dvr_codecs(job.init->codecs) ? job.init->codecs : "",
            .track = *job.init->track};
    end += bytes.size();
    records += dvr_record(*init);
  }
  DvrSegmentRecord segment = job.segment;
  segment.range = {.offset = end, .size = 0, .checksum = 0};
  for (const Bytes& part : job.parts) {
    if (!write_all(file.media_descriptor, part.data(), part.size())) return failed();
    segment.range.size += static_cast<std::uint32_t>(part.size());
    segment.range.checksum = dvr_checksum(part.span(), segment.range.checksum);
  }
  records += dvr_record(segment);
  if (!write_all(file.index_descriptor, records)) return failed();
  file.init = init;
  file.last_number = segment.number;
  file.media_bytes = end + segment.range.size;
  file.index_bytes += records.size();
  return segment.range;
}

/// What the index does not have is cut off. A file without a segment goes.
void DvrFiles::forget_failed(Channel& its_channel, const std::string& rendition) {
  const auto open = its_channel.open.find(rendition);
  OpenFile& file = *open->second;
  File& entry = its_channel.spans[file.span].files[file.place_in_span];
  const auto index_bytes = static_cast<off_t>(file.index_bytes);
  if (::ftruncate(file.index_descriptor, index_bytes) != 0 ||
      ::ftruncate(file.media_descriptor, static_cast<off_t>(file.media_bytes)) != 0)
    log::warning("dvr", "{}", system_error("cannot shorten", entry.media->path).message);
  if (entry.segments == 0) {
    remove_file(entry.media->path);
    remove_file(entry.index_path);
    // A disk that is full for hours leaves no trace for each segment.
    auto& files = its_channel.spans[file.span].files;
    if (file.place_in_span + 1 == files.size()) files.pop_back();
  }
  its_channel.open.erase(open);
}

// --- What goes --------------------------------------------------------------------------------

void DvrFiles::expire(std::chrono::nanoseconds now) {
  now_ = now;
  for (auto at = channels_.begin(); at != channels_.end();) {
    auto& [name, its_channel] = *at;
    const auto window = options_.window_of(name);
    while (!its_channel.spans.empty()) {
      const Span& first = its_channel.spans.begin()->second;
      // A playlist lists blocks as a whole, and is by that much longer.
      const auto listed = window + static_cast<int>(DvrPast::kBlock) * first.longest;
      if (window.count() > 0 && first.end + 2 * listed + kBeyond > now) break;
      remove_first(its_channel);
    }
    std::erase_if(its_channel.open, [&](const auto& open) {
      return !open.second || open.second->asked_at + kIdle < now;
    });
    if (its_channel.spans.empty() && its_channel.open.empty()) {
      remove_empty_folders(fs::path(options_.folder) / name);
      at = channels_.erase(at);
    } else {
      ++at;
    }
  }
}

/// False where only what is being written is left.
bool DvrFiles::make_room(const DvrJob& job) {
  const std::uint64_t bytes = job.bytes();
  if (bytes > options_.max_bytes) return false;
  while (bytes_ + bytes > options_.max_bytes) {
    Channel* most = nullptr;
    for (auto& [name, its_channel] : channels_)
      if (may_lose_first(name, its_channel, job) && (!most || its_channel.bytes > most->bytes))
        most = &its_channel;
    if (!most) return false;
    remove_first(*most);
  }
  return true;
}

/// Unless it is the one that is being written. A channel that is refused is still on air.
bool DvrFiles::may_lose_first(const std::string& name, const Channel& its_channel,
                              const DvrJob& job) const {
  const auto& spans = its_channel.spans;
  if (spans.size() != 1) return !spans.empty();
  return name == job.channel ? spans.begin()->first < span_of(name, job.segment.start)
                             : its_channel.asked_at + kIdle < now_;
}

/// Of all renditions: what one has lost, a playlist cannot list for the others either.
void DvrFiles::remove_first(Channel& its_channel) {
  const auto first = its_channel.spans.begin();
  std::erase_if(its_channel.open, [&](const auto& open) {
    return !open.second || open.second->span == first->first;
  });
  for (File& file : first->second.files) {
    file.media->is_removed = true;  // Who has it open reads on.
    remove_file(file.media->path);
    remove_file(file.index_path);
    bytes_ -= file.bytes;
    its_channel.bytes -= file.bytes;
    its_channel.segments_gauge.add(-static_cast<double>(file.segments));
  }
  its_channel.spans.erase(first);
  its_channel.bytes_gauge.set(static_cast<double>(its_channel.bytes));
}

void DvrFiles::account(Channel& its_channel, File& file, std::uint64_t bytes,
                       std::size_t segments) {
  file.bytes += bytes;
  file.segments += segments;
  its_channel.bytes += bytes;
  bytes_ += bytes;
  its_channel.bytes_gauge.set(static_cast<double>(its_channel.bytes));
  its_channel.segments_gauge.add(static_cast<double>(segments));
}

}  // namespace millrace::hls
