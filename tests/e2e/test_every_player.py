"""Every player on every shape of channel, several at once, joining as it comes: no stall, no error, no
word about timestamps; and what a viewer waits for the first picture, and how far behind live it is.

Shapes: pictures with sound in two rungs, by Low-Latency HLS where the player can and as plain HLS;
sound alone; HEVC where the player has a decoder.
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


def play_in_pages(case, players, is_low_latency, seconds):
    """Each of those players in a browser of its own, on pictures and on sound, over HTTP/2: by HTTP/1.1
    a browser has six connections to a host, which the held requests of so many would take up. In one
    browser they would answer each other's requests from its cache, as no viewer's do."""
    certificates, watchers = Certificates(case), []
    server = live_server(case, certificates.keys())
    base = f"https://127.0.0.1:{server.https_port}/live"
    flags = [f"--ignore-certificate-errors-spki-list={key_hash(certificates)}"]
    with contextlib.ExitStack() as stack:
        pages = stack.enter_context(Pages())
        browsers = [stack.enter_context(Browser(case.folder / f"chromium-{player}.log", flags))
                    for player in players]
        for browser in browsers:
            browser.goto(f"{pages.base}/every.html")
            wait_for(lambda: browser.evaluate("!!window.play"), 10, "the page")
        load = MachineLoad()
        for player, browser in zip(players, browsers):
            for channel in ("ladder", "sound"):
                watchers.append(InPage(browser, f"{player} {channel}", player,
                                       f"{base}/{channel}/index.m3u8", is_low_latency))
                time.sleep(STAGGER)
        began = time.monotonic()
        time.sleep(4)
        switch(watchers[::2])
        while time.monotonic() < began + seconds:
            time.sleep(1)
            for watcher in watchers:
                watcher.fetch()
        case.note(f"{load.idle_share():.0%} of the machine idle")
        for player, browser in zip(players, browsers):
            browser.screenshot(case.folder / f"{player}.png")
        # What Shaka advises where low latency is not wanted is no complaint.
        said = [text for browser in browsers for kind, text in browser.console
                if kind in ("exception", "error", "warning")
                and not text.startswith("Low-latency live stream detected")]
        finish(case, watchers, seconds)
        expect(not said, "\n".join(said))


@test(timeout=120, alone=True, long_only=True)
def browser_players_play_with_low_latency(case):
    play_in_pages(case, ("hls", "shaka"), True, 120 if case.long else 10)


@test(timeout=120, alone=True, long_only=True)
def browser_players_play_plain_hls(case):
    play_in_pages(case, ("hls", "shaka", "video.js"), False, 120 if case.long else 10)


@test(timeout=700, alone=True, long_only=True)
def hls_js_plays_for_ten_minutes(case):
    play_in_pages(case, ("hls",), True, 600)
