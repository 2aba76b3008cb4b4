#include "app/mistakes.h"

#include <fmt/format.h>

namespace millrace::app {
namespace {
/// More than a person reads at once.
constexpr std::size_t kMaxLines = 100;
}  // namespace

void Mistakes::set_source(std::string name, bool has_lines) {
  source_ = std::move(name);
  has_lines_ = has_lines;
}

void Mistakes::note(const std::string& path, int line) {
  places_[path] = place(line);
}

void Mistakes::add(int line, std::string_view path, std::string_view what) {
  wrong_paths_.emplace(path);
  append(path.empty() ? fmt::format("{}: {}", place(line), what)
                      : fmt::format("{}: {}: {}", place(line), path, what));
}

void Mistakes::add(const std::vector<std::string>& paths, std::string_view what) {
  for (const auto& path : paths)
    if (wrong_paths_.contains(path)) return;
  for (const auto& path : paths) {
    const auto found = places_.find(path);
    if (found == places_.end()) continue;
    append(fmt::format("{}: {}: {}", found->second, path, what));
    return;
  }
  append(fmt::format("{}: {}", paths.front(), what));
}

Error Mistakes::error() const {
  std::string message = fmt::format("{}", fmt::join(lines_, "\n"));
  if (left_out_ > 0) message += fmt::format("\nand {} more", left_out_);
  return {ErrorCode::kInvalidData, std::move(message)};
}

void Mistakes::append(std::string line) {
  if (lines_.size() < kMaxLines)
    lines_.push_back(std::move(line));
  else
    ++left_out_;
}

std::string Mistakes::place(int line) const {
  return has_lines_ && line >= 0 ? fmt::format("{}:{}", source_, line + 1) : source_;
}

}  // namespace millrace::app
