#include "net/tls_relay.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <vector>

namespace millrace::net {
namespace {

using Outcome = TlsStream::Outcome;
using std::chrono::steady_clock;

constexpr std::size_t kBufferBytes = 64 * 1024;

/// Bytes of one direction, on their way.
struct Passage {
  std::vector<std::uint8_t> buffer = std::vector<std::uint8_t>(kBufferBytes);
  std::span<const std::uint8_t> waiting = {};

  void filled(std::size_t count) { waiting = std::span(buffer).first(count); }
};

/// What a socket is waited for.
struct Interest {
  short tls = 0;
  short plain = 0;
  void in_tls(short event) { tls = static_cast<short>(tls | event); }
  void in_plain(short event) { plain = static_cast<short>(plain | event); }
};

short event_of(Outcome outcome) {
  return outcome == Outcome::kWantsWrite ? POLLOUT : POLLIN;
}

Error lost(const TlsStream& tls) {
  return Error{ErrorCode::kClosed, tls.failure().message};
}

/// Whether there was something to wait for; it is looked at again in any case.
bool wait(int descriptor, short events, std::chrono::milliseconds patience) {
  pollfd socket{.fd = descriptor, .events = events, .revents = 0};
  return ::poll(&socket, 1, static_cast<int>(patience.count())) != 0;
}

/// What the plain side does not take any more is dropped: it is about to end. False: no room.
bool write_plain(int plain, Passage& inwards) {
  while (!inwards.waiting.empty()) {
    const ssize_t sent =
        ::send(plain, inwards.waiting.data(), inwards.waiting.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return false;
    inwards.waiting = sent < 0 ? std::span<const std::uint8_t>()
                               : inwards.waiting.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

/// Until a socket has to be waited for, or the peer has said its end.
Status pass_inwards(TlsStream& tls, int plain, Passage& inwards, Interest& interest) {
  for (;;) {
    if (!write_plain(plain, inwards)) {
      interest.in_plain(POLLOUT);
      return ok();
    }
    const auto read = tls.read(inwards.buffer);
    switch (read.outcome) {
      case Outcome::kDone:
        inwards.filled(read.count);
        break;
      case Outcome::kClosed:
        ::shutdown(plain, SHUT_WR);
        return ok();
      case Outcome::kFailed:
        return lost(tls);
      default:
        interest.in_tls(event_of(read.outcome));
        return ok();
    }
  }
}

/// Until a socket has to be waited for. True: the plain side has ended, and all is sent.
Result<bool> pass_outwards(TlsStream& tls, int plain, Passage& outwards, Interest& interest) {
  for (;;) {
    while (!outwards.waiting.empty()) {
      const auto written = tls.write(outwards.waiting);
      if (written.outcome == Outcome::kFailed) return lost(tls);
      if (written.outcome != Outcome::kDone) {
        interest.in_tls(event_of(written.outcome));
        return false;
      }
      outwards.waiting = outwards.waiting.subspan(written.count);
    }
    const ssize_t count =
        ::recv(plain, outwards.buffer.data(), outwards.buffer.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      interest.in_plain(POLLIN);
      return false;
    }
    if (count <= 0) return true;
    outwards.filled(static_cast<std::size_t>(count));
  }
}

}  // namespace

Status shake_hands(TlsStream& tls, int descriptor, std::chrono::milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  for (;;) {
    const Outcome outcome = tls.handshake();
    if (outcome == Outcome::kDone) return ok();
    if (outcome == Outcome::kFailed || outcome == Outcome::kClosed) return lost(tls);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
    if (left.count() <= 0 || !wait(descriptor, event_of(outcome), left))
      return Error{ErrorCode::kTimedOut, "tls: the handshake took too long"};
  }
}

Status relay(TlsStream& tls, int descriptor, int plain) {
  Passage inwards, outwards;
  for (;;) {
    Interest interest;
    RETURN_IF_ERROR(pass_inwards(tls, plain, inwards, interest));
    ASSIGN_OR_RETURN(const bool has_ended, pass_outwards(tls, plain, outwards, interest));
    if (has_ended) return ok();
    // A peer that has gone is noticed while the plain side stands, too; close_notify alone leaves
    // its socket open.
    std::array<pollfd, 2> sockets{
        pollfd{
            .fd = descriptor, .events = static_cast<short>(interest.tls | POLLRDHUP), .revents = 0},
        pollfd{.fd = interest.plain != 0 ? plain : -1, .events = interest.plain, .revents = 0}};
    ::poll(sockets.data(), sockets.size(), -1);
    if ((sockets[0].revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0)
      return Error{ErrorCode::kClosed, "the peer has gone"};
  }
}

void say_goodbye(TlsStream& tls, int descriptor, std::chrono::milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  const auto left = [deadline] {
    return std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
  };
  while (!tls.say_end())
    if (left().count() <= 0 || !wait(descriptor, POLLOUT, left())) return;
  ::shutdown(descriptor, SHUT_WR);
  std::vector<std::uint8_t> dropped(kBufferBytes);
  for (;;) {
    const auto read = tls.read(dropped);
    if (read.outcome == Outcome::kClosed || read.outcome == Outcome::kFailed) return;
    if (left().count() <= 0) return;
    if (read.outcome != Outcome::kDone && !wait(descriptor, event_of(read.outcome), left())) return;
  }
}

}  // namespace millrace::net
