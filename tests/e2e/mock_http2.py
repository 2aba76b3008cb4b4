"""The other end of http2.py: answers every GET with 200, holds what asks for _HLS_msn, with faults."""
import struct

import http2


def serve(reader, writer, faults):
    """One connection whose first line of the preface was read, until it ends."""
    if "no_http2" in faults:
        return
    reader.read(len(http2.PREFACE) - len(b"PRI * HTTP/2.0\r\n"))
    writer.write(http2.frame(http2.SETTINGS, 0, 0))
    is_held = False
    while len(head := reader.read(9)) == 9:
        kind, flags, stream = head[3], head[4], struct.unpack(">I", head[5:])[0]
        payload = reader.read(int.from_bytes(head[:3], "big"))
        if kind == http2.PING and not flags & http2.ACK and "no_ping" not in faults:
            writer.write(http2.frame(http2.PING, http2.ACK, 0, payload))
        elif kind == http2.RST_STREAM and "cancel_closes" in faults:
            return
        elif kind == http2.HEADERS and b"_HLS_msn" in payload:  # Our client's are literals.
            is_held = True
        elif kind == http2.HEADERS and not (is_held and "head_of_line" in faults):
            writer.write(http2.frame(http2.HEADERS, http2.END_HEADERS, stream, b"\x88") +
                         http2.frame(http2.DATA, http2.END_STREAM, stream, b"#EXTM3U\n"))
