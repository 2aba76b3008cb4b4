#pragma once
// A finding of a channel's report, as the API and the events tell it. Pure; any thread.
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "ingest/ingest.h"

namespace millrace::app {

std::string_view to_string(ingest::Finding::Severity severity);

/// Without its age.
nlohmann::json describe(const ingest::Finding& finding);

}  // namespace millrace::app
