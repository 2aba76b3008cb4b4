// Any text as a key file: keys and channels that hold what a table of them wants, or a line's
// fault.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "ingest/auth/key_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::ingest;
  const auto entries = parse_key_file({reinterpret_cast<const char*>(bytes), size});
  if (!entries.has_value()) {
    CHECK(entries.error().message.starts_with("line "));
    return 0;
  }
  for (const auto& entry : entries.value()) {
    CHECK(check_key(entry.key).has_value() && !entry.channels.empty());
    for (const auto& channel : entry.channels) CHECK(is_channel_name(channel));
  }
  CHECK(KeyTable(entries.value()).size() == entries.value().size());
  return 0;
}
