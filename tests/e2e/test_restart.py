"""A server that is started anew in mid-show: numbers and URLs never lie, players go on."""
import hashlib
import signal
import threading
import time

import httpc
import publishers
from browser import Browser
from harness import expect, test, wait_for
from pages import Pages
from playlist import parse_media
from test_players import snapshot

LADDER = {"ladder": {"two": [{"name": "source", "passthrough": True},
                             {"name": "180p", "height": 180, "bitrate": "200k"}]},
          "transcode": {"encode": "always"}}
RENDITIONS = ("source", "180p", "audio")


class Witness:
    """Reads playlists and segments, whether there is a server or not, and remembers what was said
    before: what runs back, and what has two contents."""

    def __init__(self, server, channel):
        self.base = f"{server.base}/live/{channel}"
        self.wrong, self.contents = [], {}
        self.first, self.newest, self.sequence = {}, {}, {}
        self.numbers = {}  # (rendition, URI): media sequence number.
        self.starts = set()  # What names a start of the server in URIs.
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.stopped.wait(0.3):
            for rendition in RENDITIONS:
                try:
                    self.look(rendition)
                except OSError:
                    continue  # The server is away.

    def look(self, rendition):
        got = httpc.fetch(f"{self.base}/{rendition}/index.m3u8", timeout=15)
        if got.status != 200:
            return
        media = parse_media(got.text)
        self.wrong += [str(fault) for fault in media.faults]
        if media.endlist:
            self.wrong.append(f"{rendition} says that the show is over")
        for segment in media.segments:
            key = (rendition, segment.uri)
            if self.numbers.setdefault(key, segment.msn) != segment.msn:
                self.wrong.append(f"{key} is {segment.msn} and {self.numbers[key]}")
        last = (media.open or media.segments[-1]).discontinuity_sequence
        for seen, now, what in ((self.first, media.msn, "EXT-X-MEDIA-SEQUENCE"),
                                (self.newest, media.last_complete, "media sequence numbers"),
                                (self.sequence, last, "discontinuity sequence")):
            if now < seen.get(rendition, 0):
                self.wrong.append(f"{rendition}: {what} ran back from {seen[rendition]} to {now}")
            seen[rendition] = now
        for segment in media.segments:
            if segment.gap:
                continue
            body = httpc.fetch(f"{self.base}/{rendition}/{segment.uri}", timeout=15)
            if body.status != 200:
                continue
            self.starts.add(segment.uri.split("-")[0])
            digest = hashlib.sha256(body.body).hexdigest()
            if self.contents.setdefault((rendition, segment.uri), digest) != digest:
                self.wrong.append(f"{rendition}/{segment.uri} has two contents")

    def stop(self):
        self.stopped.set()
        self.thread.join(20)


class Encoder:
    """Publishes again a second after its connection broke, as encoders do."""

    def __init__(self, case, server, key):
        self.case, self.server, self.key = case, server, key
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.publish, daemon=True)
        self.thread.start()

    def publish(self):
        while not self.stopped.is_set():
            tool = publishers.ffmpeg_small(self.case, self.server, self.key)
            while tool.running() and not self.stopped.wait(0.2):
                pass
            tool.stop()
            self.stopped.wait(1)

    def stop(self):
        self.stopped.set()
        self.thread.join(10)


class Watched:
    """The built-in page with hls.js, and Shaka by itself: two seconds of playing are going on."""

    def __init__(self, server, pages, page, shaka):
        self.page, self.shaka = page, shaka
        page.goto(f"{server.base}/?channel=ladder")
        shaka.goto(f"{pages.base}/holding.html?url={server.url('ladder')}&rungs=0")

    def shaka_state(self):
        found = self.shaka.evaluate("window.look ? look() : []")
        return found[0] if found else {"time": 0, "errors": [], "stood": 0}

    def expect_to_play(self, timeout, when):
        """Both show what they did not show before."""
        for name, clock, show in (
                ("the page", lambda: snapshot(self.page).get("time") or 0,
                 lambda: {k: v for k, v in snapshot(self.page).items() if k != "levels"}),
                ("Shaka", lambda: self.shaka_state()["time"], self.shaka_state)):
            until, last, played = time.monotonic() + timeout, clock(), 0.0
            while played < 2.0:
                expect(time.monotonic() < until, f"{when} {name} does not play: {show()}")
                time.sleep(0.2)
                now = clock()
                played += now - last if 0 < now - last < 1 else 0
                last = now


def restarted(case, how, has_state):
    """Players are there all the time."""
    settings = dict(LADDER) if has_state else {**LADDER, "hls": {"state_file": ""}}
    server = case.server(settings)
    encoder = Encoder(case, server, "secret-ladder")
    witness = None
    try:
        server.wait_playable("ladder", renditions=3)
        witness = Witness(server, "ladder")
        with Pages() as pages, Browser(case.folder / "hls.log") as page, \
                Browser(case.folder / "shaka.log") as shaka:
            watched = Watched(server, pages, page, shaka)
            watched.expect_to_play(40, "at first")
            before = dict(witness.newest)
            if how == signal.SIGKILL:
                server.kill()
                case.servers.remove(server)
            else:
                server.stop()
            down = time.monotonic()
            server = case.server(settings, after=server)
            wait_for(lambda: all(witness.newest[r] > before[r] + 1 for r in RENDITIONS), 40,
                     "the channel to go on")
            back = time.monotonic() - down
            watched.expect_to_play(60, "after the restart")
            play = time.monotonic() - down
            # What it asks of the start before is not there any more, nor the channel for a moment.
            errors = [error for error in watched.shaka_state()["errors"]
                      if "404,no such media" not in error and "404,no such channel" not in error]
        expect(not errors, f"Shaka: {errors}")
        expect(not witness.wrong, "\n".join(witness.wrong[:10]))
        expect(len(witness.starts) == 2, f"starts of the server: {witness.starts}")
        case.note(f"{how.name}{'' if has_state else ' without a state file'}: two segments more "
                  f"{back:.1f} s after the stop, and both players have played them {play:.1f} s after it")
    finally:
        if witness:
            witness.stop()
        encoder.stop()
    return server


@test(timeout=150, alone=True)
def restart_by_sigterm_with_a_state_file(case):
    restarted(case, signal.SIGTERM, True)


@test(timeout=150, alone=True)
def restart_by_sigkill_without_a_state_file(case):
    restarted(case, signal.SIGKILL, False)


@test(timeout=300, alone=True, long_only=True)
def restarts_in_every_other_way(case):
    restarted(case, signal.SIGKILL, True).stop()
    restarted(case, signal.SIGTERM, False)


@test(timeout=60)
def a_stop_ends_shows_where_it_is_told_to(case):
    """A player that holds a request is answered with the end."""
    server = case.server({"limits": {"end_on_stop": True}})
    publishers.ffmpeg_small(case, server, "secret-one")
    server.wait_playable()
    url = f"{server.base}/live/one/source/index.m3u8"
    newest = parse_media(httpc.fetch(url).text)
    held = {}

    def hold():
        held["answer"] = httpc.fetch(f"{url}?_HLS_msn={newest.msn + len(newest.segments) + 1}",
                                     timeout=15)
    thread = threading.Thread(target=hold)
    thread.start()
    wait_for(lambda: server.metric("millrace_hls_parked_requests") >= 1, 10, "a held request")
    server.stop()
    thread.join(15)
    expect(held["answer"].status == 200 and "#EXT-X-ENDLIST" in held["answer"].text,
           f"{held['answer'].status} {held['answer'].text[-200:]}")
