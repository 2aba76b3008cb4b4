"""Rungs that are encoded only while somebody asks for them."""
import json
import time
import urllib.error
import urllib.request

import decode
import httpc
import publishers
from browser import Browser
from harness import MachineLoad, expect, test, wait_for
from playlist import parse_media
from test_players import choose, fatal_or_decode, snapshot, wait_playing, watch
from test_publish import judge, readable

LADDER = {"ladder": {"two": [{"name": "source", "passthrough": True},
                             {"name": "180p", "height": 180, "bitrate": "200k"},
                             {"name": "90p", "height": 90, "bitrate": "100k"}]},
          "transcode": {"encode": "on-demand", "idle_after": "10s"}}


def media(server, rendition, query=""):
    got = httpc.fetch(f"{server.base}/live/ladder/{rendition}/index.m3u8{query}")
    expect(got.status == 200, f"{rendition} is answered {got.status}")
    return parse_media(got.text)


def idle(server):
    return {r["name"] for r in server.channels()["ladder"]["renditions"] if r.get("idle")}


@test(timeout=90, alone=True)
def rungs_are_encoded_while_somebody_asks(case):
    server = case.server(LADDER)
    publishers.ffmpeg_small(case, server, "secret-ladder")
    server.wait_playable("ladder", renditions=4)
    listed = httpc.fetch(f"{server.url('ladder')}").text
    expect(all(name in listed for name in ("180p", "90p")), f"not listed: {listed}")
    wait_for(lambda: len(media(server, "source").segments) >= 5, 20, "five segments")
    expect(idle(server) == {"180p", "90p"}, f"idle are {idle(server)}")
    expect(server.metric("millrace_transcode_workers") == 0, "a worker runs for nobody")
    expect(not server.metric("millrace_hls_gap_segments_total"), "what nobody wants is not missing")
    began = time.monotonic()
    first = media(server, "180p")
    took = time.monotonic() - began
    case.note(f"a sleeping rung's playlist after {took * 1000:.0f} ms")
    expect(took < (3 if case.is_sanitized else 1), f"the first part came after {took:.2f} s")
    newest = first.open or first.segments[-1]
    expect(newest.parts and newest.parts[0].independent, "nothing to begin with")
    # Players begin three target durations back; what is before is a gap under its number.
    gaps = [s.gap for s in first.segments]
    # (Four where a segment opened meanwhile.)
    expect(gaps == sorted(gaps, reverse=True) and gaps.count(False) in (3, 4), f"gaps {gaps}")
    # The oldest of them may still be on its way: who asks for it waits.
    oldest = next(s for s in first.segments if not s.gap)
    began = time.monotonic()
    got = httpc.fetch(f"{server.base}/live/ladder/180p/{oldest.uri}")
    expect(got.status == 200, f"the oldest segment is answered {got.status}")
    case.note(f"its oldest segment {(time.monotonic() - began) * 1000:.0f} ms later")
    known = {s.msn: s for s in media(server, "source").segments}
    for segment in first.segments:
        expect(segment.msn not in known or segment.pdt == known[segment.msn].pdt,
               f"{segment.msn} is another segment than the source's")
    said = decode.ffmpeg_reads(f"{server.base}/live/ladder/180p/index.m3u8", 2.0)
    expect(not said, said)
    expect(idle(server) == {"90p"}, f"idle are {idle(server)}")
    expect(server.metric("millrace_transcode_workers") == 1, "one worker for one rung")
    # Nobody asks any more.
    wait_for(lambda: server.metric("millrace_transcode_workers") == 0, 20, "the worker to end")
    wait_for(lambda: idle(server) == {"180p", "90p"}, 5, "the rung to sleep")
    time.sleep(3)
    again = media(server, "180p")
    expect(not (again.open or again.segments[-1]).gap, "it does not go on")
    numbers = [s.msn for s in again.segments]
    expect(numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"numbers {numbers}")
    expect(server.metric("millrace_transcode_rung_starts_total", channel="ladder") == 2,
           "two starts are counted")
    judge(case, server, "ladder", 6.0)
    readable(server, "ladder", 2.0)


@test(timeout=120, alone=True)
def page_switches_through_sleeping_rungs(case):
    """Down and up by hand, each time into a rung that sleeps: nothing stalls or fails."""
    server = case.server(LADDER)
    publishers.ffmpeg_small(case, server, "secret-ladder")
    server.wait_playable("ladder", renditions=4)
    with Browser(case.folder / "chromium.log") as browser:
        browser.goto(f"{server.base}/?channel=ladder")
        wait_playing(browser, 30)
        by_height = {level["height"]: level["index"] for level in snapshot(browser)["levels"]}
        expect(set(by_height) == {360, 180, 90}, f"rungs {by_height}")
        choose(browser, by_height[360])
        wait_for(lambda: snapshot(browser)["height"] == 360, 10, "the source")
        watch(browser, 3)
        before, load, times = snapshot(browser), MachineLoad(), []
        rounds = ((180, 360, 90, 360) * (6 if case.long else 1)) + (180,)
        for height in rounds:
            began = time.monotonic()
            choose(browser, by_height[height])
            wait_for(lambda: snapshot(browser)["height"] == height, 10, f"the {height} lines")
            times.append(time.monotonic() - began)
            # Long enough for the others to fall asleep again.
            wait_for(lambda: len(idle(server)) == (2 if height == 360 else 1), 30, "sleep")
        state = snapshot(browser)
        browser.screenshot(case.folder / "page.png")
        stalls = state["stalls"] - before["stalls"]
        case.note(f"{len(rounds)} switches, {stalls} stalls, the picture after "
                  f"{', '.join(f'{t:.1f}' for t in times)} s, {load.idle_share():.0%} idle")
        expect(not fatal_or_decode(state), str(fatal_or_decode(state)))
        expect(stalls == 0, f"{stalls} stalls: {state['errors'][-5:]}")
        expect(not browser.exceptions(), str(browser.exceptions()))


@test(timeout=60)
def operator_says_when_a_rung_is_encoded(case):
    """Over the API, in the middle of a show: always, off, and as configured again."""
    server = case.server({**LADDER, "api": {"token": "let-me-in-1"}})
    publishers.ffmpeg_small(case, server, "secret-ladder")
    server.wait_playable("ladder", renditions=4)
    api = f"http://127.0.0.1:{server.api_port}/api/v1/channels/ladder/rungs/180p"

    def say(method, query="", token="let-me-in-1"):
        request = urllib.request.Request(api + query, method=method,
                                         headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    status, said = say("PUT", "?encode=always", token="wrong")
    expect(status == 401 and "api.token" in said["error"], f"{status} {said}")
    status, said = say("PUT", "?encode=always")
    expect(status == 200 and said["encode"] == "always", f"{status} {said}")
    wait_for(lambda: idle(server) == {"90p"}, 10, "the rung to be encoded for nobody")
    status, said = say("PUT", "?encode=off")
    expect(status == 200 and said["encode"] == "off", f"{status} {said}")
    wait_for(lambda: server.metric("millrace_transcode_workers") == 0, 10, "the worker to end")
    expect("180p" not in httpc.fetch(server.url("ladder")).text, "it is still listed")
    wait_for(lambda: media(server, "180p").segments[-1].gap, 10, "its playlist to have gaps")
    status, said = say("DELETE")
    expect(status == 200 and said["by"] == "configuration", f"{status} {said}")
    wait_for(lambda: not media(server, "180p").segments[-1].gap, 10, "it to be encoded again")
    expect("180p" in httpc.fetch(server.url("ladder")).text, "it is not listed again")
    judge(case, server, "ladder", 5.0)
