// Any bytes as what an encoder sends, in pieces, to the server's whole side of a session: an error
// at worst, its answers can be read, and what the owner sees does not depend on the pieces.
#include <algorithm>
#include <string>
#include <vector>

#include "base/check.h"
#include "net/rtmp/amf0.h"
#include "net/rtmp/server_session.h"
#include "tests/fuzz/pieces.h"

namespace {

using namespace millrace::net::rtmp;

using ByteVector = std::vector<std::uint8_t>;

void fill_zero(std::span<std::uint8_t> bytes) {
  std::fill(bytes.begin(), bytes.end(), std::uint8_t{0});
}

// An input of a fuzzer's size does not get through a handshake, so that most bring none.
enum class Handshake { kPlain, kDigest, kOfInput };

ByteVector client_handshake(Handshake kind) {
  ByteVector bytes(1 + 2 * ServerHandshake::kPacketSize, 0);
  bytes[0] = 3;
  if (kind == Handshake::kDigest) {
    const std::span first(bytes.data() + 1, ServerHandshake::kPacketSize);
    first[4] = 9;  // A version that is not zero: a digest comes with it.
    const auto offset = digest_offset(first, DigestScheme::kFirstHalf);
    const auto digest = client_digest(first, offset);
    std::copy(digest.begin(), digest.end(), first.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  return bytes;
}

/// Admits every publish, at once or, where the name says 'l', later; refuses one that says 'r'.
/// Media that begins with 0xEE cannot be taken.
struct Owner final : SessionEvents {
  ServerSession session{{.max_message_bytes = 20'000, .random = fill_zero}, *this};
  std::string log;
  std::vector<MediaMessage> media;
  ByteVector sent;
  bool is_admission_due = false;
  bool is_good = true;

  /// False when the connection is at its end.
  bool take(std::span<const std::uint8_t> bytes) {
    is_good = session.receive(bytes, {}).has_value();
    while (is_good && is_admission_due) {
      is_admission_due = false;
      is_good = session.accept_publish().has_value();
    }
    CHECK(!is_good || session.state() != ServerSession::State::kAwaitingAdmission);
    collect_answers();
    return is_good && session.state() != ServerSession::State::kEnded;
  }

  void collect_answers() {
    sent.insert(sent.end(), session.output().begin(), session.output().end());
    session.output().clear();
  }

  void on_publish(const PublishCommand& command) override {
    CHECK(session.state() == ServerSession::State::kAwaitingAdmission);
    CHECK(!command.name.empty());
    log += "publish " + command.application + "/" + command.name + " " + command.encoder + "\n";
    if (command.name.starts_with('r')) {
      session.refuse_publish("NetStream.Publish.Denied", "Invalid stream key.");
    } else if (command.name.starts_with('l')) {
      is_admission_due = true;
    } else {
      CHECK(session.accept_publish().has_value());  // Nothing is held that could be wrong.
    }
  }
  millrace::Status on_media(MediaMessage message) override {
    CHECK(session.state() == ServerSession::State::kPublishing);
    CHECK(!message.payload.empty());
    log += "media\n";
    media.push_back(std::move(message));
    if (media.back().payload[0] == 0xEE)
      return millrace::Error{millrace::ErrorCode::kUnsupported, "this cannot be taken"};
    return millrace::ok();
  }
  void on_unpublish() override { log += "unpublish\n"; }
};

void check_answers(std::span<const std::uint8_t> sent) {
  constexpr std::size_t kHandshakeSize = 1 + 2 * ServerHandshake::kPacketSize;
  if (sent.empty()) return;
  CHECK(sent.size() >= kHandshakeSize);
  auto rest = sent.subspan(kHandshakeSize);
  ChunkReader reader({});
  while (!rest.empty()) {
    const auto message = reader.next(rest);
    CHECK(message.has_value() && message.value());
    if (message.value()->type != MessageType::kCommandAmf0) continue;
    Amf0Reader values(message.value()->payload.span());
    while (!values.at_end()) CHECK(values.read().has_value());
  }
  CHECK(!reader.is_mid_message());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const auto handshake = static_cast<Handshake>(bytes[0] % 3);
  const millrace::test::Pieces pieces({bytes + 1, size - 1});
  Owner in_pieces, at_once;
  if (handshake != Handshake::kOfInput) {
    static const ByteVector kPlain = client_handshake(Handshake::kPlain);
    static const ByteVector kDigest = client_handshake(Handshake::kDigest);
    const auto& begin = handshake == Handshake::kPlain ? kPlain : kDigest;
    CHECK(in_pieces.take(begin));
    CHECK(at_once.take(begin));
  }
  pieces.for_each([&](auto piece) { return in_pieces.take(piece); });
  if (!pieces.whole().empty()) at_once.take(pieces.whole());

  CHECK(in_pieces.is_good == at_once.is_good);
  CHECK(in_pieces.log == at_once.log);
  for (std::size_t i = 0; i < at_once.media.size(); ++i) {
    const auto &one = in_pieces.media[i], &other = at_once.media[i];
    CHECK(one.type == other.type && one.timestamp == other.timestamp);
    CHECK(one.payload == other.payload);
  }
  for (Owner* owner : {&in_pieces, &at_once}) {
    owner->session.end("NetStream.Publish.Denied", "taken over");
    owner->collect_answers();
    check_answers(owner->sent);
  }
  return 0;
}
