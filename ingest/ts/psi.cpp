#include "ingest/ts/psi.h"

#include <algorithm>

#include "media/crc32_mpeg2.h"

namespace millrace::ingest {
namespace {

constexpr std::uint8_t kAssociationTable = 0;
constexpr std::uint8_t kMapTable = 2;
// Descriptors: ISO/IEC 13818-1 2.6, ETSI EN 300 468 6.1; Opus' is an extension of the latter.
constexpr std::uint8_t kRegistration = 5;
constexpr std::uint8_t kLanguage = 0x0A;
constexpr std::uint8_t kDvbAc3 = 0x6A;
constexpr std::uint8_t kDvbExtension = 0x7F;
constexpr std::uint8_t kOpusExtension = 0x80;
constexpr std::size_t kLongHeaderBytes = 8;
constexpr std::size_t kCrcBytes = 4;

std::uint16_t read_16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
std::uint16_t read_pid(std::span<const std::uint8_t> bytes, std::size_t at) {
  return read_16(bytes, at) & 0x1FFF;
}
std::size_t read_length(std::span<const std::uint8_t> bytes, std::size_t at) {
  return read_16(bytes, at) & 0x0FFF;
}

/// What is between the long header and the CRC of a table that is valid now.
std::optional<std::span<const std::uint8_t>> body_of(std::span<const std::uint8_t> section,
                                                     std::uint8_t table) {
  if (section.size() < kLongHeaderBytes + kCrcBytes || section[0] != table) return std::nullopt;
  const bool is_current = section[5] & 1;
  if (!is_current) return std::nullopt;
  return section.subspan(kLongHeaderBytes, section.size() - kLongHeaderBytes - kCrcBytes);
}

/// ISO/IEC 13818-1 2.6.18.
std::string read_language(std::span<const std::uint8_t> descriptor) {
  constexpr std::size_t kLetters = 3;
  std::string language;
  for (const std::uint8_t letter : descriptor.first(std::min(kLetters, descriptor.size())))
    language += static_cast<char>(letter | 0x20);  // Some write them large.
  const bool is_code = language.size() == kLetters &&
                       std::all_of(language.begin(), language.end(),
                                   [](char letter) { return letter >= 'a' && letter <= 'z'; });
  return is_code && language != "und" ? language : std::string();
}

void read_descriptors(std::span<const std::uint8_t> descriptors, ElementaryStream& stream) {
  while (descriptors.size() >= 2) {
    const std::uint8_t tag = descriptors[0];
    const std::size_t length = descriptors[1];
    if (length > descriptors.size() - 2) return;
    const auto body = descriptors.subspan(2, length);
    if (tag == kRegistration && length >= 4)
      stream.registration = static_cast<std::uint32_t>(read_16(body, 0)) << 16 | read_16(body, 2);
    if (tag == kLanguage) stream.language = read_language(body);
    if (tag == kDvbAc3) stream.is_dvb_ac3 = true;
    if (tag == kDvbExtension && length >= 2 && body[0] == kOpusExtension)
      stream.opus_channels = body[1];
    descriptors = descriptors.subspan(2 + length);
  }
}

}  // namespace

bool SectionAssembler::is_intact(std::span<const std::uint8_t> section) {
  return crc32_mpeg2(section) == 0;
}

std::optional<std::vector<ProgramAssociation>> parse_association(
    std::span<const std::uint8_t> section) {
  const auto body = body_of(section, kAssociationTable);
  if (!body) return std::nullopt;
  std::vector<ProgramAssociation> programs;
  for (auto rest = *body; rest.size() >= 4; rest = rest.subspan(4)) {
    const std::uint16_t program = read_16(rest, 0);
    if (program != 0) programs.push_back({program, read_pid(rest, 2)});  // 0: the network's PID.
  }
  return programs;
}

std::optional<ProgramMap> parse_map(std::span<const std::uint8_t> section) {
  auto body = body_of(section, kMapTable);
  if (!body || body->size() < 4) return std::nullopt;
  const std::size_t program_info = read_length(*body, 2);
  if (program_info > body->size() - 4) return std::nullopt;
  ProgramMap map{.program = read_16(section, 3), .streams = {}};
  for (auto rest = body->subspan(4 + program_info); rest.size() >= 5;) {
    const std::size_t info = read_length(rest, 3);
    if (info > rest.size() - 5) return std::nullopt;
    ElementaryStream stream;
    stream.pid = read_pid(rest, 1);
    stream.type = rest[0];
    read_descriptors(rest.subspan(5, info), stream);
    map.streams.push_back(std::move(stream));
    rest = rest.subspan(5 + info);
  }
  return map;
}

}  // namespace millrace::ingest
