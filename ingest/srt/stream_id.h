#pragma once
// What an SRT caller's stream id asks for. Pure, any thread.
#include <string>
#include <string_view>

#include "net/srt/server.h"

namespace millrace::ingest {

struct StreamId {
  std::string key;   ///< As PublishRequest::key: a secret.
  std::string user;  ///< `u` of the access-control form; may be empty.
};

struct StreamIdError {
  net::srt::Refusal refusal = net::srt::Refusal::kBadRequest;
  std::string message;  ///< Without the key.
};

/// KEY, `publish:KEY`, `live/KEY`, or `#!::r=KEY,m=publish,u=…` in any order; also percent-encoded,
/// as some encoders send what stood in their URL. KEY may be CHANNEL?key=…, which is
/// `#!::r=CHANNEL,key=…` as well. The mode may be missing. Returns false and fills `error` where it
/// is none of that.
bool parse_stream_id(std::string_view text, StreamId& id, StreamIdError& error);

}  // namespace millrace::ingest
