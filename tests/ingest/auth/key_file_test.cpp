#include "ingest/auth/key_file.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace millrace;
using namespace millrace::ingest;

namespace {

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-keys-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file() const { return (path / "keys").string(); }
  void write(const std::string& text) const { std::ofstream(file()) << text; }
  std::filesystem::path path;
};

}  // namespace

TEST_CASE("a key file has a line for each key, with its channels and limits", "[auth]") {
  const auto entries = parse_key_file(
      "# agencies\n"
      "s3cret shop outlet\n"
      "\n"
      "   \t\r\n"
      "0ther=1\tfarm  bitrate=6M session=2h \r\n"
      "last shop passphrase=correct-horse key_length=32");
  REQUIRE(entries.has_value());
  REQUIRE(entries.value().size() == 3);
  CHECK(entries.value()[0].key == "s3cret");
  CHECK(entries.value()[0].channels == std::vector<std::string>{"shop", "outlet"});
  CHECK(entries.value()[0].limits == PublishLimits{});
  CHECK(entries.value()[1].key == "0ther=1");
  CHECK(entries.value()[1].limits.bits_per_second == 6'000'000);
  CHECK(entries.value()[1].limits.session == std::chrono::hours(2));
  CHECK(entries.value()[2].key == "last");
  CHECK(entries.value()[2].srt == SrtEncryption{"correct-horse", 32});
  CHECK(parse_key_file("").value().empty());
}

TEST_CASE("a wrong line of a key file is named without its key", "[auth]") {
  const std::pair<const char*, const char*> cases[] = {
      {"a shop\ns3cret\n", "line 2: the key has no channel"},
      {"\n\ns3cret Shop\n", "line 3: what follows a key"},
      {"s3cret shop bitrate=fast", "line 1: bitrate is not a whole number"},
      {"s3cret shop colour=red", "line 1: it is none of"},
      {"s3cret shop passphrase=short", "line 1: a passphrase is 10 to 79"},
      {"s3?cret shop", "line 1: a key has no '?'"},
      {"sha256:s3cret shop", "line 1: a hashed key is"}};
  for (const auto& [text, message] : cases) {
    const auto entries = parse_key_file(text);
    REQUIRE_FALSE(entries.has_value());
    CHECK(entries.error().message.starts_with(message));
    CHECK(entries.error().message.find("s3") == std::string::npos);
  }
}

TEST_CASE("a key file is read when it has changed and not again", "[auth]") {
  const Folder folder;
  folder.write("a shop\n");
  KeyFile file(folder.file());
  auto read = file.read_if_changed();
  REQUIRE(read.has_value());
  CHECK(read->value().size() == 1);
  CHECK_FALSE(file.read_if_changed().has_value());
  folder.write("a shop\nb farm\n");
  read = file.read_if_changed();
  REQUIRE(read.has_value());
  CHECK(read->value().size() == 2);
  CHECK_FALSE(file.read_if_changed().has_value());
}

TEST_CASE("a key file that goes is told once, and read when it is back", "[auth]") {
  const Folder folder;
  KeyFile file(folder.file());
  auto read = file.read_if_changed();
  REQUIRE(read.has_value());
  REQUIRE_FALSE(read->has_value());
  CHECK(read->error().code == ErrorCode::kSystem);
  CHECK(read->error().message.find("auth.key_file: " + folder.file()) == 0);
  CHECK_FALSE(file.read_if_changed().has_value());
  folder.write("a shop\n");
  CHECK(file.read_if_changed()->has_value());
  std::filesystem::remove(folder.file());
  CHECK_FALSE(file.read_if_changed()->has_value());
  CHECK_FALSE(file.read_if_changed().has_value());
}

TEST_CASE("a folder is no key file", "[auth]") {
  const Folder folder;
  KeyFile file(folder.path.string());
  const auto read = file.read_if_changed();
  REQUIRE(read.has_value());
  CHECK_FALSE(read->has_value());
}
