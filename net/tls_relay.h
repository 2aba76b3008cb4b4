#pragma once
// For a process that serves one TLS connection: what it says goes to a plain socket, and what comes
// there goes out. Waits; not for an event loop. Both sockets are the caller's, and non-blocking.
#include <chrono>

#include "base/result.h"
#include "net/tls_stream.h"

namespace millrace::net {

/// kTimedOut: not within `patience`.
Status shake_hands(TlsStream& tls, int descriptor, std::chrono::milliseconds patience);

/// Until the plain side has ended and all of it is sent; an error where the TLS connection is lost
/// before. The peer's close_notify is the end of what the plain side reads. Of either direction
/// 64 KiB are held: a side that is not taken from is not read further.
Status relay(TlsStream& tls, int descriptor, int plain);

/// Says that nothing follows, and drops what still comes until the peer goes or `patience` is over:
/// closed with unread bytes, a socket would take the last words back.
void say_goodbye(TlsStream& tls, int descriptor, std::chrono::milliseconds patience);

}  // namespace millrace::net
