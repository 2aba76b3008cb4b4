"""What a template can ask of a rung besides a size: another codec, fewer pictures; and what a source
asks of it: no combs of its fields, and the same pictures at the same times."""
import re
import subprocess
import time

import counted
import decode
import httpc
import publishers
from browser import Browser
from harness import expect, test, wait_for
from llhls import Check
from playlist import parse_media, parse_multivariant
from test_players import choose, fatal_or_decode, snapshot, wait_playing, watch
from test_publish import as_file, readable

OTHERS = {"ladder": {"two": [
    {"name": "source", "passthrough": True},
    {"name": "270p", "height": 270, "bitrate": "500k", "max_frame_rate": 30},
    {"name": "180p", "height": 180, "bitrate": "300k", "codec": "hevc", "max_frame_rate": 30},
    {"name": "90p", "height": 90, "bitrate": "100k", "codec": "av1", "max_frame_rate": 15}]}}
# Rung to what ffprobe and the multivariant playlist say of it.
EXPECTED = {"source": ("h264", 60, "avc1."), "270p": ("h264", 30, "avc1."),
            "180p": ("hevc", 30, "hvc1."), "90p": ("av1", 15, "av01.")}


@test(timeout=90, alone=True)
def rungs_have_their_own_codec_and_frame_rate(case):
    """Of a source with 60 pictures per second; numbers, boundaries and dates are the source's."""
    server = case.server(OTHERS)
    clip = counted.make(case, "sixty", "60", 25, ["-bf", "2", "-g", "120"])
    publishers.ffmpeg_copy(case, clip, server, "secret-ladder", loop=False)
    server.wait_playable("ladder", renditions=5)
    check = Check(server.url("ladder"), 10.0, lenient_timing=True, with_probes=False)
    report = check.run()
    expect(not report.count("FAIL"), report.text())
    readable(server, "ladder")
    files = {each.where: as_file(case, each) for each in check.followers}
    for name, (codec, rate, _) in EXPECTED.items():
        video = decode.probe(files[name])[0][0]
        expect(video["codec_name"] == codec, f"{name} is {video}")
        times = sorted(pts for pts, _ in decode.packet_times(files[name], "v"))
        # Where a segment has an odd number of pictures its last one is shorter.
        steps = sorted(b - a for a, b in zip(times, times[1:]))
        step = steps[len(steps) // 2]
        expect(abs(step * rate - 1) < 0.05, f"{name} has a picture every {step:.4f} s")
    listed = {v["URI"].split("/")[-2]: v
              for v in parse_multivariant(httpc.fetch(server.url("ladder")).text).variants}
    for name, (_, rate, codec) in EXPECTED.items():
        said = listed.get(name, {})
        expect(float(said.get("FRAME-RATE", 0)) == rate and codec in said.get("CODECS", ""),
               f"{name} is listed as {said}")


def fields_of(source, filters=""):
    """How many pictures of `source` FFmpeg takes for interlaced, and for progressive."""
    done = subprocess.run(["ffmpeg", "-nostdin", "-hide_banner", "-i", source, "-t", "4", "-vf",
                           f"{filters}idet", "-an", "-f", "null", "-"], capture_output=True,
                          timeout=40, check=True)
    said = re.findall(r"Multi frame detection: TFF: *(\d+) BFF: *(\d+) Progressive: *(\d+)",
                      done.stderr.decode("utf-8", "replace"))
    expect(said, f"no word of idet: {done.stderr[-400:]}")
    top, bottom, progressive = (int(number) for number in said[-1])
    return top + bottom, progressive


@test(timeout=60)
def interlaced_source_makes_progressive_rungs(case):
    clip = case.folder / "interlaced.ts"
    made = case.run("ffmpeg", [
        "ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-f", "lavfi", "-i",
        "testsrc2=size=720x576:rate=50", "-t", 40, "-vf", "tinterlace=interleave_top,format=yuv420p",
        "-c:v", "libx264", "-preset", "ultrafast", "-flags", "+ildct+ilme", "-x264-params",
        "tff=1:keyint=50:scenecut=0", "-b:v", "3M", "-f", "mpegts", clip])
    expect(made.wait(40) == 0, made.text())
    interlaced, progressive = fields_of(clip)
    expect(interlaced > 50 and progressive < 10, f"the clip is no such source: {progressive}")
    left_by_ffmpeg, _ = fields_of(clip, "yadif,")
    # As large as the source: nothing hides behind a scaler.
    server = case.server({"ladder": {"two": [{"name": "576p", "height": 576, "bitrate": "2M"}]}})
    publishers.ffmpeg_srt(case, clip, server, "secret-ladder")
    server.wait_playable("ladder", renditions=1)
    interlaced, progressive = fields_of(f"{server.base}/live/ladder/576p/index.m3u8")
    case.note(f"{interlaced} of {interlaced + progressive} pictures look interlaced, of yadif's "
              f"{left_by_ffmpeg}")
    expect(progressive > 50 and interlaced <= left_by_ffmpeg + 2,
           f"{interlaced} pictures look interlaced, of yadif's {left_by_ffmpeg}")


# Name to what makes FFmpeg of pictures that are numbered in the picture, at that rate.
COUNTED = {
    "b-frames": ("30", ["-bf", "3", "-g", "60"]),
    "ntsc": ("30000/1001", ["-bf", "0", "-g", "60"]),
    # Every second picture on the second rung; segments of an odd number of pictures.
    "ntsc60": ("60000/1001", ["-bf", "2", "-g", "75"]),
    "pal": ("25", ["-bf", "1", "-g", "50"]),
    "phone": ("30", ["-bf", "0", "-g", "60", "-vf",
                     "setpts='PTS+0.012*mod(N*7\\,3)/TB',select='not(eq(mod(n\\,9)\\,4))'",
                     "-vsync", "passthrough"]),
    "drops": ("30", ["-bf", "1", "-g", "60", "-vf", "select='not(between(mod(n\\,50)\\,20\\,24))'",
                     "-vsync", "passthrough"]),
}


@test(timeout=120, alone=True)
def rungs_have_the_source_s_pictures_at_its_times(case):
    """Every rung's segment begins with the source's picture, and no picture of it is at another time
    than the source's of the same number: decoded, and read from the picture."""
    server = case.server({
        "ladder": {"counted": [
            {"name": "source", "passthrough": True},
            {"name": "180p", "height": 180, "bitrate": "400k"},
            {"name": "90p", "height": 90, "bitrate": "200k", "max_frame_rate": 30}]},
        "transcode": {"encode": "always"},
        "channels": {name: {"keys": [f"key-{name}"], "ladder": "counted"} for name in COUNTED}})
    clips = {name: counted.make(case, name, rate, 25, options)
             for name, (rate, options) in COUNTED.items()}
    for name, clip in clips.items():
        publishers.ffmpeg_copy(case, clip, server, f"key-{name}", loop=False)
    for name in COUNTED:
        server.wait_playable(name, renditions=3)
    time.sleep(3)
    before = {name: dropped(server, name) for name in COUNTED}
    time.sleep(11)
    # All that is listed just now, before any of it is gone.
    fetched = {name: fetch_segments(server, name) for name in COUNTED}
    for name, renditions in fetched.items():
        compared = compare_pictures(case, name, renditions)
        # A busy machine's rungs leave pictures out; those that are there were judged.
        lost = dropped(server, name) - before[name]
        case.note(f"{name}: {compared} compared" + (f", {lost:.0f} dropped" if lost else ""))
        if not lost:
            expect_all_pictures(name, renditions)


def dropped(server, channel):
    return server.metric("millrace_transcode_dropped_total", channel=channel, at="encode") or 0


def fetch_segments(server, channel):
    """Rung to segment number to init segment and segment, of the newest that all rungs
    have."""
    base = f"{server.base}/live/{channel}"
    listed = {rung: {s.msn: s for s in media_of(f"{base}/{rung}/index.m3u8").segments if not s.gap}
              for rung in ("source", "180p", "90p")}
    numbers = sorted(set.intersection(*(set(segments) for segments in listed.values())))[-4:]
    expect(len(numbers) >= 3, f"{channel}: only {len(numbers)} segments of all rungs")
    return {rung: {number: counted.fetch(f"{base}/{rung}/", segments[number])
                   for number in numbers} for rung, segments in listed.items()}


def compare_pictures(case, channel, renditions):
    """How many pictures of rungs are the source's of that number, at its time; all must be."""
    compared = 0
    for number, source in renditions["source"].items():
        pictures = counted.read(case, source)
        times = dict(pictures)
        for rung in ("180p", "90p"):
            here = f"{channel} {rung} segment {number}"
            found = counted.read(case, renditions[rung][number])
            expect(found[0][0] == pictures[0][0],
                   f"{here} begins with picture {found[0][0]}, not {pictures[0][0]}")
            for count, at in found:
                expect(count in times and abs(times[count] - at) < 1e-4,
                       f"{here}: picture {count} at {at:.6f} s, of {times.get(count)}")
            compared += len(found)
    return compared


def expect_all_pictures(channel, renditions):
    for number, source in renditions["source"].items():
        full = len(counted.times(source))
        expected = [full, (full + 1) // 2 if channel == "ntsc60" else full]
        found = [len(counted.times(renditions[rung][number])) for rung in ("180p", "90p")]
        expect(found == expected, f"{channel} segment {number}: {found} pictures, not {expected}")


def media_of(url):
    got = httpc.fetch(url)
    expect(got.status == 200, f"{url} is answered {got.status}")
    return parse_media(got.text)


@test(timeout=90, alone=True)
def page_plays_rungs_of_several_codecs(case):
    """Chromium has no decoder for HEVC: that rung is left out, the others are chosen by hand."""
    server = case.server({"ladder": {"two": [
        {"name": "source", "passthrough": True},
        {"name": "270p", "height": 270, "bitrate": "300k", "codec": "hevc"},
        {"name": "180p", "height": 180, "bitrate": "200k", "codec": "av1"},
        {"name": "90p", "height": 90, "bitrate": "100k"}]}})
    publishers.ffmpeg_small(case, server, "secret-ladder")
    server.wait_playable("ladder", renditions=5)
    with Browser(case.folder / "chromium.log") as browser:
        browser.goto(f"{server.base}/?channel=ladder")
        wait_playing(browser, 30)
        by_height = {level["height"]: level["index"] for level in snapshot(browser)["levels"]}
        case.note(f"rungs {sorted(by_height)}")
        expect({360, 180, 90} <= set(by_height), f"rungs {by_height}")
        for height in (180, 90, 360, 180):
            choose(browser, by_height[height])
            wait_for(lambda: snapshot(browser)["height"] == height, 15, f"the {height} lines")
            watch(browser, 3)
        state = snapshot(browser)
        browser.screenshot(case.folder / "page.png")
        expect(not fatal_or_decode(state), str(fatal_or_decode(state)))
        expect(not browser.exceptions(), str(browser.exceptions()))
