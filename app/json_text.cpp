#include "app/json_text.h"

#include <nlohmann/json.hpp>

namespace millrace::app {

std::string to_text(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace millrace::app
