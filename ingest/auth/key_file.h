#pragma once
// The key file: a line for each key, "KEY CHANNEL… [LIMIT=VALUE…] [passphrase=…] [key_length=…]",
// the latter of SRT; '#' begins a comment line.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ingest/auth/key_table.h"

namespace millrace::ingest {

/// Pure, any thread. The error names the line and never shows the key.
Result<std::vector<KeyEntry>> parse_key_file(std::string_view text);

/// Reads the file when it has changed. One thread at a time, never an event loop's.
class KeyFile {
 public:
  // A million keys have room; what is larger is another file.
  static constexpr std::size_t kMaxBytes = 64 * 1024 * 1024;

  explicit KeyFile(std::string path) : path_(std::move(path)) {}

  /// Nothing where it is as it was at the last call. kSystem: it cannot be read.
  std::optional<Result<std::vector<KeyEntry>>> read_if_changed();

 private:
  /// Equal ones: the same content, as far as the file system says.
  struct Stamp {
    bool is_there = false;
    std::int64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified = 0;  ///< Nanoseconds.
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  Stamp stamp() const;
  Result<std::vector<KeyEntry>> read() const;

  const std::string path_;
  std::optional<Stamp> last_;
};

}  // namespace millrace::ingest
