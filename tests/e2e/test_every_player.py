"""Every player on every shape of channel, several at once, joining as it comes: no stall, no error, no
word about timestamps; and what a viewer waits for the first picture, and how far behind live it is.

Shapes: pictures with sound in two rungs, by Low-Latency HLS where the player can, as plain HLS and as
MPEG-TS; sound alone; HEVC where the player has a decoder.
"""
import contextlib
import time

import burnt_clock
import httpc
import publishers
from browser import Browser
from certificates import Certificates
from harness import Failure, MachineLoad, expect, test, wait_for
from pages import Pages
from test_http2 import key_hash
from watchers import Ffplay, GStreamer, InPage, Mpv, Vlc, offset_of_dates

CHANNELS = ("ladder", "sound", "hevc")
# Seconds from one player's start to the next one's: no part of a segment is joined twice.
STAGGER = 0.33


def live_server(case, tls=None):
    """All shapes, on air for long enough that a plain player has its three segments."""
    server = case.server({
        "tls": tls or {},
        "hls": {"ts": True},
        "transcode": {"max_load": 0, "encode": "always"},  # What wakes a rung up is tested elsewhere.
        "ladder": {"none": [{"name": "source", "passthrough": True}],
                   "two": [{"name": "source", "passthrough": True},
                           {"name": "180p", "height": 180, "bitrate": "200k"}]},
        "channels": {"ladder": {"keys": ["secret-ladder"], "ladder": "two"},
                     "sound": {"keys": ["secret-sound"], "ladder": "none"},
                     "hevc": {"keys": ["secret-hevc"], "ladder": "none"}}})
    burnt_clock.publish(case, server, "secret-ladder")
    burnt_clock.publish(case, server, "secret-hevc", "hevc")
    publishers.ffmpeg_small(case, server, "secret-sound", video=False)
    for channel, renditions in (("ladder", 3), ("sound", 1), ("hevc", 2)):
        server.wait_playable(channel, renditions=renditions)
        wait_for(lambda: httpc.fetch(f"{server.base}/live/{channel}/audio/index.m3u8").text.count(
            "#EXTINF") > 2, 20, f"segments of {channel}")
    return server


def finish(case, watchers, seconds):
    """Ends them and says how they did; Failure where something was wrong."""
    for watcher in watchers:
        watcher.stop()
    case.note("; ".join(watcher.figures() for watcher in watchers))
    wrong = [line for watcher in watchers for line in watcher.verdict(seconds)]
    expect(not wrong, "\n".join(wrong))


def programs(case, server, playlist, demuxers):
    """Starts each player on each shape, one after the other."""
    for channel in CHANNELS:
        base, has_pictures = f"{server.base}/live/{channel}", channel != "sound"
        url, offset = f"{base}/{playlist}", offset_of_dates(f"{base}/audio/index.m3u8")
        yield Ffplay(case, f"ffplay {channel}", url, offset)
        yield Mpv(case, f"mpv {channel}", url, offset)
        yield Vlc(case, f"VLC {channel}", url, has_pictures)
        for demuxer in demuxers:
            yield GStreamer(case, f"{demuxer} {channel}", url, has_pictures, demuxer)


def play_in_programs(case, playlist, demuxers):
    server, watchers = live_server(case), []
    load = MachineLoad()
    for watcher in programs(case, server, playlist, demuxers):
        watchers.append(watcher)
        time.sleep(STAGGER)
    seconds = 120 if case.long else 12
    time.sleep(seconds)
    case.note(f"{load.idle_share():.0%} of the machine idle")
    finish(case, watchers, seconds)


@test(timeout=120, alone=True)
def every_program_plays_every_shape(case):
    """FFmpeg, mpv, VLC and GStreamer, all at once. Its older demuxer, hlsdemux, takes the time in an
    fMP4 for that since the first segment it saw: it shows nothing of FFmpeg's own HLS either that it
    did not see begin."""
    play_in_programs(case, "index.m3u8", ("hlsdemux2",))


@test(timeout=120, alone=True)
def every_program_plays_every_shape_as_ts(case):
    play_in_programs(case, "ts.m3u8", ("hlsdemux", "hlsdemux2"))


def switch(watchers):
    """To the lower rung and back, all at once: the picture changes its size."""
    for height in (180, 360):
        for watcher in watchers:
            watcher.choose(height)
        for watcher in watchers:
            try:
                wait_for(lambda: watcher.height() == height, 15, f"{height} lines")
            except Failure as failure:
                watcher.complain(f"{failure}; it shows {watcher.height()} of {watcher.heights()}")
            watcher.settle()


class InBrowsers:
    """Players in browsers of their own, on pictures and on sound, over HTTP/2: by HTTP/1.1 a browser has
    six connections to a host, which the held requests of so many would take up. In one browser they
    would answer each other's requests from its cache, as no viewer's do."""

    def __init__(self, case):
        self.case, self.stack, self.browsers, self.watchers = case, contextlib.ExitStack(), [], []
        certificates = Certificates(case)
        server = live_server(case, certificates.keys())
        self.base = f"https://127.0.0.1:{server.https_port}/live"
        self.flags = [f"--ignore-certificate-errors-spki-list={key_hash(certificates)}"]
        self.pages = self.stack.enter_context(Pages())
        self.load = MachineLoad()

    def start(self, player, playlist="index.m3u8", is_low_latency=False):
        """A browser with that player, on pictures and then on sound."""
        kind = "ll" if is_low_latency else playlist.removesuffix(".m3u8").replace("index", "plain")
        log = self.case.folder / f"chromium-{player}-{kind}.log"
        browser = self.stack.enter_context(Browser(log, self.flags))
        self.browsers.append((f"{player}-{kind}", browser))
        browser.goto(f"{self.pages.base}/every.html")
        wait_for(lambda: browser.evaluate("!!window.play"), 10, "the page")
        for channel in ("ladder", "sound"):
            self.watchers.append(InPage(browser, f"{player} {kind} {channel}", player,
                                        f"{self.base}/{channel}/{playlist}", is_low_latency))
            time.sleep(STAGGER)

    def play(self, seconds):
        """Switches rungs and back, and then looks at how they do. It ends them."""
        with self.stack:
            began = time.monotonic()
            time.sleep(4)
            switch(self.watchers[::2])
            while time.monotonic() < began + seconds:
                time.sleep(1)
                for watcher in self.watchers:
                    watcher.fetch()
            self.case.note(f"{self.load.idle_share():.0%} of the machine idle")
            for name, browser in self.browsers:
                browser.screenshot(self.case.folder / f"{name}.png")
            # What Shaka advises where low latency is not wanted is no complaint.
            said = [text for _, browser in self.browsers for kind, text in browser.console
                    if kind in ("exception", "error", "warning")
                    and not text.startswith("Low-latency live stream detected")]
            finish(self.case, self.watchers, seconds)
            expect(not said, "\n".join(said))


@test(timeout=120, alone=True, long_only=True)
def browser_players_play_with_low_latency(case):
    players = InBrowsers(case)
    for player in ("hls", "shaka"):
        players.start(player, is_low_latency=True)
    players.play(120 if case.long else 10)


@test(timeout=120, alone=True, long_only=True)
def browser_players_play_plain_hls(case):
    players = InBrowsers(case)
    for player in ("hls", "shaka", "video.js"):
        players.start(player)
    players.play(120 if case.long else 10)


@test(timeout=120, alone=True, long_only=True)
def browser_players_play_ts(case):
    """hls.js is in the ten minutes below."""
    players = InBrowsers(case)
    for player in ("shaka", "video.js"):
        players.start(player, "ts.m3u8")
    players.play(120 if case.long else 10)


@test(timeout=720, alone=True, long_only=True)
def hls_js_plays_every_shape_for_ten_minutes(case):
    players = InBrowsers(case)
    players.start("hls", is_low_latency=True)
    players.start("hls")
    players.start("hls", "ts.m3u8")
    players.play(600)
