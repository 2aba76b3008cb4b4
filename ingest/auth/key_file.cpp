#include "ingest/auth/key_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>

#include "ingest/srt/listener_address.h"

namespace millrace::ingest {
namespace {

constexpr std::string_view kBlanks = " \t\r";

/// Takes the first word off `line`; empty at its end.
std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

Status read_word(std::string_view word, KeyEntry& entry) {
  if (const auto equals = word.find('='); equals != std::string_view::npos) {
    const std::string_view name = word.substr(0, equals), value = word.substr(equals + 1);
    const bool is_of_srt = name == "passphrase" || name == "key_length";
    return is_of_srt ? set_encryption(entry.srt, name, value)
                     : set_limit(entry.limits, name, value);
  }
  if (!is_channel_name(word))
    return Error{ErrorCode::kInvalidData, "what follows a key are channel names and limits"};
  entry.channels.emplace_back(word);
  return ok();
}

Result<KeyEntry> parse_line(std::string_view line) {
  KeyEntry entry;
  entry.key = next_word(line);
  RETURN_IF_ERROR(check_key(entry.key));
  for (auto word = next_word(line); !word.empty(); word = next_word(line))
    RETURN_IF_ERROR(read_word(word, entry));
  if (entry.channels.empty())
    return Error{ErrorCode::kInvalidData, "the key has no channel: write KEY CHANNEL"};
  return entry;
}

Error cannot_be_read(const std::string& path, std::string_view why) {
  return {ErrorCode::kSystem, fmt::format("auth.key_file: {} cannot be read: {}", path, why)};
}

}  // namespace

Result<std::vector<KeyEntry>> parse_key_file(std::string_view text) {
  std::vector<KeyEntry> entries;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto first = line.find_first_not_of(kBlanks);
    if (first == std::string_view::npos || line[first] == '#') continue;
    auto entry = parse_line(line);
    if (!entry.has_value())
      return Error{entry.error().code, fmt::format("line {}: {}", number, entry.error().message)};
    entries.push_back(std::move(entry).value());
  }
  return entries;
}

KeyFile::Stamp KeyFile::stamp() const {
  struct stat found {};
  if (::stat(path_.c_str(), &found) != 0) return {};
  return {.is_there = true,
          .inode = static_cast<std::int64_t>(found.st_ino),
          .size = found.st_size,
          .modified = found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec};
}

std::optional<Result<std::vector<KeyEntry>>> KeyFile::read_if_changed() {
  // Taken first: what is written while it is read is seen the next time.
  const Stamp now = stamp();
  if (last_ == now) return std::nullopt;
  last_ = now;
  return read();
}

Result<std::vector<KeyEntry>> KeyFile::read() const {
  if (last_->size > static_cast<std::int64_t>(kMaxBytes))
    return cannot_be_read(path_, "it is larger than 64 MiB");
  errno = 0;
  try {  // Reading a folder throws.
    std::ifstream file(path_, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    if (!file.is_open() || file.bad()) return cannot_be_read(path_, std::strerror(errno));
    auto entries = parse_key_file(content);
    if (!entries.has_value())
      return Error{entries.error().code,
                   fmt::format("auth.key_file: {}: {}", path_, entries.error().message)};
    return entries;
  } catch (const std::exception&) {
    return cannot_be_read(path_, std::strerror(errno));
  }
}

}  // namespace millrace::ingest
