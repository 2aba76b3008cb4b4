#pragma once
// What the process writes to standard error while the object lives, kept from the terminal.
#include <unistd.h>

#include <cstdio>
#include <string>

namespace millrace::test {

class CapturedErrors {
 public:
  CapturedErrors() : file_(std::tmpfile()), before_(::dup(STDERR_FILENO)) {
    std::fflush(stderr);
    ::dup2(::fileno(file_), STDERR_FILENO);
  }
  ~CapturedErrors() {
    std::fflush(stderr);
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
    std::fclose(file_);
  }
  CapturedErrors(const CapturedErrors&) = delete;
  CapturedErrors& operator=(const CapturedErrors&) = delete;

  std::string text() const {
    std::fflush(stderr);
    std::string text(1 << 16, '\0');
    const auto size = ::pread(::fileno(file_), text.data(), text.size(), 0);
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
  }

 private:
  std::FILE* file_;
  int before_;
};

}  // namespace millrace::test
