// Any bytes as what an HTTP client sends, in pieces: a refusal at worst, within the limits, and how
// the bytes are cut does not change the outcome.
#include <string>
#include <string_view>

#include "base/check.h"
#include "net/http_request_parser.h"
#include "tests/fuzz/pieces.h"

namespace {

using namespace millrace::net;

// So small that an input can reach them.
constexpr HttpRequestLimits kLimits{.max_header_bytes = 400, .max_body_bytes = 200};

/// A connection: what has not been used is shown again with what comes behind it.
class Client {
 public:
  /// False after a refusal.
  bool take(std::span<const std::uint8_t> bytes) {
    pending_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (!pending_.empty()) {
      const auto progress = parser_.parse(pending_);
      CHECK(progress.used <= pending_.size());
      CHECK(progress.refusal == 0 || !progress.is_complete);
      pending_.erase(0, progress.used);
      if (progress.refusal != 0) {
        outcome_ += std::to_string(progress.refusal);
        is_refused_ = true;
        return false;
      }
      if (!progress.is_complete) break;
      CHECK(!parser_.take_expectation());
      describe(parser_.take());
    }
    CHECK(pending_.size() < kLimits.max_header_bytes);
    // Whether it is told to go on depends on the pieces; not that it is told once.
    if (parser_.take_expectation()) CHECK(!parser_.take_expectation());
    return true;
  }

  /// A line for each request, then the refusal or what is left.
  std::string outcome() const {
    if (is_refused_) return outcome_;
    return outcome_ + (parser_.is_inside_request() ? "unfinished " : "") + pending_;
  }

 private:
  void describe(const ParsedHttpRequest& parsed) {
    const auto& request = parsed.request;
    CHECK(request.path.starts_with('/') || request.path == "*");
    CHECK(request.path.find_first_of("? \r\n") == std::string::npos);
    outcome_ += std::to_string(static_cast<int>(request.method)) + request.path + "?" +
                request.query + (parsed.is_http_1_0 ? " 1.0" : "") +
                (parsed.keeps_alive ? " kept" : "");
    std::size_t bytes = 0;
    for (const auto& [name, value] : request.headers) {
      CHECK((name + value).find_first_of("\r\n") == std::string::npos);
      CHECK(request.header(name).data() != nullptr);
      bytes += name.size() + value.size();
      outcome_ += "|" + name + "=" + value;
    }
    CHECK(bytes <= kLimits.max_header_bytes);
    outcome_ += "\n";
  }

  HttpRequestParser parser_{kLimits};
  std::string pending_;
  std::string outcome_;
  bool is_refused_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const millrace::test::Pieces pieces({bytes, size});
  Client in_pieces, at_once;
  pieces.for_each([&](auto piece) { return in_pieces.take(piece); });
  at_once.take(pieces.whole());
  CHECK(in_pieces.outcome() == at_once.outcome());
  return 0;
}
