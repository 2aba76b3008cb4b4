"""Many light players of one rendition in one process: they reload as players do, and note when.

Each has a connection of its own, asks for the next part's playlist and then for the part.
"""
import asyncio
import gzip
import re
import time

from harness import expect

_SEQUENCE = re.compile(rb"#EXT-X-MEDIA-SEQUENCE:(\d+)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PART = re.compile(rb'#EXT-X-PART:[^\n]*URI="([^"]+)"')
PATIENCE = 15.0


def _edge(text):
    """(the next part's segment and index, the newest part's URI)"""
    tail = text.rfind(b"#EXTINF")
    end = text.find(b"\n", text.find(b"\n", tail) + 1) if tail >= 0 else 0
    number = int(_SEQUENCE.search(text).group(1)) + text.count(b"#EXTINF")
    uris = _PART.findall(text)
    return (number, text.count(b"#EXT-X-PART:", end)), (uris[-1].decode() if uris else None)


class Player:
    def __init__(self, port, path, with_parts):
        self.port, self.path, self.with_parts = port, path, with_parts
        self.seen = {}  # (segment, part): when the first playlist that lists it was here.
        self.errors, self.reloads, self.parts = [], 0, 0
        self.reader = self.writer = None

    async def get(self, target):
        """The body of a 200; None else, and then it is noted."""
        try:
            if self.writer is None:
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
            self.writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n"
                              "Accept-Encoding: gzip\r\n\r\n".encode())
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = (await self.reader.readexactly(int(length.group(1))) if length
                    else await self._chunks())
        except (OSError, EOFError, ValueError) as error:
            self.errors.append(f"{target}: {error!r}")
            self.close()
            return None
        if not head.startswith(b"HTTP/1.1 200"):
            self.errors.append(f"{target}: {head[:60]!r}")
            return None
        return gzip.decompress(body) if b"content-encoding: gzip" in head.lower() else body

    async def _chunks(self):
        body = b""
        while True:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            body += (await self.reader.readexactly(size + 2))[:size]
            if size == 0:
                return body

    def close(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None

    async def play(self, until):
        folder, query, asked = self.path.rpartition("/")[0], "", None
        while time.monotonic() < until:
            body = await self.get(self.path + query)
            now = time.monotonic()
            if body is None:
                await asyncio.sleep(0.5)
                query, asked = "", None
                continue
            edge, uri = _edge(body)
            self.reloads += 1
            if asked:
                if edge <= asked:
                    self.errors.append(f"{query} was answered with {edge}")
                self.seen[asked] = now
            query, asked = f"?_HLS_msn={edge[0]}&_HLS_part={edge[1]}", edge
            if self.with_parts and uri:
                self.parts += await self.get(f"{folder}/{uri}") is not None
        self.close()


def watch(path, caches, count, seconds, direct):
    """`count` players of `path` at each of the ports `caches`, and one at `direct` for comparison.
    The players of each, and the one."""
    async def run():
        until = time.monotonic() + seconds
        groups = [[Player(port, path, True) for _ in range(count)] for port in caches]
        alone = Player(direct, path, False)
        everybody = [player for group in groups for player in group] + [alone]
        await asyncio.wait_for(asyncio.gather(*(player.play(until) for player in everybody)),
                               seconds + PATIENCE)
        return groups, alone
    return asyncio.run(run())


def lateness(players, direct):
    """Of all players and parts, sorted: how much later than directly, in seconds. The first ones,
    of when they began, are left out."""
    began = min(direct.seen.values(), default=0) + 1.0
    late = sorted(at - direct.seen[part] for player in players for part, at in player.seen.items()
                  if part in direct.seen and direct.seen[part] > began)
    expect(late, "no part was seen both ways")
    return late
