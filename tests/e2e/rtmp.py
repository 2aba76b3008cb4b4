"""An RTMP publisher of bytes: does what a well-behaved encoder would, up to where a test wants not.

Also sends HEVC and AV1 as enhanced RTMP, which no tool of Debian 12 can.
"""
import socket
import struct
import time

import fmp4


def amf(value):
    """AMF0 of str, float, bool, None or dict."""
    if isinstance(value, bool):
        return struct.pack(">BB", 1, value)
    if isinstance(value, (int, float)):
        return struct.pack(">Bd", 0, value)
    if isinstance(value, str):
        data = value.encode()
        return struct.pack(">BH", 2, len(data)) + data
    if value is None:
        return b"\x05"
    body = b"".join(struct.pack(">H", len(k)) + k.encode() + amf(v) for k, v in value.items())
    return b"\x03" + body + b"\0\0\x09"


class Publisher:
    """connect() then send(); close() as rudely as the test wants."""

    def __init__(self, port, key, application="live", chunk_size=4096, timeout=10.0):
        self.port, self.key, self.application = port, key, application
        self.chunk_size, self.timeout = chunk_size, timeout
        self.socket = None
        self.answers = b""

    def handshake(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=self.timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hello = bytes(8) + bytes(range(256)) * 5 + bytes(248)
        self.socket.sendall(b"\x03" + hello)
        answer = self._read(1 + 1536 * 2)
        self.socket.sendall(answer[1:1537])

    def _read(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("the server closed the connection")
            data += piece
        return data

    def message(self, kind, body, stream=0, timestamp=0, channel=3):
        """One message as chunks: the bytes."""
        wide = timestamp >= 0xFFFFFF
        head = struct.pack(">B", channel) + struct.pack(">I", 0xFFFFFF if wide else timestamp)[1:]
        head += len(body).to_bytes(3, "big") + bytes([kind]) + struct.pack("<I", stream)
        extended = struct.pack(">I", timestamp) if wide else b""
        out = [head + extended]
        for start in range(0, max(1, len(body)), self.chunk_size):
            if start:
                out.append(struct.pack(">B", 0xC0 | channel) + extended)
            out.append(body[start:start + self.chunk_size])
        return b"".join(out)

    def command(self, *values, stream=0):
        self.socket.sendall(self.message(20, b"".join(amf(v) for v in values), stream))

    def wait_answer(self, text, timeout=5.0):
        """Until `text` is in what the server said; False when it closed or said nothing."""
        return self._wait(lambda: text in self.answers, timeout)

    def _wait(self, condition, timeout):
        deadline = time.monotonic() + timeout
        while not condition():
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                piece = self.socket.recv(65536)
            except (TimeoutError, ConnectionError):
                return False
            if not piece:
                return False
            self.answers += piece
        self.socket.settimeout(self.timeout)
        return True

    def publish(self):
        """Up to NetStream.Publish.Start; False when the server refused."""
        self.handshake()
        size, self.chunk_size = self.chunk_size, 128
        self.socket.sendall(self.message(1, struct.pack(">I", size), channel=2))
        self.chunk_size = size
        self.command("connect", 1.0, {"app": self.application, "type": "nonprivate",
                                      "flashVer": "FMLE/3.0",
                                      "tcUrl": f"rtmp://127.0.0.1:{self.port}/{self.application}"})
        if not self.wait_answer(b"NetConnection.Connect.Success"):
            return False
        self.command("releaseStream", 2.0, None, self.key)
        self.command("FCPublish", 3.0, None, self.key)
        self.command("createStream", 4.0, None)
        self.command("publish", 5.0, None, self.key, "live", stream=1)
        # onFCPublish says "Start" as well; what counts is onStatus.
        self._wait(lambda: b"NetStream." in self.answers.partition(b"onStatus")[2], 5.0)
        return b"NetStream.Publish.Start" in self.answers.partition(b"onStatus")[2]

    def send(self, kind, body, timestamp):
        """Media: kind 8 audio, 9 video, 18 data."""
        channel = {8: 4, 9: 6}.get(kind, 5)
        self.socket.sendall(self.message(kind, body, 1, timestamp, channel))

    def close(self, reset=False):
        if self.socket:
            if reset:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.socket.close()
        self.socket = None


def flv_tags(path):
    """(kind, timestamp in ms, body) of an FLV file."""
    data = path.read_bytes()
    position = 9 + 4
    while position + 11 <= len(data):
        kind = data[position] & 0x1F
        size = int.from_bytes(data[position + 1:position + 4], "big")
        stamp = int.from_bytes(data[position + 4:position + 7], "big") | data[position + 7] << 24
        yield kind, stamp, data[position + 11:position + 11 + size]
        position += 11 + size + 4


def enhanced_tags(fragmented):
    """The video of a fragmented MP4 (hvc1 or av01) as enhanced RTMP messages: (kind, timestamp, body).

    Enhanced RTMP v1: the high bit of the first byte marks a FourCC; packet type 0 is the sequence
    start, 1 coded frames, for HEVC with a composition time.
    """
    boxes = list(fmp4.boxes(fragmented))
    moov = next(box for box in boxes if box.kind == b"moov")
    track = fmp4.parse_init(fragmented[:moov.start + moov.size]).tracks
    video = next(t for t in track.values() if t.handler == "vide")
    for trak in moov.all(b"trak"):
        stsd = trak.find(b"mdia", b"minf", b"stbl", b"stsd")
        entry = next(fmp4.boxes(stsd.body[8:]))
        if entry.kind in (b"hvc1", b"av01"):
            codec = entry.kind
            config = next(box for box in entry.children(78) if box.kind in (b"hvcC", b"av1C")).body
    yield 9, 0, bytes([0x80 | 1 << 4 | 0]) + codec + config
    chunks, _ = fmp4.parse_media(fragmented[moov.start + moov.size:], track)
    first = None
    for chunk in chunks:
        if chunk.track_id != video.track_id:
            continue
        for sample in chunk.samples:
            first = sample.dts if first is None else first
            stamp = (sample.dts - first) * 1000 // video.timescale
            composition = sample.composition_offset * 1000 // video.timescale
            head = bytes([0x80 | (1 if sample.sync else 2) << 4 | 1]) + codec
            if codec == b"hvc1":
                head += struct.pack(">i", composition)[1:]
            yield 9, stamp, head + sample.data


def as_track(tag, track):
    """A video tag of H.264 as enhanced RTMP v2 says it of a further track: packet type 6 is
    multitrack, of one track here, behind which the tag's own type, the FourCC and the track come."""
    kind, stamp, body = tag
    head = bytes([0x80 | (body[0] >> 4) << 4 | 6, body[1]]) + b"avc1" + bytes([track])
    return kind, stamp, head + (body[5:] if body[1] == 0 else body[2:])


def opus_tags(fragmented):
    """The sound of a fragmented MP4 of Opus as enhanced RTMP v2 messages: the identification header
    of RFC 7845, whose numbers are little-endian, then packets."""
    boxes = list(fmp4.boxes(fragmented))
    moov = next(box for box in boxes if box.kind == b"moov")
    tracks = fmp4.parse_init(fragmented[:moov.start + moov.size]).tracks
    sound = next(t for t in tracks.values() if t.handler == "soun")
    at = fragmented.index(b"dOps") + 4
    _, channels, skip, rate, gain, family = struct.unpack(">BBHIhB", fragmented[at:at + 11])
    yield 8, 0, b"\x90OpusOpusHead" + struct.pack("<BBHIhB", 1, channels, skip, rate, gain, family)
    chunks, _ = fmp4.parse_media(fragmented[moov.start + moov.size:], tracks)
    for chunk in chunks:
        for sample in chunk.samples if chunk.track_id == sound.track_id else ():
            yield 8, max(0, sample.dts) * 1000 // sound.timescale, b"\x91Opus" + sample.data


def send_paced(publisher, tags, seconds, start=0):
    """Sends tags at their own pace for `seconds`; the last timestamp sent."""
    began, stamp = time.monotonic(), start
    for kind, stamp, body in tags:
        due = began + (stamp - start) / 1000
        if due > began + seconds:
            break
        if due > time.monotonic():
            time.sleep(due - time.monotonic())
        publisher.send(kind, body, stamp)
    return stamp
