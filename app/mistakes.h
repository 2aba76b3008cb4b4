#pragma once
// Collects what is wrong with a configuration, each with the place where it was written. One
// thread.
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"

namespace millrace::app {

class Mistakes {
 public:
  /// Where the next keys come from: "config.yaml", or "--set" (whose lines mean nothing).
  void set_source(std::string name, bool has_lines);
  /// `path` was written on this line (from 0, YAML's count). The last one wins.
  void note(const std::string& path, int line);
  /// One that is known at its line.
  void add(int line, std::string_view path, std::string_view what);
  /// One found afterwards: at the place where the first of `paths` that was written is. Left out
  /// where one of `paths` has a mistake of its own, of which it may be a mere consequence.
  void add(const std::vector<std::string>& paths, std::string_view what);

  bool empty() const { return lines_.empty(); }
  /// A line per mistake in the order found; past 100 only how many more.
  Error error() const;

 private:
  void append(std::string line);
  std::string place(int line) const;

  std::string source_;
  bool has_lines_ = false;
  std::unordered_map<std::string, std::string> places_;
  std::unordered_set<std::string> wrong_paths_;
  std::vector<std::string> lines_;
  std::size_t left_out_ = 0;
};

}  // namespace millrace::app
