// Any text as configuration file, and its first line as `--set`: an error at worst.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "app/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  millrace::app::ConfigSources sources;
  sources.overrides = {std::string(text.substr(0, text.find('\n')))};
  static_cast<void>(millrace::app::parse_config(text, sources));
  return 0;
}
