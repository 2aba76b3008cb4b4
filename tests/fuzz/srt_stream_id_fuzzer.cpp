// Any text as a stream id: a key that is not longer than the text, or a fault with a reason.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "ingest/srt/stream_id.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::ingest;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  StreamId id;
  StreamIdError error;
  if (parse_stream_id(text, id, error))
    CHECK(!id.key.empty() && id.key.size() <= size);
  else
    CHECK(!error.message.empty());
  return 0;
}
