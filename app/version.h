#pragma once
// The version that `millrace --version` prints; a test holds it to CMakeLists.txt's.
#include <string_view>

namespace millrace::app {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace millrace::app
