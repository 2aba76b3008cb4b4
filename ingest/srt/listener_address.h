#pragma once
// An entry of srt.listen: "ADDRESS:PORT[?passphrase=…&key_length=…]". Pure; any thread.
#include <string_view>

#include "base/result.h"
#include "ingest/ingest.h"

namespace millrace::ingest {

struct SrtListenerAddress {
  std::string_view address;  ///< What stands in front of the '?'.
  SrtEncryption encryption;
};

/// Sets `passphrase` or `key_length` (or none of them: kUnsupported). The error shows no value.
Status set_encryption(SrtEncryption& encryption, std::string_view name, std::string_view value);

/// The address itself is not looked at.
Result<SrtListenerAddress> parse_srt_listener(std::string_view entry);

}  // namespace millrace::ingest
