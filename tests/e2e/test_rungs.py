"""What a template can ask of a rung besides a size: another codec, fewer pictures; and what a source
asks of it: no combs of its fields."""
import re
import subprocess

import decode
import httpc
import publishers
from harness import expect, test
from llhls import Check
from playlist import parse_multivariant
from test_publish import as_file, readable

OTHERS = {"ladder": {"two": [
    {"name": "source", "passthrough": True},
    {"name": "360p", "height": 360, "bitrate": "700k", "max_frame_rate": 30},
    {"name": "270p", "height": 270, "bitrate": "400k", "codec": "hevc", "max_frame_rate": 30},
    {"name": "180p", "height": 180, "bitrate": "200k", "codec": "av1", "max_frame_rate": 15}]}}
# Rung to what ffprobe and the multivariant playlist say of it.
EXPECTED = {"source": ("h264", 60, "avc1."), "360p": ("h264", 30, "avc1."),
            "270p": ("hevc", 30, "hvc1."), "180p": ("av1", 15, "av01.")}


@test(timeout=90, on="release")
def rungs_have_their_own_codec_and_frame_rate(case):
    """Of a source with 60 pictures per second; numbers, boundaries and dates are the source's."""
    server = case.server(OTHERS)
    publishers.ffmpeg_srt(case, case.file("anim_product_1080p60_obs_6000k.ts"), server,
                          "secret-ladder")
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
