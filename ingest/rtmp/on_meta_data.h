#pragma once
// Reads an encoder's onMetaData message. Any thread.
#include <optional>
#include <span>

#include "base/result.h"
#include "ingest/ingest.h"

namespace millrace::ingest {

/// `body` is AMF0: a name, then values. Nothing where it is another data message or unreadable:
/// metadata is a hint and never ends a publisher.
std::optional<Announcement> parse_on_meta_data(std::span<const std::uint8_t> body);

}  // namespace millrace::ingest
