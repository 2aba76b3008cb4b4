"""Devices that encode, and fail in mid-stream: fake ones, which do it when they are told to."""
import time

import decode
import httpc
import publishers
from browser import Browser
from harness import expect, get_json, test, wait_for
from pages import Pages
from test_players import choose, snapshot, wait_playing, watch
from test_publish import judge, readable
from viewer import Viewer

LADDER = {"ladder": {"two": [{"name": "source", "passthrough": True},
                             {"name": "180p", "height": 180, "bitrate": "200k"}]},
          "transcode": {"encode": "always", "devices": "prefer-gpu"}}
GOP = 2.0


class Fakes:
    """Two fake devices: fake:0 and fake:1."""

    def __init__(self, case):
        self.files = [case.folder / "fake0", case.folder / "fake1"]
        for device in range(2):
            self.tell(device, "")
        self.environment = {"MILLRACE_FAKE_DEVICES": ":".join(str(f) for f in self.files)}

    def tell(self, device, command):
        new = self.files[device].with_suffix(".new")
        new.write_text(command)
        new.rename(self.files[device])


def ladders(server):
    found = get_json(f"http://127.0.0.1:{server.api_port}/api/v1/transcode")["devices"]
    return {device["name"]: device["ladders"] for device in found}


def start(case):
    fakes = Fakes(case)
    server = case.server(LADDER, environment=fakes.environment)
    wait_for(lambda: set(ladders(server)) >= {"fake:0", "fake:1"}, 20, "the probe to end")
    publishers.ffmpeg_small(case, server, "secret-ladder")
    server.wait_playable("ladder", renditions=3)
    wait_for(lambda: ladders(server)["fake:0"] == 1, 10, "a worker on the first device")
    return server, fakes


@test(timeout=120, alone=True)
def rungs_go_on_elsewhere_when_a_device_fails(case):
    """From one device to the next: not a picture is missing. From there to the CPU, whose parameter
    sets are others: from the next segment on. hls.js and Shaka stay on the rung."""
    server, fakes = start(case)
    with Pages() as pages, Browser(case.folder / "hls.log") as hls, \
            Browser(case.folder / "shaka.log") as shaka:
        hls.goto(f"{server.base}/?channel=ladder")
        wait_playing(hls, 30)
        by_height = {level["height"]: level["index"] for level in snapshot(hls)["levels"]}
        choose(hls, by_height[180])
        wait_for(lambda: snapshot(hls)["height"] == 180, 10, "the rung")
        shaka.goto(f"{pages.base}/shaka.html?url={server.base}/live/ladder/180p/index.m3u8")
        wait_for(lambda: (shaka.evaluate("window.seen && look()") or {}).get("time", 0) > 0, 30,
                 "Shaka to play")
        watch(hls, 3)
        source, rung = Viewer(server, "ladder", "source"), Viewer(server, "ladder", "180p")
        time.sleep(1)
        fakes.tell(0, "encode")
        wait_for(lambda: ladders(server)["fake:1"] == 1, 5, "the other device")
        time.sleep(6)
        expect(not rung.gaps, f"segments are missing: {rung.gaps}")
        expect(not rung.errors and rung.longest_wait < 1.5, f"{rung.errors} {rung.longest_wait:.2f} s")
        fakes.tell(1, "hang")
        wait_for(lambda: ladders(server)["fake:1"] == 0, 6, "the CPU")
        time.sleep(10)
        watch(hls, 3)
        frames = shaka.evaluate("look()")["frames"]
        wait_for(lambda: shaka.evaluate("look()")["frames"] > frames + 30, 10, "Shaka to go on")
        for viewer in (source, rung):
            viewer.stop()
        page, other = snapshot(hls), shaka.evaluate("look()")
        case.note(f"the rung stood for {rung.longest_wait:.2f} s at most, {len(rung.gaps)} gaps, the "
                  f"source {source.longest_wait:.2f} s; hls.js stalled {page['stalls']} times, Shaka "
                  f"{other['stalls']}")
        expect(not source.gaps and not source.errors, f"{source.gaps} {source.errors}")
        expect(source.longest_wait < 0.7, f"the source stood for {source.longest_wait:.2f} s")
        # Noticed after a second of silence.
        expect(not rung.errors and rung.longest_wait < 1 + GOP + 1,
               f"{rung.errors} {rung.longest_wait:.2f} s")
        expect(len(rung.gaps) <= 2, f"segments are missing: {rung.gaps}")
        # It tells of the gap, and takes another rung meanwhile.
        fatal = [error for error in page["errors"] if error["fatal"]]
        expect(not fatal, str(fatal))
        case.note("hls.js told of " + ", ".join(sorted({e["details"] for e in page["errors"]})))
        expect(page["height"] == 180 or page["height"] == 360, str(page["height"]))
        # The part that was hinted when the device failed never comes to be, which is 404, whether it
        # was asked for before that was known or after; it goes on.
        withdrawn = ("404,no such media", "404,it will not come")
        wrong = [error for error in other["errors"] if not any(w in error for w in withdrawn)]
        expect(not wrong, f"Shaka: {wrong}")
    expect(server.metric("millrace_transcode_failovers_total") == 2, "two failovers are counted")
    expect(server.metric("millrace_transcode_device_failures_total", device="fake:1") == 1,
           "the device's failure is counted")
    log = server.log()
    expect("device=fake:0 why=\"fake device: told to fail to encode\"" in log, log[-2000:])
    expect("device=fake:1 why=\"takes no packets\"" in log, log[-2000:])
    judge(case, server, "ladder", 6.0)
    readable(server, "ladder")


@test(timeout=60)
def probe_hardware_tells_what_devices_can_do(case):
    fakes = Fakes(case)
    fakes.tell(1, "open")
    done = case.run("probe", [case.build / "millrace", "probe-hardware"], env=fakes.environment)
    expect(done.wait(50) == 0, done.text())
    said = done.text()
    expect("fake:0: decodes h264 hevc; encodes h264\n" in said, said)
    expect("fake:1: of no use: fake device: told not to open\n" in said, said)


@test(timeout=60)
def gpu_only_makes_nothing_on_the_cpu(case):
    """Without a device the rung is a gap; the source plays."""
    server = case.server({**LADDER, "transcode": {"encode": "always", "devices": "gpu-only"}})
    publishers.ffmpeg_small(case, server, "secret-ladder")
    url = f"{server.base}/live/ladder/source/index.m3u8"
    wait_for(lambda: httpc.fetch(url).status == 200, 20, "the source")
    said = decode.ffmpeg_reads(url, 3.0)
    expect(not said, said)
    wait_for(lambda: "gpu-only, and none of" in server.log(), 10, "the reason in the log")
    expect(server.metric("millrace_transcode_workers") == 0, "a worker runs")
