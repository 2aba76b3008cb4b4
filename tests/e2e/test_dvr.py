"""A rewind window on disk: what was live stays as it was, over a crash, and players go back in it."""
import subprocess
import time
import urllib.parse

import decode
from browser import Browser
from harness import expect, test, wait_for
from pages import Pages
from rewinding import fetch_media, media_playlist, publish, with_dvr


def collect(server, seen, seconds):
    """What the live playlists list for some time: {(rendition, uri): bytes}."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for rendition in ("source", "audio"):
            for segment in media_playlist(server, rendition).segments:
                for uri in filter(None, (segment.uri, segment.map_uri)):
                    if (rendition, uri) in seen or segment.gap:
                        continue
                    answer = fetch_media(server, rendition, uri)
                    if answer.status == 200:
                        seen[rendition, uri] = answer.body
        time.sleep(0.5)


def check_rewound(server, rendition, seen, least):
    """Every segment of the playlist with ?dvr has the bytes that it had when it was live."""
    dvr = media_playlist(server, rendition, "?dvr")
    live = media_playlist(server, rendition)
    expect(len(dvr.segments) >= least, f"{rendition}: {len(dvr.segments)} segments of {least}")
    expect(len(live.segments) < 12, f"the live playlist has {len(live.segments)} segments")
    numbers = {segment.uri: segment.msn for segment in dvr.segments}
    for segment in live.segments:
        expect(numbers.get(segment.uri, segment.msn) == segment.msn,
               f"{segment.uri} is {segment.msn} and {numbers.get(segment.uri)}")
    for segment in dvr.segments:
        expect(not segment.gap, f"{rendition}: {segment.uri} is a gap")
        for uri in (segment.uri, segment.map_uri):
            answer = fetch_media(server, rendition, uri)
            expect(answer.status == 200, f"{rendition}/{uri}: {answer.status}")
            expect(seen.get((rendition, uri), answer.body) == answer.body,
                   f"{rendition}/{uri} has other bytes than it had")
    return dvr


@test(timeout=150)
def rewinds_on_disk_and_after_a_crash(case):
    server = case.server(with_dvr(case))
    publisher = publish(case, server)
    server.wait_playable("one", renditions=2)
    seen = {}
    collect(server, seen, 24)
    for rendition in ("source", "audio"):
        check_rewound(server, rendition, seen, 20)
    read = server.metric("millrace_dvr_reads_total", outcome="ok")
    expect(read > 0, "nothing was read from disk")
    expect(server.metric("millrace_dvr_left_out_segments_total") == 0, "segments were left out")
    # From the very beginning, as fast as it comes.
    url = f"{server.url()}?dvr"
    done = subprocess.run(["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning",
                           "-live_start_index", "0", "-i", url, "-t", "15", "-f", "null", "-"],
                          capture_output=True, timeout=40, check=False)
    said = [line for line in done.stderr.decode("utf-8", "replace").splitlines()
            if not decode._harmless(line)]
    expect(done.returncode == 0 and not said, f"ffmpeg: {said}")
    before = media_playlist(server, "source", "?dvr")

    server.kill()
    case.servers.remove(server)
    publisher.stop()
    again = case.server(with_dvr(case))
    old = before.segments[0]
    kept = fetch_media(again, "source", old.uri)
    expect(kept.status == 200 and kept.body == seen["source", old.uri],
           f"before there is a publisher: {kept.status}")
    publish(case, again)
    again.wait_playable("one", renditions=2)
    time.sleep(3)
    dvr = check_rewound(again, "source", seen, len(before.segments))
    expect(dvr.segments[0].uri == old.uri, f"{dvr.segments[0].uri} is the first, not {old.uri}")
    expect(dvr.msn > before.msn, f"numbers ran back: {before.msn} to {dvr.msn}")
    expect(sum(segment.discontinuity for segment in dvr.segments) >= 1, "no discontinuity")
    case.note(f"{len(seen)} objects, {read:.0f} read from disk, {len(dvr.segments)} segments after "
              f"the crash")


def rewind_with(case, player):
    server = case.server(with_dvr(case, "2m"))
    publish(case, server)
    server.wait_playable("one", renditions=2)
    wait_for(lambda: len(media_playlist(server, "source", "?dvr").segments) >= 25, 40,
             "something to rewind to", 0.5)
    with Pages() as pages, Browser(case.folder / "chromium.log") as browser:
        address = urllib.parse.quote(f"{server.url()}?dvr", safe="")
        browser.goto(f"{pages.base}/rewinding.html?player={player}&url={address}")

        def look():
            state = browser.evaluate("window.look ? look() : null") or {"errors": [], "edge": None}
            expect(not state["errors"], f"{player}: {state['errors']}")
            return state

        def playing(where):
            """Moves on by a second and more there."""
            first = wait_for(lambda: (lambda state: state["edge"] and not state["seeking"] and
                                      where(state) and state)(look()), 20, "the player to be there")
            wait_for(lambda: look()["time"] > first["time"] + 1, 20, "the player to play there")
            return look()

        at_live = playing(lambda state: state["time"] > 0 and state["edge"] - state["time"] < 8)
        browser.evaluate("rewind()")
        back = playing(lambda state: state["time"] < at_live["time"] - 10)
        expect(back["time"] < at_live["time"] - 8, f"not back: {at_live} -> {back}")
        browser.evaluate("live()")
        returned = playing(lambda state: abs(state["edge"] - state["time"]) < 8)
        case.note(f"from {at_live['time']:.1f} s back to {back['time']:.1f} s and live again at "
                  f"{returned['time']:.1f} s, edge {returned['edge']:.1f} s")


@test(timeout=150, on="both")
def hls_js_rewinds_and_returns(case):
    rewind_with(case, "hls")


@test(timeout=150, on="both")
def shaka_rewinds_and_returns(case):
    rewind_with(case, "shaka")
