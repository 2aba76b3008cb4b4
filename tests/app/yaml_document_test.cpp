#include "app/yaml_document.h"

#include <catch2/catch.hpp>

using namespace millrace::app;

namespace {

std::string mistakes_in(std::string_view text) {
  Mistakes mistakes;
  mistakes.set_source("c", true);
  const auto document = parse_yaml_document(text, "", mistakes);
  CHECK(document.has_value() == mistakes.empty());
  return mistakes.error().message;
}

}  // namespace

TEST_CASE("one document is read, an empty text as null", "[config]") {
  Mistakes mistakes;
  CHECK(parse_yaml_document("a: 1", "", mistakes)->IsMap());
  CHECK(parse_yaml_document("---\na: 1\n...\n", "", mistakes)->IsMap());
  CHECK(parse_yaml_document("[a, b]", "", mistakes)->size() == 2);
  CHECK(parse_yaml_document("", "", mistakes)->IsNull());
  CHECK(parse_yaml_document("# nothing\n", "", mistakes)->IsNull());
  CHECK(mistakes.empty());
}

TEST_CASE("text that is not YAML is a mistake with a line and without the text", "[config]") {
  const std::string message = mistakes_in("log: {level: info}\nchannels: {shop: {keys: [s3cret}\n");
  CHECK(message.starts_with("c:2: is not valid YAML at column "));
  CHECK(message.find("s3cret") == std::string::npos);
  const std::string anchor = mistakes_in("channels: {shop: {keys: [*s3cret]}}");
  CHECK(anchor.starts_with("c:1: is not valid YAML"));
  CHECK(anchor.find("s3cret") == std::string::npos);
}

TEST_CASE("a second document is a mistake at its line", "[config]") {
  CHECK(mistakes_in("a: 1\n---\nb: 2\n").starts_with("c:2: holds a second document"));
}

TEST_CASE("text on which the library would not end is refused", "[config]") {
  CHECK(mistakes_in(",").find("holds a second document") != std::string::npos);
  CHECK(mistakes_in(",key: x").find("holds a second document") != std::string::npos);
}

TEST_CASE("text that is too deep or too long is a mistake", "[config]") {
  CHECK_FALSE(mistakes_in(std::string(100'000, '[')).empty());
  CHECK(mistakes_in(std::string(17 * 1024 * 1024, '#')) == "c: is longer than 16777216 bytes");
}
