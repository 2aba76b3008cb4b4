#include "app/yaml_document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>

#include <sstream>

namespace millrace::app {
namespace {

/// Room for 100,000 channels; the tree of a larger file would take gigabytes.
constexpr std::size_t kMaxBytes = 16 * 1024 * 1024;

/// Notes where a document begins and ignores what is in it.
class DocumentStart final : public YAML::EventHandler {
 public:
  int line() const { return line_; }

  void OnDocumentStart(const YAML::Mark& mark) override { line_ = mark.line; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  int line_ = 0;
};

/// Not by LoadAll(), which never ends where a document begins with a comma: the library finds an
/// empty document there, again and again.
std::optional<int> line_of_second_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentStart start;
  if (!parser.HandleNextDocument(start) || !parser.HandleNextDocument(start)) return std::nullopt;
  return start.line();
}

}  // namespace

std::optional<YAML::Node> parse_yaml_document(std::string_view text, const std::string& path,
                                              Mistakes& mistakes) {
  if (text.size() > kMaxBytes) {
    mistakes.add(-1, path, fmt::format("is longer than {} bytes", kMaxBytes));
    return std::nullopt;
  }
  try {
    const std::string document(text);
    if (const auto line = line_of_second_document(document)) {
      mistakes.add(*line, path, "holds a second document or something behind the first: remove it");
      return std::nullopt;
    }
    return YAML::Load(document);
  } catch (const YAML::Exception& error) {
    mistakes.add(error.mark.line, path,
                 fmt::format("is not valid YAML at column {}: check brackets, quotes and "
                             "indentation",
                             error.mark.column + 1));
  } catch (const std::exception&) {
    mistakes.add(-1, path, "cannot be read as YAML");
  }
  return std::nullopt;
}

}  // namespace millrace::app
