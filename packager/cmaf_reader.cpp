#include "packager/cmaf_reader.h"

#include <fmt/format.h>

#include <optional>
#include <span>
#include <string_view>

#include "packager/fragment_flags.h"

namespace millrace::packager {
namespace {

// Shorter or longer ticks than timescale_of() gives.
constexpr std::uint32_t kLeastTimescale = 1'000;
constexpr std::uint32_t kMostTimescale = 4'000'000;
// Until the year 2110 at the finest; far from where sums and conversions overflow.
constexpr std::uint64_t kLatestDecodeTime = std::uint64_t{1} << 53;

// 8.8.3.1: sample_is_non_sync_sample.
constexpr std::uint32_t kNonSync = 0x00010000;

constexpr std::uint32_t kVersion1 = 1u << 24;
constexpr std::size_t kBoxHeader = 8;

Error invalid(std::string_view what) {
  return Error{ErrorCode::kInvalidData, fmt::format("cmaf: {}", what)};
}

/// A stretch of bytes from front to back. Reading past its end gives zeros and is remembered.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> all) : Reader(all, 0, all.size()) {}
  Reader(std::span<const std::uint8_t> all, std::size_t begin, std::size_t end)
      : all_(all), at_(begin), end_(end) {}

  std::size_t at() const { return at_; }
  std::size_t left() const { return end_ - at_; }
  bool has_failed() const { return has_failed_; }

  std::uint32_t number(std::size_t bytes) {
    std::uint32_t value = 0;
    if (!take(bytes)) return 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | all_[at_ - bytes + i];
    return value;
  }
  std::uint32_t u8() { return number(1); }
  std::uint32_t u32() { return number(4); }
  std::uint64_t u64() {
    const std::uint64_t high = u32();
    return high << 32 | u32();
  }
  void skip(std::size_t bytes) { take(bytes); }

  struct Box {
    std::string_view type;
    std::size_t begin = 0;
    std::size_t content = 0;
    std::size_t end = 0;
  };
  /// The box that begins here; nothing where none does.
  std::optional<Box> box() {
    const std::size_t begin = at_;
    const std::size_t size = u32();
    take(4);
    if (has_failed_ || size < kBoxHeader || size > end_ - begin) {
      has_failed_ = true;
      return std::nullopt;
    }
    at_ = begin + size;
    const auto type = all_.subspan(begin + 4, 4);
    return Box{{reinterpret_cast<const char*>(type.data()), 4}, begin, begin + kBoxHeader, at_};
  }
  /// What is in the box that begins here, which has this type.
  Reader enter(std::string_view type) {
    const auto found = box();
    return found && found->type == type ? content_of(*found) : fail();
  }
  /// What is in the first box of this type from here on.
  Reader find(std::string_view type) {
    while (left() > 0) {
      const auto found = box();
      if (!found) break;
      if (found->type == type) return content_of(*found);
    }
    return fail();
  }
  /// The next so many bytes.
  Reader next(std::size_t bytes) {
    const std::size_t begin = at_;
    return take(bytes) ? Reader(all_, begin, at_) : fail();
  }
  /// What there is none of.
  Reader fail() {
    has_failed_ = true;
    Reader nothing(all_, end_, end_);
    nothing.has_failed_ = true;
    return nothing;
  }

 private:
  bool take(std::size_t bytes) {
    has_failed_ |= bytes > left();
    if (has_failed_) return false;
    at_ += bytes;
    return true;
  }
  Reader content_of(const Box& box) const { return {all_, box.content, box.end}; }

  std::span<const std::uint8_t> all_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  bool has_failed_ = false;
};

// --- Init segments ----------------------------------------------------------------------------

struct Entry {
  std::string_view type;
  Codec codec;
  std::size_t fields;  ///< What stands before the boxes: 8.5.2.2, 12.1.3.2, 12.2.3.2.
  std::string_view configuration;
};
constexpr std::size_t kVisualFields = 78;
constexpr std::size_t kAudioFields = 28;
constexpr Entry kEntries[] = {{"avc1", Codec::kH264, kVisualFields, "avcC"},
                              {"hvc1", Codec::kHevc, kVisualFields, "hvcC"},
                              {"av01", Codec::kAv1, kVisualFields, "av1C"},
                              {"mp4a", Codec::kAac, kAudioFields, "esds"},
                              {"Opus", Codec::kOpus, kAudioFields, "dOps"}};

/// ISO/IEC 14496-1 7.2.6: what is in the descriptor that begins here, of this tag.
Reader enter_descriptor(Reader& in, std::uint32_t tag) {
  const bool is_it = in.u8() == tag;
  std::size_t size = 0;
  for (int i = 0; i < 4; ++i) {  // 8.3.3: seven bits each.
    const std::uint32_t byte = in.u8();
    size = size << 7 | (byte & 0x7f);
    if ((byte & 0x80) == 0) break;
  }
  return is_it ? in.next(size) : in.fail();
}

/// The AudioSpecificConfig of an esds box; empty where there is none.
Reader find_specific_config(Reader in) {
  in.skip(4);  // version and flags
  Reader stream = enter_descriptor(in, 0x03);
  stream.skip(3);  // ES_ID, flags: none of ours
  Reader decoder = enter_descriptor(stream, 0x04);
  decoder.skip(13);
  return enter_descriptor(decoder, 0x05);
}

// --- Chunks -----------------------------------------------------------------------------------

/// What moof says of its samples.
struct Fragment {
  std::size_t moof = 0;  ///< Where it begins.
  std::uint32_t default_duration = 0;
  std::uint32_t default_flags = 0;
  std::uint64_t decode_time = 0;
};

Status read_header(Reader& fragment, Fragment& found) {
  Reader header = fragment.enter("tfhd");
  const std::uint32_t flags = header.u32();
  if ((flags & ~(kDefaultDuration | kDefaultFlags)) != kDefaultBaseIsMoof)
    return invalid("a track fragment header of another form");
  header.skip(4);  // track_ID
  if (flags & kDefaultDuration) found.default_duration = header.u32();
  if (flags & kDefaultFlags) found.default_flags = header.u32();
  Reader time = fragment.enter("tfdt");
  const bool is_wide = time.u32() == kVersion1;
  found.decode_time = time.u64();
  if (header.has_failed() || time.has_failed() || !is_wide) return invalid("no decode time");
  if (found.decode_time > kLatestDecodeTime) return invalid("a decode time that cannot be");
  return ok();
}

Status read_run(Reader run, const Fragment& fragment, const Bytes& chunks,
                std::vector<CmafSample>& samples, std::size_t& payload_begin,
                std::size_t& payload_end) {
  const std::uint32_t flags = run.u32();
  constexpr std::uint32_t kOptional =
      kFirstSampleFlags | kSampleDuration | kSampleFlags | kSampleOffset;
  if ((flags & ~kOptional) != (kVersion1 | kDataOffset | kSampleSize))
    return invalid("a track run of another form");
  const std::size_t count = run.u32();
  const std::size_t offset = run.u32();
  std::uint32_t first_flags = flags & kFirstSampleFlags ? run.u32() : fragment.default_flags;
  std::size_t fields = 1;
  for (const std::uint32_t field : {kSampleDuration, kSampleFlags, kSampleOffset})
    fields += flags & field ? 1 : 0;
  if (run.has_failed() || count == 0 || count != run.left() / (4 * fields) ||
      run.left() % (4 * fields) != 0)
    return invalid("a track run with another number of samples than it says");
  if (offset > chunks.size() - fragment.moof) return invalid("samples behind the end");
  payload_begin = payload_end = fragment.moof + offset;
  std::uint64_t decode_time = fragment.decode_time;
  for (std::size_t i = 0; i < count; ++i) {
    CmafSample sample;
    sample.duration = flags & kSampleDuration ? run.u32() : fragment.default_duration;
    const std::size_t size = run.u32();
    const std::uint32_t its_flags = flags & kSampleFlags ? run.u32()
                                    : i == 0             ? first_flags
                                                         : fragment.default_flags;
    if (flags & kSampleOffset) sample.composition_offset = static_cast<std::int32_t>(run.u32());
    if (size > chunks.size() - payload_end) return invalid("a sample that runs past the end");
    sample.payload = chunks.slice(payload_end, size);
    sample.decode_time = static_cast<std::int64_t>(decode_time);
    sample.is_key_frame = (its_flags & kNonSync) == 0;
    samples.push_back(std::move(sample));
    payload_end += size;
    decode_time += samples.back().duration;
    if (decode_time > 2 * kLatestDecodeTime) return invalid("a decode time that cannot be");
  }
  return ok();
}

}  // namespace

Result<CmafTrack> read_init_segment(const Bytes& init) {
  const auto all = init.span();
  Reader media = Reader(all).find("moov").find("trak").find("mdia");
  Reader header = media.enter("mdhd");
  const bool is_version_0 = header.u32() == 0;
  header.skip(8);  // creation and modification time
  CmafTrack track;
  track.timescale = header.u32();
  if (header.has_failed() || !is_version_0)
    return invalid("an init segment without a media header");
  if (track.timescale < kLeastTimescale || track.timescale > kMostTimescale)
    return invalid("a timescale that cannot be");
  Reader table = media.find("minf").find("stbl").enter("stsd");
  table.skip(4);  // version and flags
  const bool has_one_entry = table.u32() == 1;
  const auto box = table.box();
  if (!box || !has_one_entry) return invalid("an init segment without one sample entry");
  for (const Entry& entry : kEntries) {
    if (box->type != entry.type) continue;
    Reader fields(all, box->content, box->end);
    fields.skip(entry.fields);
    Reader configuration = fields.find(entry.configuration);
    if (entry.codec == Codec::kAac) configuration = find_specific_config(configuration);
    if (fields.has_failed() || configuration.left() == 0)
      return invalid("a sample entry without its configuration");
    track.codec = entry.codec;
    track.configuration = init.slice(configuration.at(), configuration.left());
    return track;
  }
  return invalid("a sample entry that is none of ours");
}

Status read_chunks(const Bytes& chunks, std::vector<CmafSample>& samples) {
  Reader in(chunks.span());
  while (in.left() > 0) {
    auto box = in.box();
    if (box && box->type == "prft") box = in.box();
    if (!box || box->type != "moof") return invalid("a chunk without a movie fragment");
    Fragment fragment{.moof = box->begin};
    Reader movie(chunks.span(), box->content, box->end);
    movie.enter("mfhd");
    Reader track = movie.enter("traf");
    if (movie.has_failed() || movie.left() > 0) return invalid("a movie fragment of another form");
    RETURN_IF_ERROR(read_header(track, fragment));
    const Reader run = track.enter("trun");
    if (track.has_failed() || track.left() > 0) return invalid("a track fragment of another form");
    std::size_t payload_begin = 0, payload_end = 0;
    RETURN_IF_ERROR(read_run(run, fragment, chunks, samples, payload_begin, payload_end));
    const auto data = in.box();
    if (!data || data->type != "mdat" || data->content != payload_begin || data->end != payload_end)
      return invalid("samples that are not what their chunk has");
  }
  return ok();
}

}  // namespace millrace::packager
