// Any text as a source: refused with a reason, or read, and then its secrets are never shown.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "ingest/gst/pipeline_text.h"
#include "ingest/gst/source_url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace millrace::ingest;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto url = parse_source_url(text);
  if (!url.has_value()) {
    CHECK(!url.error().message.empty());
    return 0;
  }
  const std::string said = scrubbed(url.value(), std::string(text));
  const std::string& password = url.value().password;
  if (password.size() > 3 && password.find('*') == std::string::npos)
    CHECK(said.find(password) == std::string::npos);
  if (url.value().kind != SourceKind::kSrt) CHECK(!pipeline_text(url.value()).description.empty());
  return 0;
}
