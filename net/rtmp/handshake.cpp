#include "net/rtmp/handshake.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/check.h"

namespace millrace::net::rtmp {
namespace {

constexpr std::uint8_t kVersionPlain = 3;
constexpr std::size_t kDigestSize = 32;

// The digest handshake is not in Adobe's document; the keys are what every client and server that
// speaks it has. The text signs a C1 or S1, text and tail together sign a C2 or S2.
constexpr std::string_view kClientText = "Genuine Adobe Flash Player 001";
constexpr std::string_view kServerText = "Genuine Adobe Flash Media Server 001";
constexpr std::array<std::uint8_t, 32> kKeyTail = {
    0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68, 0xBE, 0xE8, 0x2E, 0x00, 0xD0, 0xD1, 0x02, 0x9E, 0x7E, 0x57,
    0x6E, 0xEC, 0x5D, 0x2D, 0x29, 0x80, 0x6F, 0xAB, 0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB, 0x31, 0xAE};

Digest hmac(std::span<const std::uint8_t> key, std::span<const std::uint8_t> content) {
  Digest digest;
  unsigned int size = kDigestSize;
  const auto* result = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), content.data(),
                            content.size(), digest.data(), &size);
  CHECK(result != nullptr && size == kDigestSize);
  return digest;
}

std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Over the packet without the digest's own 32 bytes.
Digest packet_digest(std::string_view key, std::span<const std::uint8_t> packet,
                     std::size_t offset) {
  std::array<std::uint8_t, ServerHandshake::kPacketSize - kDigestSize> rest;
  CHECK(packet.size() == ServerHandshake::kPacketSize && offset <= rest.size());
  std::memcpy(rest.data(), packet.data(), offset);
  std::memcpy(rest.data() + offset, packet.data() + offset + kDigestSize, rest.size() - offset);
  return hmac(as_bytes(key), rest);
}

struct FoundDigest {
  DigestScheme scheme;
  Digest digest;
};

std::optional<FoundDigest> find_client_digest(std::span<const std::uint8_t> packet) {
  // A version of zero is the plain handshake's (5.2.3).
  if (std::all_of(packet.begin() + 4, packet.begin() + 8, [](auto byte) { return byte == 0; }))
    return std::nullopt;
  for (const auto scheme : {DigestScheme::kFirstHalf, DigestScheme::kSecondHalf}) {
    const auto offset = digest_offset(packet, scheme);
    const auto expected = client_digest(packet, offset);
    if (std::memcmp(expected.data(), packet.data() + offset, kDigestSize) == 0)
      return FoundDigest{scheme, expected};
  }
  return std::nullopt;
}

}  // namespace

void fill_random(std::span<std::uint8_t> bytes) {
  CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
}

std::size_t digest_offset(std::span<const std::uint8_t> packet, DigestScheme scheme) {
  // Each half has four bytes whose sum says where in the 728 positions behind them the digest is.
  const std::size_t base = scheme == DigestScheme::kFirstHalf ? 8 : 772;
  std::size_t sum = 0;
  for (std::size_t i = 0; i < 4; ++i) sum += packet[base + i];
  return base + 4 + sum % 728;
}

Digest client_digest(std::span<const std::uint8_t> packet, std::size_t offset) {
  return packet_digest(kClientText, packet, offset);
}

Digest server_digest(std::span<const std::uint8_t> packet, std::size_t offset) {
  return packet_digest(kServerText, packet, offset);
}

Digest response_digest(std::span<const std::uint8_t> response, const Digest& peer_digest) {
  std::vector<std::uint8_t> key(kServerText.begin(), kServerText.end());
  key.insert(key.end(), kKeyTail.begin(), kKeyTail.end());
  return hmac(hmac(key, peer_digest), response.first(response.size() - kDigestSize));
}

Status ServerHandshake::receive(std::span<const std::uint8_t>& input,
                                std::vector<std::uint8_t>& out) {
  if (state_ == State::kVersion && !input.empty()) {
    const auto version = input.front();
    input = input.subspan(1);
    if (version == 6 || version == 8)
      return Error{ErrorCode::kUnsupported, "handshake: RTMPE is not served"};
    if (version != kVersionPlain)
      return Error{ErrorCode::kInvalidData, "handshake: the first byte is not RTMP's version"};
    first_.reserve(kPacketSize);
    state_ = State::kFirst;
  }
  if (state_ == State::kFirst) {
    const auto count = std::min(kPacketSize - first_.size(), input.size());
    first_.insert(first_.end(), input.begin(), input.begin() + static_cast<std::ptrdiff_t>(count));
    input = input.subspan(count);
    if (first_.size() < kPacketSize) return ok();
    answer(out);
    first_ = {};
    state_ = State::kSecond;
  }
  if (state_ == State::kSecond) {
    // C2 should echo S1; many encoders send something else, and nobody checks.
    const auto count = std::min(kPacketSize - second_received_, input.size());
    second_received_ += count;
    input = input.subspan(count);
    if (second_received_ == kPacketSize) state_ = State::kDone;
  }
  return ok();
}

void ServerHandshake::answer(std::vector<std::uint8_t>& out) {
  out.push_back(kVersionPlain);
  const auto begin = out.size();
  out.resize(begin + 2 * kPacketSize);
  const std::span first(out.data() + begin, kPacketSize);
  const std::span second(out.data() + begin + kPacketSize, kPacketSize);
  random_(first.subspan(8));
  std::fill_n(first.begin(), 8, std::uint8_t{0});

  const auto found = find_client_digest(first_);
  if (!found) {
    std::copy(first_.begin(), first_.end(), second.begin());  // 5.2.4: S2 echoes C1.
    return;
  }
  constexpr std::array<std::uint8_t, 4> kServerVersion = {3, 5, 1, 1};  // 3 or more: has a digest.
  std::copy(kServerVersion.begin(), kServerVersion.end(), first.begin() + 4);
  const auto offset = digest_offset(first, found->scheme);
  const auto digest = server_digest(first, offset);
  std::copy(digest.begin(), digest.end(), first.begin() + static_cast<std::ptrdiff_t>(offset));
  random_(second);
  const auto response = response_digest(second, found->digest);
  std::copy(response.begin(), response.end(), second.end() - kDigestSize);
}

}  // namespace millrace::net::rtmp
