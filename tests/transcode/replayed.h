#pragma once
// A crash report done again by `millrace-transcoder --replay`.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "transcode/transcode.h"

#include <catch2/catch.hpp>  // Last: its CHECK replaces base/check.h's.

namespace millrace::test {

/// What `transcoder`, the binary, says of it, if it ends well.
inline std::string replayed(const transcode::WorkerCrash& crash, const std::string& transcoder) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("millrace-replay-test-" + std::to_string(::getpid()) + ".crash");
  {
    std::ofstream file(path, std::ios::binary);
    for (const auto& piece : crash.input)
      file.write(reinterpret_cast<const char*>(piece.data()),
                 static_cast<std::streamsize>(piece.size()));
  }
  const std::string command = transcoder + " --replay " + path.string();
  std::FILE* const replay = ::popen(command.c_str(), "r");
  REQUIRE(replay != nullptr);
  std::string said(200, 0);
  said.resize(std::fread(said.data(), 1, said.size(), replay));
  CHECK(::pclose(replay) == 0);
  std::filesystem::remove(path);
  return said;
}

}  // namespace millrace::test
