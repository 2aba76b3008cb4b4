#pragma once
// SHA-256 and what is made of it. Pure, any thread.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::net {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(std::string_view bytes);
/// RFC 2104.
Sha256 hmac_sha256(std::string_view key, std::string_view message);

/// Takes the same time wherever the two differ.
bool is_same_digest(const Sha256& a, const Sha256& b);

/// Lower case.
std::string to_hex(const Sha256& digest);
/// 64 hexadecimal digits of either case; nothing else.
std::optional<Sha256> sha256_from_hex(std::string_view hex);

/// From the system's source for secrets, as lower-case hexadecimal digits.
std::string random_hex(std::size_t bytes);

}  // namespace millrace::net
