"""More rungs are asked for than fit on the machine."""
import time

import httpc
import publishers
from browser import Browser
from harness import MachineLoad, expect, get_json, test, wait_for
from test_players import fatal_or_decode, snapshot, wait_playing
from viewer import Viewer

RUNGS = {"720p": "2800k", "480p": "1200k", "360p": "700k"}
LADDER = [{"name": "source", "passthrough": True},
          *({"name": name, "height": int(name[:-1]), "bitrate": rate}
            for name, rate in RUNGS.items())]


@test(timeout=120, alone=True)
def three_times_what_fits_is_asked_for(case):
    """The source renditions stay whole, some rungs are encoded in time, the rest is refused."""
    names = [f"shop{i}" for i in range(6)]
    server = case.server({
        "ladder": {"full": LADDER},
        "channels": {name: {"keys": [f"key-{name}"], "ladder": "full",
                            "priority": 1 if name == "shop5" else 0} for name in names},
        "transcode": {"max_load": 60, "idle_after": "10s"}})
    path = case.file("product_1080p30_zerolat_4500k.flv")
    for name in names:
        publishers.ffmpeg_copy(case, path, server, f"key-{name}")
    for name in names:
        server.wait_playable(name)
    listed = httpc.fetch(server.url("shop0")).text
    expect("720p" in listed, "a rung that fits is not listed")

    sources = [Viewer(server, name, "source") for name in names]
    time.sleep(3)
    load = MachineLoad()
    # The last one asks when the others have taken all there is.
    rungs = {(name, rung): Viewer(server, name, rung) for name in names[:-1] for rung in RUNGS}
    time.sleep(4)
    rungs.update({("shop5", rung): Viewer(server, "shop5", rung) for rung in RUNGS})
    time.sleep(16)
    channels = server.channels()
    refused = {(name, r["name"]) for name in names for r in channels[name]["renditions"]
               if r.get("refused")}
    capacity = get_json(f"http://127.0.0.1:{server.api_port}/api/v1/transcode")
    admitted = {(share["channel"], share["rung"]) for share in capacity["rungs"]}
    factors = [value for (metric, _), value in server.metrics().items()
               if metric == "millrace_transcode_realtime_factor" and value > 0]
    case.note(f"{len(admitted)} of {len(rungs)} rungs admitted, {len(refused)} refused, "
              f"{capacity['charged_cores']:.2f} of {capacity['limit_cores']:.2f} cores and "
              f"{capacity['others_cores']:.2f} for others, {load.idle_share():.0%} idle, slowest "
              f"at {min(factors):.2f} of real time")
    expect(admitted, "no rung was admitted")
    expect(len(admitted) <= len(rungs) / 2, f"{len(admitted)} rungs were admitted")
    expect(admitted | refused == set(rungs), f"neither: {set(rungs) - admitted - refused}")
    expect(("shop5", "360p") in admitted, "the channel of higher priority has nothing")
    expect(min(factors) >= 1, f"rungs fall behind: {sorted(factors)}")
    expect(server.metric("millrace_transcode_rungs_refused") == len(refused), "the metric differs")
    expect("rung is refused channel=" in server.log() and "cores are left" not in server.log(),
           "the log does not say it")
    name, rung = sorted(refused)[0]
    expect(rung not in httpc.fetch(server.url(name)).text, f"{name} still lists {rung}")

    # A rung that was shed a moment ago ends with its segment; one may be admitted again meanwhile.
    def has_gaps(key):
        return max(rungs[key].gaps, default=0) > max(rungs[key].with_media, default=0)

    def still_refused():
        now = server.channels()
        return {(name, r["name"]) for name in names for r in now[name]["renditions"]
                if r.get("refused")} & refused

    wait_for(lambda: all(has_gaps(key) for key in still_refused()), 8, "gaps in what is refused")
    for viewer in [*sources, *rungs.values()]:
        viewer.stop()
    for viewer in sources:
        expect(not viewer.gaps and not viewer.errors, f"{viewer.url}: {viewer.gaps}, {viewer.errors}")
        expect(viewer.longest_wait < 1.0, f"{viewer.url} stood for {viewer.longest_wait:.2f} s")
    case.note(f"sources stood for {max(v.longest_wait for v in sources):.2f} s at most")
    for viewer in rungs.values():
        # 503 would make a player give up the channel; a refused rung goes on, as gaps.
        expect(not viewer.errors, f"{viewer.url}: {viewer.errors}")

    # The load falls: what nobody asks for is let go, and what was refused is offered again.
    wait_for(lambda: not server.metric("millrace_transcode_rungs_refused"), 30,
             "the rungs to be offered again")
    again = Viewer(server, name, rung)
    wait_for(lambda: max(again.with_media, default=0) > max(rungs[name, rung].gaps, default=0), 10,
             f"{name} {rung} to be encoded")
    again.stop()


@test(timeout=60, alone=True)
def players_leave_a_rung_that_is_refused(case):
    """hls.js plays on in the source when the rung it chose has nothing but gaps."""
    server = case.server({"transcode": {"max_load": 1}})
    publishers.ffmpeg_copy(case, case.file("product_1080p30_zerolat_4500k.flv"), server,
                           "secret-ladder")
    server.wait_playable("ladder", renditions=3)
    with Browser(case.folder / "chromium.log") as browser:
        browser.goto(f"{server.base}/?channel=ladder")
        wait_playing(browser, 30)
        by_height = {level["height"]: level["index"] for level in snapshot(browser)["levels"]}
        # As its own measurement of the bandwidth would: nobody insists on the rung.
        browser.evaluate(f"void (millrace.player.hls.nextAutoLevel = {by_height[360]})")
        wait_for(lambda: "rung is refused" in server.log(), 10, "the refusal")
        at = snapshot(browser)["time"]
        time.sleep(8)
        state = snapshot(browser)
        others = [e for e in fatal_or_decode(state) if e["details"] != "fragGap"]
        expect(not others, str(others))
        expect(state["state"] == "playing" and state["time"] - at > 5,
               f"it has played {state['time'] - at:.1f} of 8 s and is {state['state']}")
        expect(state["height"] == 1080, f"it plays {state['height']} lines")
        case.note(f"played {state['time'] - at:.1f} of 8 s, {state['stalls']} stalls")
