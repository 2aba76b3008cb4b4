#pragma once
// JSON as the text that is sent. Pure; any thread.
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace millrace::app {

/// Never throws: what is no UTF-8, as text from outside may be, has U+FFFD in its place.
std::string to_text(const nlohmann::json& json);

}  // namespace millrace::app
