"""A viewer without a picture: reloads a playlist and remembers how it went."""
import threading
import time

import httpc
from playlist import parse_media


class Viewer:
    """Reloads a rendition's playlist as a player does, and remembers how it went."""

    def __init__(self, server, channel, rendition):
        self.url = f"{server.base}/live/{channel}/{rendition}/index.m3u8"
        self.changes = []  # When its edge moved, and to where.
        self.gaps, self.with_media, self.errors = set(), set(), []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        query = ""
        while not self.stopped.is_set():
            try:
                got = httpc.fetch(self.url + query, timeout=12)
            except OSError as error:
                self.errors.append(str(error))
                continue
            if got.status != 200:
                self.errors.append(f"{got.status}")
                query = ""
                time.sleep(0.5)
                continue
            media = parse_media(got.text)
            for segment in media.segments:
                (self.gaps if segment.gap else self.with_media).add(segment.msn)
            newest = media.open or media.segments[-1]
            edge = (newest.msn, len(newest.parts))
            if not self.changes or edge != self.changes[-1][1]:
                self.changes.append((time.monotonic(), edge))
            # The next part; of gaps, which have none, the next segment.
            query = (f"?_HLS_msn={newest.msn}&_HLS_part={len(newest.parts)}" if media.open
                     else f"?_HLS_msn={newest.msn + 1}" + ("" if newest.gap else "&_HLS_part=0"))

    @property
    def longest_wait(self):
        """Between two changes of the playlist."""
        times = [at for at, _ in self.changes]
        return max((b - a for a, b in zip(times, times[1:])), default=0.0)

    def stop(self):
        self.stopped.set()
        self.thread.join(15)
