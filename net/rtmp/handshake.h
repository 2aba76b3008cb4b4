#pragma once
// The server's half of the RTMP handshake (RTMP 1.0, 5.2), plain or, where the client's C1 carries
// a digest as Flash players and librtmp send it, with one in the answer. Bytes in, bytes out.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace millrace::net::rtmp {

/// Fills a span with random bytes.
using RandomSource = void (*)(std::span<std::uint8_t>);
/// From OpenSSL's generator.
void fill_random(std::span<std::uint8_t> bytes);

class ServerHandshake {
 public:
  explicit ServerHandshake(RandomSource random) : random_(random) {}

  /// Takes what belongs to the handshake from the front of `input` and appends the answer to `out`.
  /// kInvalidData, kUnsupported: not a client that can be served.
  Status receive(std::span<const std::uint8_t>& input, std::vector<std::uint8_t>& out);
  bool is_done() const { return state_ == State::kDone; }

  static constexpr std::size_t kPacketSize = 1536;  ///< C1, C2, S1, S2.

 private:
  enum class State { kVersion, kFirst, kSecond, kDone };

  void answer(std::vector<std::uint8_t>& out);

  RandomSource random_;
  State state_ = State::kVersion;
  std::vector<std::uint8_t> first_;  // C1 as far as it has come.
  std::size_t second_received_ = 0;  // Bytes of C2.
};

using Digest = std::array<std::uint8_t, 32>;

/// Where a C1 or S1 has its digest: the two schemes differ in which half.
enum class DigestScheme { kFirstHalf, kSecondHalf };
/// Offset of the 32 bytes of the digest in a packet of this scheme.
std::size_t digest_offset(std::span<const std::uint8_t> packet, DigestScheme scheme);
/// The digest that `packet` must have at `offset`, under the client's or the server's key.
Digest client_digest(std::span<const std::uint8_t> packet, std::size_t offset);
Digest server_digest(std::span<const std::uint8_t> packet, std::size_t offset);
/// What S2 (1536 bytes) must end with, in answer to a C1 with this digest.
Digest response_digest(std::span<const std::uint8_t> response, const Digest& peer_digest);

}  // namespace millrace::net::rtmp
