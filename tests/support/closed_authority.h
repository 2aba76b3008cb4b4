#pragma once
// For tests of channels whose publishers come in by other ways.
#include "ingest/ingest.h"

namespace millrace::test {

struct ClosedAuthority final : ingest::Authority {
  void authorize(const ingest::PublishRequest&,
                 std::function<void(Result<ingest::Grant>)> reply) override {
    reply(Error{ErrorCode::kDenied, "nobody is let in"});
  }
};

}  // namespace millrace::test
