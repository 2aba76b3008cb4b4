"""What RFC 9113 (HTTP/2) and RFC 7541 (HPACK) demand of a server when a client breaks their rules, a
line of a table each, as h2spec has them; and that what they allow is taken."""
import dataclasses
import socket
import ssl
import struct

import httpc
from certificates import Certificates
from harness import expect, test
from http2 import (ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM,
                   SETTINGS, WINDOW_UPDATE, frame)

PRIORITY, PUSH_PROMISE, CONTINUATION, UNKNOWN = 2, 5, 9, 0xEE
PADDED, PRIORITIZED = 0x8, 0x20
(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED,
 FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR) = range(10)
HEADER_TABLE_SIZE, ENABLE_PUSH, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 1, 2, 4, 5
NO_RFC7540_PRIORITIES = 9
LARGEST_WINDOW = (1 << 31) - 1

# The next request of a connection that goes on.
NEXT = 101


@dataclasses.dataclass(frozen=True)
class Ends:
    """The connection ends with GOAWAY of that code (5.4.1)."""
    code: int


@dataclasses.dataclass(frozen=True)
class Resets:
    """The stream ends with RST_STREAM of that code, or an answer of 400 (8.1.1), the connection goes
    on (5.4.2)."""
    code: int
    stream: int = 1


@dataclasses.dataclass(frozen=True)
class Answered:
    """The stream is answered, the connection goes on."""
    stream: int = 1
    status: int = 200


@dataclasses.dataclass(frozen=True)
class GoesOn:
    """Nothing else: neither the stream nor the connection ends with an error."""


def number(value):
    return struct.pack(">I", value)


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def string(text):
    text = text if isinstance(text, bytes) else text.encode()
    assert len(text) < 127
    return bytes([len(text)]) + text


def field(name, value):
    """A literal that enters no table, its name spelt out (RFC 7541 6.2.2)."""
    return b"\0" + string(name) + string(value)


PSEUDO = {":method": "GET", ":scheme": "http", ":authority": "x", ":path": "/"}


def block(*more, **changes):
    """A header block: GET / with `changes` (a value, or None to leave it out) and `more` behind."""
    wanted = {**PSEUDO, **{f":{name}": value for name, value in changes.items()}}
    return b"".join(field(name, value) for name, value in [*wanted.items(), *more]
                    if value is not None)


GET, POST = block(), block(method="POST")


def request(*more, stream=1, flags=END_STREAM | END_HEADERS, **changes):
    return frame(HEADERS, flags, stream, block(*more, **changes))


def post(*more, stream=1):
    """A request whose body is still to come."""
    return request(*more, stream=stream, flags=END_HEADERS, method="POST")


# A request whose answer waits for the window: its stream stays half closed.
HALF_CLOSED = settings((INITIAL_WINDOW_SIZE, 0)) + request()
RESET = post() + frame(RST_STREAM, 0, 1, number(CANCEL))
HALF_BLOCK = frame(HEADERS, END_STREAM, 1, GET[:10])

# 6: frames on streams and of sizes that they must not have, and in states that forbid them.
FRAMES = [
    ("3.4", "no SETTINGS behind the preface", PREFACE + frame(PING, 0, 0, b"12345678"),
     Ends(PROTOCOL_ERROR)),
    ("4.1", "a frame of no known type", frame(UNKNOWN, 0, 0, b"12345678"), GoesOn()),
    ("5.5", "the same on a stream", frame(UNKNOWN, 0xFF, 1, b"12345678") + request(), Answered()),
    ("4.1", "undefined flags", frame(PING, 0xF6, 0, b"12345678"), GoesOn()),
    ("4.1", "the reserved bit", frame(PING, 0, 1 << 31, b"12345678"), GoesOn()),
    ("4.2", "DATA of 2^14 bytes", post() + frame(DATA, END_STREAM, 1, bytes(16384)),
     Answered(status=405)),
    ("4.2", "DATA larger than MAX_FRAME_SIZE", post() + frame(DATA, END_STREAM, 1, bytes(16385)),
     (Ends(FRAME_SIZE_ERROR), Resets(FRAME_SIZE_ERROR))),
    ("4.2", "HEADERS larger than MAX_FRAME_SIZE", frame(
        HEADERS, END_STREAM | END_HEADERS, 1, GET + bytes(16385)), Ends(FRAME_SIZE_ERROR)),
    ("4.2", "SETTINGS larger than MAX_FRAME_SIZE", frame(SETTINGS, 0, 0, bytes(6 * 2731)),
     Ends(FRAME_SIZE_ERROR)),
    ("4.3", "PRIORITY inside a header block", HALF_BLOCK + frame(PRIORITY, 0, 1, bytes(5)),
     Ends(PROTOCOL_ERROR)),
    ("4.3", "HEADERS of another stream inside a header block", HALF_BLOCK + request(stream=3),
     Ends(PROTOCOL_ERROR)),
    ("5.5", "a frame of no known type inside a header block", HALF_BLOCK + frame(UNKNOWN, 0, 1),
     Ends(PROTOCOL_ERROR)),
    ("5.1", "idle: DATA", frame(DATA, END_STREAM, 1, b"x"), Ends(PROTOCOL_ERROR)),
    ("5.1", "idle: RST_STREAM", frame(RST_STREAM, 0, 1, number(CANCEL)), Ends(PROTOCOL_ERROR)),
    ("5.1", "idle: WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 1, number(100)), Ends(PROTOCOL_ERROR)),
    ("5.1", "idle: CONTINUATION", frame(CONTINUATION, END_HEADERS, 1, GET), Ends(PROTOCOL_ERROR)),
    ("5.1", "idle: PRIORITY", frame(PRIORITY, 0, 1, b"\0\0\0\0\x10") + request(), Answered()),
    ("5.1", "half closed: DATA", HALF_CLOSED + frame(DATA, END_STREAM, 1, b"x"),
     (Ends(STREAM_CLOSED), Resets(STREAM_CLOSED))),
    ("5.1", "half closed: HEADERS", HALF_CLOSED + request(),
     (Ends(STREAM_CLOSED), Resets(STREAM_CLOSED))),
    ("5.1", "half closed: CONTINUATION", HALF_CLOSED + frame(CONTINUATION, END_HEADERS, 1, GET),
     Ends(PROTOCOL_ERROR)),
    ("5.1", "half closed: WINDOW_UPDATE", HALF_CLOSED + frame(WINDOW_UPDATE, 0, 1, number(1 << 20)),
     Answered()),
    ("5.1", "half closed: PRIORITY",
     HALF_CLOSED + frame(PRIORITY, 0, 1, b"\0\0\0\0\x10") + settings((INITIAL_WINDOW_SIZE, 1 << 20)),
     Answered()),
    ("5.1", "half closed: RST_STREAM", HALF_CLOSED + frame(RST_STREAM, 0, 1, number(CANCEL)) +
     settings((INITIAL_WINDOW_SIZE, 1 << 20)), GoesOn()),
    # "An endpoint MAY treat receipt of any other type of frame on a closed stream as a connection
    # error of type STREAM_CLOSED."
    ("5.1", "closed by RST_STREAM: DATA", RESET + frame(DATA, END_STREAM, 1, b"x"),
     (Ends(STREAM_CLOSED), Resets(STREAM_CLOSED), GoesOn())),
    ("5.1", "closed by RST_STREAM: HEADERS", RESET + request(),
     (Ends(STREAM_CLOSED), Resets(STREAM_CLOSED), GoesOn())),
    ("5.1", "closed by RST_STREAM: CONTINUATION", RESET + frame(CONTINUATION, END_HEADERS, 1, GET),
     Ends(PROTOCOL_ERROR)),
    ("5.1", "closed: RST_STREAM, WINDOW_UPDATE and PRIORITY", RESET +
     frame(RST_STREAM, 0, 1, number(CANCEL)) + frame(WINDOW_UPDATE, 0, 1, number(1)) +
     frame(PRIORITY, 0, 1, b"\0\0\0\0\x10"), GoesOn()),
    ("5.1.1", "a stream of an even number", request(stream=2), Ends(PROTOCOL_ERROR)),
    ("5.1.1", "a stream of a number below the newest", request(stream=5) + request(stream=3),
     Ends(PROTOCOL_ERROR)),
    ("6.1", "DATA on no stream", frame(DATA, 0, 0, b"x"), Ends(PROTOCOL_ERROR)),
    ("6.1", "DATA with more padding than it has", post() + frame(DATA, PADDED, 1, b"\x05abcd"),
     Ends(PROTOCOL_ERROR)),
    ("6.2", "HEADERS on no stream", request(stream=0), Ends(PROTOCOL_ERROR)),
    ("6.2", "HEADERS with more padding than they have", frame(
        HEADERS, END_STREAM | END_HEADERS | PADDED, 1, bytes([len(GET) + 1]) + GET),
     Ends(PROTOCOL_ERROR)),
    ("6.2", "HEADERS with padding and priority", frame(
        HEADERS, END_STREAM | END_HEADERS | PADDED | PRIORITIZED, 1,
        b"\x03\0\0\0\0\x10" + GET + bytes(3)), Answered()),
    ("6.3", "PRIORITY on no stream", frame(PRIORITY, 0, 0, bytes(5)), Ends(PROTOCOL_ERROR)),
    ("6.3", "PRIORITY of four bytes", post() + frame(PRIORITY, 0, 1, bytes(4)),
     (Ends(FRAME_SIZE_ERROR), Resets(FRAME_SIZE_ERROR))),
    # RFC 7540 5.3.1 made an error of it; RFC 9113 5.3.2 has given up what it says.
    ("5.3.2", "a stream that depends on itself", frame(PRIORITY, 0, 1, b"\0\0\0\x01\x10") + request(),
     Answered()),
    ("6.4", "RST_STREAM on no stream", frame(RST_STREAM, 0, 0, number(CANCEL)),
     Ends(PROTOCOL_ERROR)),
    ("6.4", "RST_STREAM of three bytes", post() + frame(RST_STREAM, 0, 1, b"\0\0\0"),
     Ends(FRAME_SIZE_ERROR)),
    ("7", "RST_STREAM of an unknown code", post() + frame(RST_STREAM, 0, 1, number(0xFF)), GoesOn()),
    ("6.6", "PUSH_PROMISE of a client", post() + frame(PUSH_PROMISE, END_HEADERS, 1, number(2) + GET),
     Ends(PROTOCOL_ERROR)),
    ("6.7", "PING on a stream", frame(PING, 0, 1, b"12345678"), Ends(PROTOCOL_ERROR)),
    ("6.8", "GOAWAY on a stream", frame(GOAWAY, 0, 1, bytes(8)), Ends(PROTOCOL_ERROR)),
    ("6.9", "WINDOW_UPDATE by nothing", frame(WINDOW_UPDATE, 0, 0, number(0)), Ends(PROTOCOL_ERROR)),
    ("6.9", "WINDOW_UPDATE of a stream by nothing", HALF_CLOSED +
     frame(WINDOW_UPDATE, 0, 1, number(0)), (Resets(PROTOCOL_ERROR), Ends(PROTOCOL_ERROR))),
    ("6.9", "WINDOW_UPDATE of three bytes", frame(WINDOW_UPDATE, 0, 0, b"\0\0\1"),
     Ends(FRAME_SIZE_ERROR)),
    ("6.9.1", "a window past 2^31-1", 2 * frame(WINDOW_UPDATE, 0, 0, number(LARGEST_WINDOW)),
     Ends(FLOW_CONTROL_ERROR)),
    ("6.9.1", "a stream's window past 2^31-1", post() +
     frame(WINDOW_UPDATE, 0, 1, number(LARGEST_WINDOW)), Ends(FLOW_CONTROL_ERROR)),
    ("6.9.2", "SETTINGS that take a stream's window past 2^31-1", HALF_CLOSED + post(stream=3) +
     frame(WINDOW_UPDATE, 0, 3, number(LARGEST_WINDOW)) + settings((INITIAL_WINDOW_SIZE, 1)),
     Ends(FLOW_CONTROL_ERROR)),
    ("6.10", "many CONTINUATION frames", HALF_BLOCK +
     b"".join(frame(CONTINUATION, 0, 1, GET[at:at + 10]) for at in range(10, len(GET), 10)) +
     frame(CONTINUATION, END_HEADERS, 1), Answered()),
    ("6.10", "DATA behind CONTINUATION without an end", HALF_BLOCK + frame(
        CONTINUATION, 0, 1, GET[10:]) + frame(DATA, END_STREAM, 1, b"x"), Ends(PROTOCOL_ERROR)),
    ("6.10", "CONTINUATION of another stream", HALF_BLOCK + frame(
        CONTINUATION, END_HEADERS, 3, GET[10:]), Ends(PROTOCOL_ERROR)),
    ("6.10", "CONTINUATION on no stream", HALF_BLOCK + frame(CONTINUATION, END_HEADERS, 0, GET[10:]),
     Ends(PROTOCOL_ERROR)),
    ("6.10", "CONTINUATION behind HEADERS with END_HEADERS", post() + frame(
        CONTINUATION, END_HEADERS, 1, GET), Ends(PROTOCOL_ERROR)),
    ("6.10", "CONTINUATION behind CONTINUATION with END_HEADERS", frame(HEADERS, 0, 1, POST[:10]) +
     frame(CONTINUATION, END_HEADERS, 1, POST[10:]) + frame(CONTINUATION, END_HEADERS, 1, GET),
     Ends(PROTOCOL_ERROR)),
    ("6.10", "CONTINUATION behind DATA", post() + frame(DATA, 0, 1, b"x") + frame(
        CONTINUATION, END_HEADERS, 1, GET), Ends(PROTOCOL_ERROR)),
]

# 6.5: what SETTINGS may say.
SETTINGS_FRAMES = [
    ("6.5", "ACK with something in it", frame(SETTINGS, ACK, 0, bytes(6)), Ends(FRAME_SIZE_ERROR)),
    ("6.5", "SETTINGS on a stream", frame(SETTINGS, 0, 1, bytes(0)), Ends(PROTOCOL_ERROR)),
    ("6.5", "SETTINGS of seven bytes", frame(SETTINGS, 0, 0, bytes(7)), Ends(FRAME_SIZE_ERROR)),
    ("6.5.2", "ENABLE_PUSH 2", settings((ENABLE_PUSH, 2)), Ends(PROTOCOL_ERROR)),
    ("6.5.2", "INITIAL_WINDOW_SIZE 2^31", settings((INITIAL_WINDOW_SIZE, 1 << 31)),
     Ends(FLOW_CONTROL_ERROR)),
    ("6.5.2", "MAX_FRAME_SIZE 2^14-1", settings((MAX_FRAME_SIZE, 16383)), Ends(PROTOCOL_ERROR)),
    ("6.5.2", "MAX_FRAME_SIZE 2^24", settings((MAX_FRAME_SIZE, 1 << 24)), Ends(PROTOCOL_ERROR)),
    ("6.5.2", "an unknown setting", settings((0xFF, 1)) + request(), Answered()),
    ("6.5.3", "one setting twice: the last one holds",
     settings((INITIAL_WINDOW_SIZE, 0), (INITIAL_WINDOW_SIZE, 1 << 20)) + request(), Answered()),
    ("RFC 9218 2.1", "NO_RFC7540_PRIORITIES 2", settings((NO_RFC7540_PRIORITIES, 2)),
     Ends(PROTOCOL_ERROR)),
]

# 8: requests that are malformed. Such a one "MUST NOT" be passed on, and ends its stream alone.
# tests/net/http2_session_test.cpp has "connection".
MALFORMED = [
    ("8.1", "a second header without an end", post() + frame(HEADERS, END_HEADERS, 1, field("a", "b"))),
    ("8.1", "a pseudo-header field in trailers", post() + frame(
        HEADERS, END_STREAM | END_HEADERS, 1, field(":path", "/"))),
    ("8.1.1", "less DATA than content-length", post(("content-length", "2")) +
     frame(DATA, END_STREAM, 1, b"x")),
    ("8.1.1", "more DATA than content-length, in two", post(("content-length", "2")) +
     frame(DATA, 0, 1, b"xx") + frame(DATA, END_STREAM, 1, b"x")),
    ("8.1.1", "a content-length and no DATA", request(("content-length", "2"))),
    ("8.1.1", "two content-lengths", request(("content-length", "0"), ("content-length", "0"))),
    ("8.1.1", "a content-length that is no number", request(("content-length", "-1"))),
    ("8.2.1", "upper case in a name", request(("X-Test", "ok"))),
    ("8.2.1", "a space in a name", request(("x test", "ok"))),
    ("8.2.1", "a name with a byte above 126", request((b"x\x80", "ok"))),
    ("8.2.1", "a colon in a name", request(("x:y", "ok"))),
    ("8.2.1", "an empty name", request(("", "ok"))),
    ("8.2.1", "a line break in a value", request(("x-test", "a\r\nb: c"))),
    ("8.2.1", "a zero in a value", request(("x-test", "a\0b"))),
    ("8.2.1", "a space before a value", request(("x-test", " a"))),
    ("8.2.1", "a tab behind a value", request(("x-test", "a\t"))),
    *(("8.2.2", f"{name}: {value}", request((name, value))) for name, value in (
        ("keep-alive", "timeout=5"), ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"), ("upgrade", "h2c"), ("te", "gzip"),
        ("te", "trailers, gzip"))),
    ("8.3", "an unknown pseudo-header field", frame(
        HEADERS, END_STREAM | END_HEADERS, 1, field(":test", "ok") + GET)),
    ("8.3", "a pseudo-header field of answers", frame(
        HEADERS, END_STREAM | END_HEADERS, 1, field(":status", "200") + GET)),
    ("8.3", "a pseudo-header field behind another field",
     request(("x-test", "ok"), (":path", "/"), path=None)),
    *(("8.3.1", f"no :{name}", request(**{name: None})) for name in ("method", "scheme", "path")),
    *(("8.3.1", f":{name} twice", frame(
        HEADERS, END_STREAM | END_HEADERS, 1, field(f":{name}", PSEUDO[f":{name}"]) + GET))
      for name in ("method", "scheme", "path", "authority")),
    ("8.3.1", "an empty :path", request(path="")),
    ("8.3.1", "a :path that does not begin with a slash", request(path="live")),
    ("8.3.1", "a :path of * for GET", request(path="*")),
    ("8.5", "CONNECT with a :path", request(method="CONNECT", scheme=None)),
    ("8.5", "CONNECT without :authority", request(method="CONNECT", scheme=None, path=None,
                                                  authority=None)),
]

# What a request may have all the same.
WELL_FORMED = [
    ("8.2.2", "te: trailers", request(("te", "trailers")), Answered()),
    ("8.2.3", "cookies in crumbs", request(("cookie", "a=1"), ("cookie", "b=2")), Answered()),
    ("8.1", "HEAD", request(method="HEAD"), Answered()),
    ("8.1", "a body, padded, and trailers", post(("content-length", "2")) + frame(
        DATA, PADDED, 1, b"\x02xx\0\0") + frame(HEADERS, END_STREAM | END_HEADERS, 1,
                                                field("x-test", "ok")), Answered(status=405)),
]


def broken_block(*tail):
    """A request whose last field HPACK does not allow."""
    return frame(HEADERS, END_STREAM | END_HEADERS, 1, GET + b"".join(tail))


# RFC 7541: a block that cannot be read leaves no common state, so it ends the connection (RFC 9113
# 4.3).
HPACK = [
    ("2.3.3", "an index past both tables", broken_block(b"\xbe")),
    ("2.3.3", "a name's index past both tables", broken_block(b"\x7f\x00", string("x"))),
    ("4.2", "a table's new size behind a field", broken_block(b"\x20")),
    ("4.2", "a table larger than SETTINGS allow", frame(
        HEADERS, END_STREAM | END_HEADERS, 1, b"\x3f\xe2\x1f" + GET)),
    ("5.1", "an index that has no end", broken_block(b"\xff" + b"\xff" * 12 + b"\x0f")),
    ("5.2", "a string longer than its block", broken_block(b"\0\x01x\x7e", b"short")),
    # Huffman's code of "a" is 00011, behind which three ones are padding.
    ("5.2", "Huffman's padding of zeros", broken_block(b"\0\x01x\x81\x18")),
    ("5.2", "Huffman's padding of more than seven bits", broken_block(b"\0\x01x\x82\x1f\xff")),
    ("5.2", "Huffman's end of string inside a string", broken_block(b"\0\x01x\x84\xff\xff\xff\xff")),
    ("6.1", "index 0", broken_block(b"\x80")),
]

# And what HPACK allows.
HPACK_ALLOWS = [
    ("4.2", "two sizes of the table at a block's begin", frame(
        HEADERS, END_STREAM | END_HEADERS, 1, b"\x20\x3f\xe1\x1f" + GET), Answered()),
    ("5.2", "Huffman's code", broken_block(b"\0\x01x\x81\x1f"), Answered()),
    ("6.1", "an entry that a literal made", broken_block(
        b"\x40", string("x-test"), string("ok"), b"\xbe"), Answered()),
    ("6.2.3", "a literal that is never indexed", broken_block(b"\x10", string("x"), string("y")),
     Answered()),
]

# Index of the static table to :status (RFC 7541, appendix A).
_STATUS = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}


class Peer:
    """A client that sends what it is told, and remembers what came back."""

    def __init__(self, connection, opening=PREFACE + settings((HEADER_TABLE_SIZE, 0))):
        self.socket, self.pending = connection, b""
        self.frames, self.goaway, self.is_closed = [], None, False
        self.resets, self.status, self.data, self.ended = {}, {}, {}, set()
        connection.settimeout(5)
        self.send(opening)

    def send(self, data):
        try:
            self.socket.sendall(data)
        except ConnectionError:
            pass  # What it said before stands to be read.

    def read_until(self, condition):
        """Whether it became true before the connection ended, or nothing more came for 5 s."""
        while not condition():
            while len(self.pending) < 9 or \
                    len(self.pending) < 9 + int.from_bytes(self.pending[:3], "big"):
                try:
                    piece = self.socket.recv(65536)
                except TimeoutError:
                    return False
                except ConnectionError:
                    piece = b""
                if not piece:
                    self.is_closed = True
                    return condition()
                self.pending += piece
            self._take()
        return True

    def _take(self):
        length = int.from_bytes(self.pending[:3], "big")
        kind, flags = self.pending[3], self.pending[4]
        stream = int.from_bytes(self.pending[5:9], "big")
        payload, self.pending = self.pending[9:9 + length], self.pending[9 + length:]
        self.frames.append((kind, flags, stream, payload))
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big")
        elif kind == RST_STREAM:
            self.resets[stream] = int.from_bytes(payload, "big")
        elif kind == HEADERS:
            fields = payload.lstrip(bytes(range(0x20, 0x40)))  # Sizes of the table.
            # Else a literal of three digits, its name by index.
            self.status[stream] = _STATUS.get(fields[0]) or int(fields[2:5])
        elif kind == DATA:
            self.data[stream] = self.data.get(stream, b"") + payload
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.ended.add(stream)

    def goes_on(self):
        """Whether another request is answered, with all the room that it may want."""
        self.send(settings((INITIAL_WINDOW_SIZE, 1 << 20)) + request(stream=NEXT))
        return self.read_until(lambda: NEXT in self.ended) and self.status.get(NEXT) == 200

    def received(self, stream):
        """How much of an answer's body has come."""
        return len(self.data.get(stream, b""))

    def close(self):
        self.socket.close()


def connect(server, **more):
    return Peer(socket.create_connection(("127.0.0.1", server.http_port), 5), **more)


def happened(peer, outcome):
    """Whether it was this one of the outcomes."""
    if isinstance(outcome, Ends):
        # 5.4.1: "After sending the GOAWAY frame for an error condition, the endpoint MUST close the
        # TCP connection."
        peer.read_until(lambda: False)
        return peer.goaway == outcome.code and peer.is_closed
    if peer.goaway is not None or not peer.goes_on():
        return False
    if isinstance(outcome, Resets):
        return peer.resets.get(outcome.stream) == outcome.code or \
            peer.status.get(outcome.stream) == 400
    if isinstance(outcome, Answered):
        return peer.read_until(lambda: outcome.stream in peer.ended) and \
            peer.status[outcome.stream] == outcome.status
    return not any(code != NO_ERROR for code in peer.resets.values())


def judge(server, what, sent, *outcomes):
    """What was wrong with the reaction, or None."""
    peer = connect(server, **({"opening": sent} if sent.startswith(PREFACE) else {}))
    try:
        if not sent.startswith(PREFACE):
            peer.send(sent)
        # Whatever it does to the case is behind what it says to this.
        peer.send(frame(PING, 0, 0, b"the case"))
        peer.read_until(lambda: any(kind == PING and flags & ACK and payload == b"the case"
                                    for kind, flags, _, payload in peer.frames))
        if any(happened(peer, outcome) for outcome in sorted(
                outcomes, key=lambda outcome: isinstance(outcome, Ends) != (peer.goaway is not None))):
            return None
        return (f"{what}: not {' or '.join(map(str, outcomes))}, but GOAWAY {peer.goaway}, RST_STREAM "
                f"{peer.resets}, status {peer.status}{', closed' if peer.is_closed else ''}")
    finally:
        peer.close()


def judge_all(case, server, table):
    wrong = [fault for section, what, sent, outcome in table
             if (fault := judge(server, f"{section}, {what}", sent,
                                *(outcome if isinstance(outcome, tuple) else (outcome,))))]
    case.note(f"{len(table)} cases")
    expect(not wrong, "\n".join(wrong))
    expect(httpc.fetch(f"{server.base}/").status == 200, "the server does not serve any more")


@test(timeout=60)
def http2_rules_of_frames_are_kept(case):
    judge_all(case, case.server(), FRAMES + SETTINGS_FRAMES)


@test(timeout=60)
def http2_rules_of_requests_are_kept(case):
    judge_all(case, case.server(), WELL_FORMED + [(*line, Resets(PROTOCOL_ERROR))
                                                  for line in MALFORMED])


@test(timeout=60)
def http2_rules_of_header_compression_are_kept(case):
    judge_all(case, case.server(), HPACK_ALLOWS + [(*line, Ends(COMPRESSION_ERROR)) for line in HPACK])


@test(timeout=60)
def http2_beginning_is_as_agreed(case):
    """3.4, 6.5.3, 6.7; and over TLS, where ALPN has promised HTTP/2, nothing else will do."""
    server = case.server({"tls": Certificates(case).keys()})
    peer = connect(server)
    peer.send(frame(PING, 0, 0, b"millrace") + frame(PING, ACK, 0, b"unasked."))
    expect(peer.goes_on(), f"no answer: {peer.frames}")
    kinds = [(kind, flags & ACK) for kind, flags, _, _ in peer.frames]
    expect(kinds[0] == (SETTINGS, 0), f"the first frame is {kinds[0]}")
    expect(kinds.count((SETTINGS, ACK)) == 2, f"SETTINGS that came twice: {kinds}")
    pings = [payload for kind, _, _, payload in peer.frames if kind == PING]
    expect(pings == [b"millrace"], f"PING is answered with {pings}")
    peer.close()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    plain = socket.create_connection(("127.0.0.1", server.https_port), 5)
    peer = Peer(context.wrap_socket(plain), opening=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + bytes(24))
    expect(peer.socket.selected_alpn_protocol() == "h2", "no h2 by ALPN")
    peer.read_until(lambda: False)
    # "A GOAWAY frame MAY be omitted in this case."
    expect(peer.is_closed and peer.goaway in (None, PROTOCOL_ERROR) and not peer.data,
           f"HTTP/1.1 where HTTP/2 was agreed upon: {peer.frames}")
    peer.close()


@test(timeout=60)
def http2_windows_are_kept(case):
    """6.9: never more than the client has room for, of a connection or a stream, at any time."""
    server = case.server()
    whole = len(httpc.fetch(f"{server.base}/").body)
    expect(whole > 1000, f"the page has {whole} bytes only")

    def reaches(peer, stream, size):
        """That many bytes come, and no more."""
        peer.read_until(lambda: peer.received(stream) >= size)
        marks = len([1 for kind, flags, _, _ in peer.frames if kind == PING])
        peer.send(frame(PING, 0, 0, b"and then"))
        peer.read_until(lambda: len([1 for kind, *_ in peer.frames if kind == PING]) > marks)
        expect(peer.received(stream) == size,
               f"{peer.received(stream)} bytes on stream {stream} where {size} have room")

    def room(stream, size):
        return frame(WINDOW_UPDATE, 0, stream, number(size))

    peer = connect(server)
    peer.send(settings((INITIAL_WINDOW_SIZE, 1)) + request())
    reaches(peer, 1, 1)
    peer.send(settings((INITIAL_WINDOW_SIZE, 5)))  # Of the streams that there are, too.
    reaches(peer, 1, 5)
    peer.send(settings((INITIAL_WINDOW_SIZE, 2)))  # Three below nothing.
    peer.send(room(1, 3))
    reaches(peer, 1, 5)
    peer.send(room(1, 2))
    reaches(peer, 1, 7)
    peer.send(room(1, whole))
    expect(peer.read_until(lambda: 1 in peer.ended) and peer.received(1) == whole, "not the whole")
    # The connection's own window, 65535 bytes, of which these are the rest.
    peer.send(settings((INITIAL_WINDOW_SIZE, 1 << 20)))
    for stream in range(3, 3 + 2 * (2 + 65535 // whole), 2):
        peer.send(request(stream=stream))
    peer.read_until(lambda: sum(map(len, peer.data.values())) >= 65535)
    sent = sum(map(len, peer.data.values()))
    expect(sent == 65535, f"{sent} bytes where the connection has room for 65535")
    peer.send(room(0, 1 << 20))
    expect(peer.goes_on(), "nothing comes any more")
    peer.close()
