"""Browsers: the page with hls.js as viewers see it, and Shaka Player on a page of its own."""
import json
import time

import publishers
from browser import Browser
from harness import MachineLoad, Skip, expect, test, wait_for
from pages import Pages

_SNAPSHOT = "window.millrace ? millrace.player.snapshot() : null"


def snapshot(browser):
    return browser.evaluate(_SNAPSHOT) or {"state": "no page", "levels": [], "errors": [],
                                           "stalls": 0}


def wait_playing(browser, timeout):
    def playing():
        state = snapshot(browser)
        expect(state["state"] != "failed", f"the page says {state.get('message')}")
        return state["state"] == "playing" and state["time"] > 0 and state["latency"] and state
    return wait_for(playing, timeout, "the page to play", 0.1)


def fatal_or_decode(state):
    """Errors that a viewer would see: fatal ones, and everything about decoding or appending. Not
    that hls.js goes from its zero to where its first fragment begins: a clock that still says
    exactly zero has shown nothing."""
    return [e for e in state["errors"] if e["fatal"] or e["type"] == "mediaError" and
            e["details"] not in ("bufferStalledError", "bufferNudgeOnStall") and
            not (e["details"] == "bufferSeekOverHole" and "seeking from 0 to" in (e.get("reason") or ""))]


def watch(browser, seconds, step=0.5):
    """Snapshots over a time."""
    seen, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        seen.append(snapshot(browser))
        time.sleep(step)
    return seen


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def choose(browser, index):
    """As a viewer does it: a click on the rung."""
    browser.evaluate(f"document.querySelector('#choices [data-index=\"{index}\"] input').click()")


@test(timeout=90, alone=True)
def demo_plays_in_the_page(case):
    """From the start of the server with its demo channel to moving pictures, and a screenshot."""
    server = case.server(arguments=["--demo"])
    with Browser(case.folder / "chromium.log") as browser:
        browser.goto(f"{server.base}/?channel=demo")
        wait_playing(browser, 30)
        took = time.monotonic() - server.started_at
        slow = case.is_sanitized
        case.note(f"plays {took:.1f} s after the server's start{' (sanitized)' if slow else ''}")
        expect(took < (30 if slow else 10), f"played only after {took:.1f} s")
        load = MachineLoad()
        seen = watch(browser, 170 if case.long else 8)
        latencies = [state["latency"] for state in seen[4:] if state["latency"]]
        middle = percentile(latencies, 0.5)
        case.note(f"live latency median {middle:.2f} s, p95 {percentile(latencies, 0.95):.2f} s, "
                  f"stalls {seen[-1]['stalls']}, dropped {seen[-1]['droppedFrames']} of "
                  f"{seen[-1]['totalFrames']}")
        case.note(f"{load.idle_share():.0%} of the machine idle")
        browser.screenshot(case.folder / "page.png")
        expect(not fatal_or_decode(seen[-1]), str(fatal_or_decode(seen[-1])))
        expect(not browser.exceptions(), str(browser.exceptions()))
        expect(slow or middle <= 1.0, f"steady live latency is {middle:.2f} s")
        expect(slow or not seen[-1]["stalls"], f"{seen[-1]['stalls']} stalls")
        foreign = [url for url in browser.requests
                   if not url.startswith((server.base, "data:", "blob:"))]
        expect(not foreign, f"the page asked elsewhere: {foreign}")


@test(timeout=120, alone=True)
def rungs_are_switched_by_hand(case):
    """Down and up, each by a click: the picture changes its size, nothing stalls or fails."""
    # A browser without a GPU needs more than a core for 1080p: not every machine has that left.
    server, (high, low) = publishers.two_rungs(case, is_small=True)
    with Browser(case.folder / "chromium.log") as browser:
        browser.goto(f"{server.base}/?channel=ladder")
        state = wait_playing(browser, 30)
        wait_for(lambda: len(snapshot(browser)["levels"]) == 2, 10, "both rungs in the page")
        by_height = {level["height"]: level["index"] for level in snapshot(browser)["levels"]}
        expect(set(by_height) == {high, low}, f"rungs {by_height}")
        watch(browser, 3)
        before, load = snapshot(browser), MachineLoad()
        until, round_trips = time.monotonic() + (170 if case.long else 14), 0
        while time.monotonic() < until:
            for height in (low, high):
                choose(browser, by_height[height])
                wait_for(lambda: snapshot(browser)["height"] == height, 10, f"the {height} lines")
                watch(browser, 1.5)
            round_trips += 1
        state = snapshot(browser)
        browser.screenshot(case.folder / "page.png")
        stalls = state["stalls"] - before["stalls"]
        case.note(f"{round_trips} times down and up, {stalls} stalls, "
                  f"latency {state['latency']:.2f} s, {load.idle_share():.0%} of the machine idle")
        expect(not fatal_or_decode(state), str(fatal_or_decode(state)))
        expect(stalls == 0, f"{stalls} stalls: {state['errors'][-5:]}")
        expect(not browser.exceptions(), str(browser.exceptions()))


@test(timeout=90, alone=True)
def page_waits_for_a_channel_and_takes_it_up_again(case):
    """A channel that is not live is said in words; its start, loss and return need no reload."""
    server = case.server()
    with Browser(case.folder / "chromium.log") as browser:
        browser.goto(f"{server.base}/?channel=one")
        wait_for(lambda: "not live" in snapshot(browser).get("message", ""), 10, "the message")
        publisher = publishers.ffmpeg_small(case, server, "secret-one")
        wait_playing(browser, 30)
        publisher.stop()
        wait_for(lambda: snapshot(browser)["state"] != "playing", 20, "the picture to stop")
        at = snapshot(browser)["time"]
        publishers.ffmpeg_small(case, server, "secret-one")
        wait_for(lambda: snapshot(browser)["state"] == "playing" and
                 abs(snapshot(browser)["time"] - at) > 0.5, 30, "the picture to go on")
        expect(not browser.exceptions(), str(browser.exceptions()))


@test(timeout=90, alone=True)
def page_takes_up_a_show_that_began_before_it_asked(case):
    """The list is asked every two seconds: an end and a new start may lie between two answers."""
    server = case.server()
    publisher = publishers.ffmpeg_small(case, server, "secret-one")
    server.wait_playable("one")
    with Browser(case.folder / "chromium.log") as browser:
        browser.goto(f"{server.base}/?channel=one")
        wait_playing(browser, 30)
        browser.evaluate("""void (() => {
            const real = window.fetch;
            window.fetch = async (...all) => {
              const text = await (await real(...all)).text();
              return new Response(text.replaceAll('"ended"', '"live"'));
            };
        })()""")
        publisher.stop()
        wait_for(lambda: server.channels()["one"]["state"] == "ended", 20, "the end of the show")
        time.sleep(1.5)  # What is buffered is played, and the player has found its end.
        at = snapshot(browser)["time"]
        publishers.ffmpeg_small(case, server, "secret-one")
        wait_for(lambda: snapshot(browser)["state"] == "playing" and
                 abs(snapshot(browser)["time"] - at) > 0.5, 30, "the picture to go on")
        expect(not browser.exceptions(), str(browser.exceptions()))


@test(timeout=60, alone=True)
def sound_alone_and_picture_alone_play(case):
    server = case.server()
    publishers.ffmpeg_small(case, server, "secret-one", video=False)
    publishers.ffmpeg_small(case, server, "secret-two", audio=False)
    for channel in ("one", "two"):
        server.wait_playable(channel)
    with Browser(case.folder / "chromium.log") as browser:
        for channel in ("one", "two"):
            browser.goto(f"{server.base}/?channel={channel}")
            wait_playing(browser, 20)
            seen = watch(browser, 3)
            expect(seen[-1]["time"] - seen[0]["time"] > 1.5, f"{channel} does not go on")
            expect((seen[-1]["height"] == 0) == (channel == "one"),
                   f"{channel}: {seen[-1]['height']} lines")
            expect(not fatal_or_decode(seen[-1]), str(fatal_or_decode(seen[-1])))


@test(timeout=60, alone=True)
def what_the_browser_cannot_decode_is_said_in_words(case):
    """Debian's Chromium has no HEVC."""
    server = case.server()
    publishers.hevc(case, server, "secret-one")
    server.wait_playable("one", renditions=1)
    with Browser(case.folder / "chromium.log") as browser:
        kind = 'video/mp4; codecs="hvc1.1.6.L120.90"'
        if browser.evaluate(f"MediaSource.isTypeSupported({json.dumps(kind)})"):
            raise Skip("this Chromium decodes HEVC")
        browser.goto(f"{server.base}/?channel=one")
        wait_for(lambda: snapshot(browser)["state"] == "failed", 15, "the page to say so")
        message = snapshot(browser)["message"]
        expect("cannot decode" in message and "hvc1" in message, message)
        expect(not browser.exceptions(), str(browser.exceptions()))


@test(timeout=90, alone=True)
def shaka_plays_from_another_origin(case):
    """From a page of another host, so CORS is what it has to be. Of a small picture: Chromium
    decodes 1080 lines in software, and shows a quarter of them where the machine is busy."""
    server, _ = publishers.two_rungs(case, is_small=True)
    with Pages() as pages, Browser(case.folder / "chromium.log") as browser:
        browser.goto(f"{pages.base}/shaka.html?url={server.url('ladder')}")
        wait_for(lambda: browser.evaluate("window.seen && (seen.loaded || seen.errors.length)"),
                 30, "Shaka to load")
        wait_for(lambda: browser.evaluate("look()")["time"] > 0, 20, "Shaka to play")
        first = browser.evaluate("look()")
        if case.long:
            time.sleep(170)
        # How fast a browser without a GPU shows them is the machine's matter; that it goes on is ours.
        wait_for(lambda: browser.evaluate("look()")["frames"] - first["frames"] > 60, 20,
                 "sixty more pictures")
        last = browser.evaluate("look()")
        browser.screenshot(case.folder / "page.png")
        case.note(f"{last['frames'] - first['frames']} frames, {last['behind']:.2f} s behind "
                  f"the edge, {last['stalls']} stalls")
        expect(not last["errors"], f"Shaka: {last['errors']}")
        expect(len(last["variants"]) == 2, f"variants {last['variants']}")
