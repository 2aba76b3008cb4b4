#pragma once
// RFC 4648 5 without padding, as JSON Web Tokens have it. Input from outside. Pure; any thread.
#include <optional>
#include <string>
#include <string_view>

namespace millrace::hls {

/// Nothing for any other character, for a length that cannot be, and for bits behind the last byte
/// that are not zero: so each text of bytes has one form.
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace millrace::hls
