"""HTTP/2 (RFC 9113) as far as it takes to see whether streams wait for each other (HTTP-17)."""
import socket
import struct
import time
import urllib.parse

import httpc

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
CANCEL = 8


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + \
        struct.pack(">I", stream) + payload


class Connection:
    """To the host of `url`: by ALPN over TLS, by prior knowledge without. One thread."""

    def __init__(self, url, timeout=5.0):
        base, _ = httpc.split(url)
        self.authority = urllib.parse.urlsplit(url).netloc
        self.scheme = urllib.parse.urlsplit(url).scheme
        if self.scheme == "https":
            self.socket = httpc.tls_socket(base, ("h2", "http/1.1"), timeout)
            self.protocol = self.socket.selected_alpn_protocol()
        else:
            self.socket = socket.create_connection(httpc.address(base), timeout)
            self.protocol = "h2"
        self.pending = b""
        self.ended = {}  # Stream -> whether its answer was 200.
        self.status = {}
        self.is_http2 = self.was_ping_answered = False

    def begin(self):
        """The preface; no table for compressed headers, and windows that never fill."""
        settings = struct.pack(">HIHI", 1, 0, 4, (1 << 31) - 1)
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0, settings) +
                            frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", (1 << 30))))

    def ask(self, stream, target):
        """GET, in literals alone."""
        fields = b"\x82" + (b"\x87" if self.scheme == "https" else b"\x86")
        fields += b"\x04" + _literal(target) + b"\x01" + _literal(self.authority)
        self.socket.sendall(frame(HEADERS, END_STREAM | END_HEADERS, stream, fields))

    def ping(self):
        self.socket.sendall(frame(PING, 0, 0, b"millrace"))

    def cancel(self, stream):
        self.socket.sendall(frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))

    def read_until(self, condition, seconds):
        """Whether `condition` became true in time; OSError when the connection breaks."""
        deadline = time.monotonic() + seconds
        while not condition():
            while len(self.pending) < 9 or len(self.pending) < 9 + self._length():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self.socket.settimeout(left)
                try:
                    piece = self.socket.recv(65536)
                except TimeoutError:
                    return False
                if not piece:
                    raise ConnectionResetError("the connection was closed")
                self.pending += piece
            self._take()
        return True

    def close(self):
        self.socket.close()

    def _length(self):
        return int.from_bytes(self.pending[:3], "big")

    def _take(self):
        length, kind, flags = self._length(), self.pending[3], self.pending[4]
        stream = int.from_bytes(self.pending[5:9], "big") & 0x7FFFFFFF
        payload, self.pending = self.pending[9:9 + length], self.pending[9 + length:]
        if kind == SETTINGS and not flags & ACK:
            self.is_http2 = True
            self.socket.sendall(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.socket.sendall(frame(PING, ACK, 0, payload))
        elif kind == PING:
            self.was_ping_answered = payload == b"millrace"
        elif kind == GOAWAY:
            raise ConnectionResetError(f"GOAWAY with error {payload[4:8].hex()}")
        elif kind == RST_STREAM:
            self.ended[stream] = False
        elif kind == HEADERS:
            # Behind size updates (001xxxxx), :status 200 is index 8 of the static table.
            skipped = (1 if flags & 0x8 else 0) + (5 if flags & 0x20 else 0)  # Padding, priority.
            fields = payload[skipped:].lstrip(bytes(range(0x20, 0x40)))
            self.status[stream] = fields[:1] == b"\x88"
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.ended[stream] = self.status.get(stream, False)


def _literal(text):
    """A string of HPACK without Huffman coding."""
    data, length = text.encode(), len(text.encode())
    if length < 127:
        return bytes([length]) + data
    length, size = length - 127, b"\x7f"
    while length >= 128:
        size, length = size + bytes([length & 0x7F | 0x80]), length >> 7
    return size + bytes([length]) + data


def probe(url, held, report, where):
    """HTTP-17 of a media playlist; `held`: its query that is held for a segment, or None."""
    secure = url.startswith("https:")
    judge = report.expect if secure else report.prefer
    connection = Connection(url)
    try:
        if not judge(connection.protocol == "h2", "HTTP-17", where, "no HTTP/2 by ALPN"):
            return
        connection.begin()
        if not judge(_speaks(connection), "HTTP-17", where,
                     "no HTTP/2" + ("" if secure else " in clear text")):
            return
        _probe_streams(connection, url, held, judge, where)
    except OSError as error:
        report.fail("HTTP-17", where, f"HTTP/2: {type(error).__name__}: {error}")
    finally:
        connection.close()


def _speaks(connection):
    try:
        return connection.read_until(lambda: connection.is_http2, 3.0)
    except OSError:
        return False


def _probe_streams(connection, url, held, judge, where):
    target = httpc.split(url)[1]
    if held:
        connection.ask(1, httpc.split(httpc.with_query(url, held))[1])
    connection.ask(3, target)
    connection.ping()
    judge(connection.read_until(lambda: 3 in connection.ended, 1.0) and connection.ended[3],
          "HTTP-17", where, "a playlist beside a held one on its connection does not come")
    judge(connection.read_until(lambda: connection.was_ping_answered, 1.0), "HTTP-17", where,
          "PING is not answered while a request is held")
    if held:
        connection.cancel(1)
    connection.ask(5, target)
    judge(connection.read_until(lambda: 5 in connection.ended, 1.0) and connection.ended[5],
          "HTTP-17", where, "no answer on a connection after a stream was cancelled")
