#pragma once
// How the check's findings are told: to a person, or as JSON. Pure; any thread.
#include <string>
#include <vector>

#include "app/cdn_check/judgement.h"

namespace millrace::app::cdn_check {

/// Whether nothing failed.
bool is_good(const std::vector<Finding>& findings);

/// A line for each check, below it what to change where it is not ok; a line with the sum.
/// Bytes that would change a terminal are left out.
std::string to_text(const std::vector<Finding>& findings);

/// {"url", "good", "checks": [{"check", "verdict", "seen", "meaning", "remedy"}]}, one line.
std::string to_json(const std::string& url, const std::vector<Finding>& findings);

}  // namespace millrace::app::cdn_check
