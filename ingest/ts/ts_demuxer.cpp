#include "ingest/ts/ts_demuxer.h"

#include <algorithm>
#include <utility>

#include "ingest/ts/elementary_stream.h"

namespace millrace::ingest {
namespace {

using Span = std::span<const std::uint8_t>;

constexpr std::size_t kPacketBytes = 188;
constexpr std::uint8_t kSync = 0x47;
// So many in a row are no accident.
constexpr std::size_t kSyncsInARow = 3;
constexpr std::uint16_t kAssociationPid = 0;
constexpr std::size_t kMaxPrograms = 64;
// Of something else than a transport stream; then the publisher is told.
constexpr std::size_t kMaxSkippedBytes = 256 * 1024;
constexpr int kScrambledInARow = 16;
constexpr std::size_t kMaxAudioTracks = 8;

/// ISO/IEC 13818-1 table 2-34: audio and video that nothing here takes, for the count.
bool is_media(const ElementaryStream& stream) {
  constexpr std::uint32_t kOpus = 0x4F707573;
  constexpr std::uint32_t kAc3 = 0x41432D33;
  switch (stream.type) {
    case 0x01:  // MPEG-1 video.
    case 0x02:  // MPEG-2 video.
    case 0x03:  // MPEG-1 audio: MP2, MP3.
    case 0x04:  // MPEG-2 audio.
    case 0x0F:
    case 0x10:  // MPEG-4 video.
    case 0x11:
    case 0x1B:
    case 0x24:
    case 0x33:  // VVC.
    case 0x81:  // AC-3.
    case 0x87:  // E-AC-3.
      return true;
    default:
      return stream.registration == kOpus || stream.registration == kAc3;
  }
}

/// What of an adaptation field is nothing but stuffing (2.4.3.4), so that the payload is shorter
/// than there was room for.
bool is_stuffed(Span field) {
  if (field.empty()) return true;  // A length of 0 fills one byte.
  const std::uint8_t flags = field[0];
  if (flags == 0) return true;  // It says nothing: there to fill.
  std::size_t used = 1;
  if (flags & 0x10) used += 6;                  // PCR
  if (flags & 0x08) used += 6;                  // OPCR
  if (flags & 0x04) used += 1;                  // splice_countdown
  for (const unsigned flag : {0x02u, 0x01u}) {  // Private data, extension: with a length.
    if (!(flags & flag)) continue;
    if (used >= field.size()) return false;
    used += 1u + field[used];
  }
  return used < field.size();
}

}  // namespace

struct TsDemuxer::Packet {
  std::uint16_t pid = 0;
  bool starts = false;
  bool has_payload = false;
  bool is_stuffed = false;
  bool is_discontinuity = false;
  bool is_scrambled = false;
  std::uint8_t counter = 0;
  Span payload;
};

TsDemuxer::TsDemuxer(TsOptions options, TsEvents& events) : options_(options), events_(events) {}

TsDemuxer::~TsDemuxer() = default;

Status TsDemuxer::push(Span bytes, TimePoint received_at) {
  now_ = received_at;
  // Messages of SRT are whole packets: then nothing is kept, and nothing copied here.
  std::vector<std::uint8_t> joined;
  if (!kept_.empty()) {
    joined = std::exchange(kept_, {});
    joined.insert(joined.end(), bytes.begin(), bytes.end());
    bytes = joined;
  }
  while (!bytes.empty()) {
    if (!is_in_sync_) {
      bool is_sync = true;
      bool is_known = true;
      for (std::size_t i = 0; i < kSyncsInARow && is_sync; ++i) {
        is_known = i * kPacketBytes < bytes.size();
        if (!is_known) break;
        is_sync = bytes[i * kPacketBytes] == kSync;
      }
      if (is_sync && !is_known && skipped_ > 0) break;  // More will tell.
      if (!is_sync) {
        bytes = bytes.subspan(1);
        if (++skipped_ > kMaxSkippedBytes)
          return Error{ErrorCode::kInvalidData, "ts: what comes is no MPEG transport stream"};
        continue;
      }
      is_in_sync_ = true;
    }
    if (bytes[0] != kSync) {
      is_in_sync_ = false;
      ++counts_.lost_sync;
      skipped_ = 1;
      bytes = bytes.subspan(1);
      continue;
    }
    if (bytes.size() < kPacketBytes) break;
    skipped_ = 0;
    RETURN_IF_ERROR(take_packet(bytes.first(kPacketBytes)));
    bytes = bytes.subspan(kPacketBytes);
  }
  kept_.assign(bytes.begin(), bytes.end());
  return ok();
}

Status TsDemuxer::take_packet(Span bytes) {
  if (bytes[1] & 0x80) {
    ++counts_.transport_errors;
    return ok();  // Not even its PID can be trusted; the counter tells of the hole.
  }
  Packet packet;
  packet.pid = static_cast<std::uint16_t>((bytes[1] & 0x1F) << 8 | bytes[2]);
  packet.starts = bytes[1] & 0x40;
  packet.is_scrambled = bytes[3] & 0xC0;
  packet.has_payload = bytes[3] & 0x10;
  packet.counter = bytes[3] & 0x0F;
  std::size_t header = 4;
  if (bytes[3] & 0x20) {
    const std::size_t length = bytes[4];
    if (length > kPacketBytes - 5) {
      ++counts_.transport_errors;
      return ok();
    }
    const Span field = bytes.subspan(5, length);
    packet.is_stuffed = is_stuffed(field);
    packet.is_discontinuity = !field.empty() && field[0] & 0x80;
    header = 5 + length;
  }
  if (packet.has_payload) packet.payload = bytes.subspan(header);
  return take_payload(packet);
}

Status TsDemuxer::take_payload(const Packet& packet) {
  if (packet.pid == kAssociationPid) {
    counts_.bad_sections += static_cast<std::uint64_t>(association_.push(
        packet.payload, packet.starts, [this](Span section) { take_association(section); }));
    return ok();
  }
  if (const auto sections = map_sections_.find(packet.pid); sections != map_sections_.end()) {
    Status status = ok();
    counts_.bad_sections += static_cast<std::uint64_t>(
        sections->second.push(packet.payload, packet.starts, [&](Span section) {
          if (status.has_value()) status = take_map(packet.pid, section);
        }));
    return status;
  }
  const auto stream = std::find_if(streams_.begin(), streams_.end(), [&](const auto& one) {
    return one->stream().pid == packet.pid;
  });
  if (stream == streams_.end() || !packet.has_payload) return ok();
  if (packet.is_scrambled) {
    // One may be damaged.
    if (++scrambled_ < kScrambledInARow) {
      ++counts_.transport_errors;
      return ok();
    }
    return Error{ErrorCode::kUnsupported, "ts: the transport stream is scrambled"};
  }
  scrambled_ = 0;
  if (!is_in_order(packet, **stream)) return ok();
  return (*stream)->push(packet.payload, packet.starts, packet.is_stuffed, now_);
}

bool TsDemuxer::is_in_order(const Packet& packet, PesStream& stream) {
  const auto [entry, is_first] = counters_.try_emplace(packet.pid, packet.counter);
  if (is_first) return true;
  const std::uint8_t last = std::exchange(entry->second, packet.counter);
  if (packet.counter == ((last + 1) & 0x0F)) return true;
  // 2.4.3.3: a packet may be sent twice.
  if (packet.counter == last && !packet.is_discontinuity) return false;
  if (!packet.is_discontinuity) ++counts_.continuity_errors;
  stream.damage();
  return true;
}

void TsDemuxer::take_association(Span section) {
  auto associations = parse_association(section);
  if (!associations) return;
  if (associations->size() > kMaxPrograms) associations->resize(kMaxPrograms);
  programs_ = std::move(*associations);
  std::erase_if(map_sections_, [&](const auto& entry) {
    return std::none_of(programs_.begin(), programs_.end(),
                        [&](const auto& one) { return one.map_pid == entry.first; });
  });
  for (const auto& one : programs_) map_sections_.try_emplace(one.map_pid);
  if (selected_ && std::find(programs_.begin(), programs_.end(), *selected_) == programs_.end())
    selected_.reset();  // The next map with media is taken.
}

Status TsDemuxer::take_map(std::uint16_t map_pid, Span section) {
  const auto map = parse_map(section);
  if (!map) {
    ++counts_.bad_sections;
    return ok();
  }
  // Several programs may share a PID.
  const ProgramAssociation program{map->program, map_pid};
  if (selected_ && *selected_ != program) return ok();
  if (std::find(programs_.begin(), programs_.end(), program) == programs_.end()) return ok();
  auto& known = maps_[program.program];
  if (selected_ && map->streams == known) return ok();
  const bool is_new = map->streams != known;
  known = map->streams;
  if (maps_.size() > kMaxPrograms) maps_.clear();
  return select(program, map->streams, is_new);
}

Status TsDemuxer::select(const ProgramAssociation& program,
                         const std::vector<ElementaryStream>& streams, bool is_new) {
  const TsContext context{options_, events_, counts_, clock_};
  std::vector<std::unique_ptr<PesStream>> taken;
  std::vector<std::unique_ptr<PesStream>> gone;
  std::size_t videos = 0, audios = 0;
  for (const auto& stream : streams) {
    const int audio_index = static_cast<int>(audios);
    auto reader = create_pes_reader(stream, audio_index, context);
    const bool is_video = reader && reader->kind() == MediaKind::kVideo;
    const bool is_taken = reader && (is_video ? videos == 0 : audios < kMaxAudioTracks);
    if (!is_taken) {
      counts_.unsupported_streams += is_new && is_media(stream) ? 1 : 0;
      continue;
    }
    ++(is_video ? videos : audios);
    const auto old = std::find_if(streams_.begin(), streams_.end(), [&](const auto& one) {
      return one && one->stream() == stream && (is_video || one->audio_index() == audio_index);
    });
    taken.push_back(old != streams_.end() ? std::move(*old)
                                          : std::make_unique<PesStream>(
                                                stream, audio_index, std::move(reader), context));
  }
  const Announcement announcement{.has_video = videos > 0,
                                  .has_audio = audios > 0,
                                  .tracks = videos + audios,
                                  .frame_rate = 0,
                                  .encoder = {}};
  std::erase(streams_, nullptr);
  if (taken.empty() && !selected_) return ok();  // Another program may have something.
  gone = std::exchange(streams_, std::move(taken));
  selected_ = program;
  if (streams_.empty())
    selected_.reset();
  else
    events_.on_program(announcement);
  for (auto& stream : gone) {
    counters_.erase(stream->stream().pid);
    RETURN_IF_ERROR(stream->finish());
  }
  return ok();
}

Status TsDemuxer::end_short_message() {
  for (const auto& stream : streams_) RETURN_IF_ERROR(stream->end_unit_early());
  return ok();
}

Status TsDemuxer::finish() {
  for (const auto& stream : streams_) RETURN_IF_ERROR(stream->finish());
  return ok();
}

}  // namespace millrace::ingest
