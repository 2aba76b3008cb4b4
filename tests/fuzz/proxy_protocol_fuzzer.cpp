// Any bytes as the begin of a connection through a load balancer, in pieces: a client, none or a
// refusal, within the limit, and how the bytes are cut does not change the outcome. The same bytes
// as X-Forwarded-For: an address that can be read again, or nothing.
#include <string>
#include <string_view>

#include "base/check.h"
#include "net/forwarded_for.h"
#include "net/proxy_protocol.h"
#include "tests/fuzz/pieces.h"

namespace {

using namespace millrace::net;

class Connection {
 public:
  /// False once the header is complete or refused.
  bool take(std::span<const std::uint8_t> bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto progress = parser_.parse(text);
    CHECK(progress.used <= text.size());
    used_ += progress.used;
    CHECK(used_ <= kMaxProxyHeaderBytes);
    CHECK(!(progress.is_complete && progress.refusal));
    if (progress.refusal) {
      outcome_ = to_string(*progress.refusal);
      CHECK(!parser_.client());
      return false;
    }
    if (!progress.is_complete) {
      CHECK(progress.used == text.size() && !parser_.client());
      return true;
    }
    outcome_ = std::to_string(used_);
    if (const auto& client = parser_.client())
      outcome_ += " " + client->address().to_string() + " " + std::to_string(client->port());
    return false;
  }
  const std::string& outcome() const { return outcome_; }

 private:
  ProxyHeaderParser parser_;
  std::size_t used_ = 0;
  std::string outcome_ = "unfinished";
};

std::string forwarded(std::string text, const IpNetworks& trusted) {
  HttpRequest request;
  request.headers.emplace_back("x-forwarded-for", std::move(text));
  return forwarded_for(request, trusted);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const millrace::test::Pieces pieces({bytes, size});
  if (pieces.whole().empty()) return 0;
  Connection in_pieces, at_once;
  pieces.for_each([&](auto piece) { return in_pieces.take(piece); });
  at_once.take(pieces.whole());
  CHECK(in_pieces.outcome() == at_once.outcome());

  static const IpNetworks trusted = IpNetworks::parse({"10.0.0.0/8", "2001:db8::/32"}).value();
  const std::string text(pieces.whole().begin(), pieces.whole().end());
  const auto client = forwarded(text, trusted);
  if (!client.empty()) CHECK(forwarded(client, trusted) == client);
  CHECK(forwarded(text, {}).empty() == client.empty());
  return 0;
}
