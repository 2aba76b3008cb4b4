#include "net/rtmp/handshake.h"

#include <algorithm>
#include <catch2/catch.hpp>

using millrace::ErrorCode;
using namespace millrace::net::rtmp;

namespace {

using ByteVector = std::vector<std::uint8_t>;
constexpr auto kSize = ServerHandshake::kPacketSize;

void count_up(std::span<std::uint8_t> bytes) {
  std::uint8_t next = 1;
  for (auto& byte : bytes) byte = next++;
}

ByteVector plain_first() {
  ByteVector packet(kSize);
  for (std::size_t i = 8; i < kSize; ++i) packet[i] = static_cast<std::uint8_t>(i * 31);
  return packet;
}

// A C1 with a digest, as Flash players send it.
ByteVector signed_first(DigestScheme scheme) {
  auto packet = plain_first();
  packet[4] = 9;
  const auto offset = digest_offset(packet, scheme);
  const auto digest = client_digest(packet, offset);
  std::copy(digest.begin(), digest.end(), packet.begin() + static_cast<int>(offset));
  return packet;
}

// The answer to C0 and C1.
ByteVector answer_to(const ByteVector& first) {
  ServerHandshake handshake(count_up);
  ByteVector input{3};
  input.insert(input.end(), first.begin(), first.end());
  std::span<const std::uint8_t> rest(input);
  ByteVector out;
  REQUIRE(handshake.receive(rest, out).has_value());
  CHECK(rest.empty());
  CHECK_FALSE(handshake.is_done());
  REQUIRE(out.size() == 1 + 2 * kSize);
  CHECK(out[0] == 3);
  return out;
}

}  // namespace

TEST_CASE("a plain C1 is echoed in S2", "[rtmp]") {
  const auto first = plain_first();
  const auto answer = answer_to(first);
  CHECK(std::equal(first.begin(), first.end(), answer.begin() + 1 + kSize));
  CHECK(std::all_of(answer.begin() + 1, answer.begin() + 9, [](auto byte) { return byte == 0; }));
}

TEST_CASE("a C1 with a digest gets one in S1 and a signature in S2", "[rtmp]") {
  const auto scheme = GENERATE(DigestScheme::kFirstHalf, DigestScheme::kSecondHalf);
  const auto first = signed_first(scheme);
  const auto answer = answer_to(first);

  const std::span s1(answer.data() + 1, kSize);
  const auto offset = digest_offset(s1, scheme);
  const auto digest = server_digest(s1, offset);
  CHECK(std::equal(digest.begin(), digest.end(), s1.begin() + static_cast<int>(offset)));
  CHECK(s1[4] >= 3);

  const std::span s2(answer.data() + 1 + kSize, kSize);
  const auto client = client_digest(first, digest_offset(first, scheme));
  const auto response = response_digest(s2, client);
  CHECK(std::equal(response.begin(), response.end(), s2.end() - 32));
}

TEST_CASE("a C1 whose digest is wrong is taken for a plain one", "[rtmp]") {
  auto first = signed_first(DigestScheme::kFirstHalf);
  first[1000] ^= 1;
  const auto answer = answer_to(first);
  CHECK(std::equal(first.begin(), first.end(), answer.begin() + 1 + kSize));
}

TEST_CASE("the handshake takes its bytes one by one and leaves what follows", "[rtmp]") {
  ByteVector input{3};
  input.resize(1 + 2 * kSize);
  input.push_back(42);
  ServerHandshake handshake(count_up);
  ByteVector out;
  for (std::size_t i = 0; i < input.size(); ++i) {
    CHECK(handshake.is_done() == (i == input.size() - 1));
    std::span<const std::uint8_t> one(input.data() + i, 1);
    REQUIRE(handshake.receive(one, out).has_value());
    CHECK(one.size() == (i == input.size() - 1 ? 1U : 0U));
  }
  CHECK(out.size() == 1 + 2 * kSize);
}

TEST_CASE("a first byte that is not RTMP's is refused without an answer", "[rtmp]") {
  const auto [first, code] = GENERATE(std::pair{std::uint8_t{'G'}, ErrorCode::kInvalidData},
                                      std::pair{std::uint8_t{0x16}, ErrorCode::kInvalidData},
                                      std::pair{std::uint8_t{6}, ErrorCode::kUnsupported});
  ServerHandshake handshake(count_up);
  ByteVector out;
  std::span<const std::uint8_t> input(&first, 1);
  const auto status = handshake.receive(input, out);
  REQUIRE_FALSE(status.has_value());
  CHECK(status.error().code == code);
  CHECK(out.empty());
}

TEST_CASE("random bytes differ from one call to the next", "[rtmp]") {
  std::array<std::uint8_t, 32> first{};
  std::array<std::uint8_t, 32> second{};
  fill_random(first);
  fill_random(second);
  CHECK(first != second);
}
