"""Many clients that take their time on purpose (slow loris): each is closed at its deadline and counted,
and a viewer beside them does not notice."""
import collections
import socket
import struct
import time

import http2
import publishers
from certificates import Certificates
from harness import Failure, expect, test, wait_for
from viewer import Viewer

CONNECTIONS = 50  # Of each kind.
EMPTY_SETTINGS = http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0)
NO_WINDOW = http2.PREFACE + http2.frame(http2.SETTINGS, 0, 0, struct.pack(">HI", 4, 0))
GET = b"\x82\x86\x84\x41\x01x"  # GET http://x/
CONTINUATION = 9


def by_the_byte(data):
    """One at a time; the last one for ever."""
    for byte in data:
        yield bytes([byte])
    while True:
        yield data[-1:]


def again(data):
    while True:
        yield data


def promised(kind, flags):
    """What a frame of stream 1 begins with that has 8000 bytes to come."""
    return struct.pack(">I", 8000)[1:] + bytes([kind, flags]) + struct.pack(">I", 1)


# What opens a connection, what follows five times a second and how, and the reason it is closed for. A
# stream that is given up leaves its connection idle: frames alone do not keep one.
KINDS = {
    "header by the byte": (b"GET / HTTP/1.1\r\n", by_the_byte, b"Host: x\r\nX: y",
                           "header_timeout"),
    "body by the byte": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
                         by_the_byte, b"body", "header_timeout"),
    "half a preface": (b"", by_the_byte, http2.PREFACE[:20], "header_timeout"),
    "nothing at all": (b"", None, None, "idle"),
    "half a handshake": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", by_the_byte, b"x", "tls"),
    "HEADERS by the byte": (EMPTY_SETTINGS + promised(http2.HEADERS, 5) + GET, by_the_byte, b"\x82", "idle"),
    "CONTINUATION by the byte": (
        EMPTY_SETTINGS + http2.frame(http2.HEADERS, 1, 1, GET) + promised(CONTINUATION, 4), by_the_byte,
        b"\x82", "idle"),
    "DATA by the byte": (EMPTY_SETTINGS + http2.frame(http2.HEADERS, 4, 1, b"\x83" + GET[1:]), again,
                         http2.frame(http2.DATA, 0, 1, b"x"), "idle"),
    "PING and nothing else": (EMPTY_SETTINGS, again, http2.frame(http2.PING, 0, 0, bytes(8)),
                              "idle"),
    "no room for the answer": (NO_WINDOW + http2.frame(http2.HEADERS, 5, 1, GET), None, None,
                               "idle"),
}


class Slow:
    """A connection of some kind. `ended_at`: when the server had closed it."""

    def __init__(self, server, kind):
        opening, how, data, self.reason = KINDS[kind]
        self.rest = how and how(data)
        self.kind, self.began, self.ended_at = kind, time.monotonic(), None
        port = server.https_port if self.reason == "tls" else server.http_port
        self.socket = socket.create_connection(("127.0.0.1", port), 5)
        self.socket.setblocking(False)
        if opening:
            self.socket.send(opening)

    def go_on(self):
        try:
            while piece := self.socket.recv(65536):
                pass
            self.ended_at = time.monotonic() if piece == b"" else None
        except BlockingIOError:
            if self.rest:
                self._send(next(self.rest))
        except ConnectionError:
            self.ended_at = time.monotonic()

    def _send(self, data):
        try:
            self.socket.send(data)
        except (BlockingIOError, ConnectionError):
            pass  # The next read tells.


def closed(server):
    """Reason to how many connections were closed for it."""
    return collections.Counter({dict(labels)["why"]: value for (name, labels), value
                                in server.metrics().items()
                                if name == "millrace_http_clients_closed_total"})


@test(timeout=90)
def slow_clients_are_closed_at_their_deadlines(case):
    server = case.server({
        "tls": Certificates(case).keys(),
        "http": {"header_timeout": "2s", "idle_timeout": "2s", "write_timeout": "2s"}})
    publishers.ffmpeg_small(case, server, "secret-one")
    server.wait_playable("one", renditions=2)
    viewer = Viewer(server, "one", "source")
    wait_for(lambda: len(viewer.changes) > 5, 10, "the viewer to be served")
    clients = [Slow(server, kind) for kind in KINDS for _ in range(CONNECTIONS)]
    until = time.monotonic() + 25
    while any(client.ended_at is None for client in clients) and time.monotonic() < until:
        for client in clients:
            if client.ended_at is None:
                client.go_on()
        time.sleep(0.2)
    for kind in KINDS:
        took = [client.ended_at and client.ended_at - client.began for client in clients
                if client.kind == kind]
        expect(None not in took, f"{kind}: {took.count(None)} are never closed")
        # One deadline, or of a stream and then of its connection; and time to notice.
        expect(1.5 < min(took) and max(took) < 12, f"{kind}: {min(took):.1f} to {max(took):.1f} s")
    for client in clients:
        client.socket.close()
    for reason in ("header_timeout", "tls", "idle"):
        expected = CONNECTIONS * sum(reason == kind[3] for kind in KINDS.values())
        try:
            wait_for(lambda: closed(server)[reason] >= expected, 5, f"{expected} that are {reason}")
        except Failure as failure:
            raise Failure(f"{failure}: {closed(server)}") from None
    wait_for(lambda: server.metric("millrace_http2_streams") == 0, 5, "their streams to end")
    viewer.stop()
    case.note(f"{len(clients)} slow clients; the viewer waited {viewer.longest_wait:.2f} s at most")
    expect(not viewer.errors and viewer.longest_wait < 1.0,
           f"a viewer beside them: {viewer.errors}, {viewer.longest_wait:.2f} s")
