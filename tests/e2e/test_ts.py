"""MPEG-TS for players that know no fragmented MP4: the same show, by other readers."""
import os
import re
import signal
import subprocess
import time
import urllib.parse

import decode
import httpc
import publishers
from browser import Browser
from harness import expect, test, wait_for
from llhls import Check
from pages import Pages
from playlist import parse_media
from test_on_demand import LADDER, idle
from test_report import av_offset, compare, flash_and_beep, publish, wait_for_frames

# A clock of 33 bits, in seconds.
_WRAP = 2**33 / 90000


def ts_url(server, channel="one"):
    return f"{server.base}/live/{channel}/ts.m3u8"


def wait_listed(server, segments=3, channel="one", rendition="source"):
    """Until that many segments are listed as MPEG-TS."""
    def listed():
        answer = httpc.fetch(f"{server.base}/live/{channel}/{rendition}/ts.m3u8")
        if answer.status != 200:
            return None
        found = parse_media(answer.text)
        return found if len(found.segments) >= segments else None
    return wait_for(listed, 40, f"{segments} segments of MPEG-TS", 0.2)


def packets(path, stream, what="packet=pts_time,size"):
    done = subprocess.run(["ffprobe", "-loglevel", "error", "-select_streams", stream,
                           "-show_entries", what, "-of", "csv=p=0", path], capture_output=True,
                          timeout=40, check=False)
    return [line.strip(",").split(",") for line in done.stdout.decode().splitlines() if line]


def decoded(path, stream):
    """What the frames of a file are, as sums of their samples."""
    done = subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-i", path, "-map",
                           f"0:{stream}", "-f", "framemd5", "-"], capture_output=True, timeout=40,
                          check=False)
    expect(done.returncode == 0 and not done.stderr, f"ffmpeg on {path}: {done.stderr[-400:]}")
    return [line.split(",")[-1].strip() for line in done.stdout.decode().splitlines()
            if line and not line.startswith("#")]


def compare_segment(case, server, cmaf, ts):
    """Of both playlists' segment of one number: the pictures, the frames of sound, their times."""
    base = f"{server.base}/live/one/source"
    init = httpc.fetch(f"{base}/{cmaf.map_uri}").body
    media = httpc.fetch(f"{base}/{cmaf.uri}").body
    whole = case.folder / f"{cmaf.msn}.mp4"
    whole.write_bytes(init + media)
    answer = httpc.fetch(f"{base}/{ts.uri}")
    expect(answer.status == 200 and answer.headers.get("content-type") == "video/mp2t",
           f"{ts.uri}: {answer.status} {answer.headers.get('content-type')}")
    made = case.folder / f"{ts.msn}.ts"
    made.write_bytes(answer.body)
    expected, got = packets(whole, "v"), packets(made, "v")
    expect(len(expected) == len(got), f"{len(expected)} pictures became {len(got)}")
    for (time_of, _), (time_got, _) in zip(expected, got):
        apart = (float(time_got) - float(time_of)) % _WRAP
        expect(min(apart, _WRAP - apart) < 0.0001, f"a picture of {time_of} has {time_got}")
    expect(decoded(whole, "v") == decoded(made, "v"), f"{ts.uri} has other pictures")
    return len(got), len(packets(made, "a"))


@test(timeout=150)
def ts_has_the_same_segments_times_and_pictures(case):
    server = case.server({"hls": {"ts": True}})
    publishers.ffmpeg_small(case, server, "secret-one")
    server.wait_playable("one", renditions=2)
    expect(server.metric("millrace_hls_ts_segments_made_total") == 0, "made before anybody asked")
    ts = wait_listed(server)
    cmaf = parse_media(httpc.fetch(f"{server.base}/live/one/source/index.m3u8").text)
    expect(not ts.faults, str(ts.faults))
    expect(server.metric("millrace_hls_ts_segments_made_total") == 0, "made for a playlist")
    by_number = {segment.msn: segment for segment in cmaf.segments}
    compared = 0
    for segment in ts.segments:
        same = by_number.get(segment.msn)
        if not same:
            continue
        expect((segment.duration, segment.pdt, segment.gap, segment.discontinuity) ==
               (same.duration, same.pdt, same.gap, same.discontinuity), f"{segment} and {same}")
        pictures, frames = compare_segment(case, server, same, segment)
        expect(pictures == 60 and frames >= 90, f"{segment.uri}: {pictures}, {frames}")
        compared += 1
    expect(compared >= 2, f"{compared} segments in both")
    # Twice asked for, once made.
    made = server.metric("millrace_hls_ts_segments_made_total")
    expect(made == compared, f"{made} made for {compared}")
    httpc.fetch(f"{server.base}/live/one/source/{ts.segments[-1].uri}")
    expect(server.metric("millrace_hls_ts_segments_made_total") == made, "made twice")
    expect(server.metric("millrace_hls_ts_failures_total") == 0, "some failed")
    case.note(f"{compared} segments of 60 pictures")


@test(timeout=150)
def ts_follows_the_rules_of_hls(case):
    server = case.server({"hls": {"ts": True}})
    publishers.ffmpeg_small(case, server, "secret-one")
    publishers.ffmpeg_small(case, server, "secret-two", video=False)
    wait_listed(server)
    wait_listed(server, channel="two", rendition="audio")
    for channel in ("one", "two"):
        report = Check(ts_url(server, channel), 180.0 if case.long else 12.0, lenient_timing=True,
                       with_probes=True).run()
        (case.folder / f"report-{channel}.txt").write_text(report.text())
        failed = [line for line in report.lines() if line.startswith("FAIL")]
        expect(not failed, "\n".join(failed))
        case.note(f"{channel}: {len(report.judged)} rules, warnings "
                  f"{' '.join(sorted(report.rules('WARN'))) or 'none'}")


@test(timeout=180)
def ffmpeg_reads_ts_over_a_reconnect_without_a_word(case):
    """Picture and sound are as far apart as at the source, before and after."""
    server = case.server({"hls": {"ts": True}})
    path = flash_and_beep(case, 60)
    first = publish(case, path, server, "rtmp")
    wait_listed(server)
    compare(case, server, path, "CMAF")
    own = av_offset(path, 12)
    reference = sum(own) / len(own)
    worst = max((offset - reference for offset in av_offset(ts_url(server), 7)), key=abs)
    case.note(f"MPEG-TS: {worst * 1000:+.0f} ms")
    expect(abs(worst) <= 0.020, f"MPEG-TS is {worst} s off")
    reader = case.run("reader", ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-i",
                                 ts_url(server), "-t", "32", "-f", "null", "-"])
    before = wait_listed(server)
    wait_for_frames(server, 120)
    first.stop(signal.SIGKILL)
    wait_for(lambda: server.channels()["one"]["holding"], 20, "the picture to be held")
    time.sleep(3)
    publish(case, path, server, "rtmp")
    wait_for_frames(server, 120)
    expect(reader.running(), f"the reader ended before the publisher was back: {reader.text()}")
    expect(reader.wait(90) == 0, reader.text())
    said = [line for line in reader.text().splitlines() if not decode._harmless(line)]
    expect(not said, f"ffmpeg said {said}")
    ts = wait_listed(server)
    expect(ts.segments[-1].discontinuity_sequence >= before.segments[-1].discontinuity_sequence + 2,
           "no discontinuities into the held picture and out of it")


@test(timeout=120)
def gstreamer_plays_ts(case):
    server = case.server({"hls": {"ts": True}})
    publishers.ffmpeg_small(case, server, "secret-one")
    wait_listed(server)
    # Both streams to their ends; `decodebin` takes hlsdemux and tsdemux by itself.
    pipeline = ["timeout", "--kill-after=10", "14", "gst-launch-1.0", "-v", "souphttpsrc",
                f"location={ts_url(server)}", "!", "decodebin", "name=d", "d.", "!", "queue", "!",
                "videoconvert", "!", "fakesink", "name=picture", "silent=false", "sync=true", "d.",
                "!", "queue", "!", "audioconvert", "!", "fakesink", "name=sound", "silent=false",
                "sync=true"]
    done = subprocess.run(pipeline, capture_output=True, timeout=60, check=False,
                          env={**os.environ, "GST_DEBUG": "2", "GST_DEBUG_NO_COLOR": "1"})
    said = done.stdout.decode("utf-8", "replace")
    errors = done.stderr.decode("utf-8", "replace")
    (case.folder / "gstreamer.txt").write_text(said + errors)
    pictures = len(re.findall(r"chain   \*\*\*.*:picture|picture:sink.*chain   \*\*\*|"
                              r"GstFakeSink:picture.*chain", said))
    frames = len(re.findall(r"GstFakeSink:sound.*chain", said))
    problems = [line for line in errors.splitlines()
                if re.search(r" (WARN|ERROR) +(tsdemux|mpegtsbase|mpegtspacketizer|hlsdemux)", line)]
    expect(pictures > 120 and frames > 100, f"{pictures} pictures, {frames} frames: {errors[-600:]}")
    expect(not problems, "\n".join(problems))
    case.note(f"{pictures} pictures, {frames} frames of sound")


@test(timeout=120, alone=True)
def hls_js_plays_ts_over_a_reconnect(case):
    server = case.server({"hls": {"ts": True}})
    first = publishers.ffmpeg_small(case, server, "secret-one")
    wait_listed(server)
    with Pages() as pages, Browser(case.folder / "chromium.log") as browser:
        address = urllib.parse.quote(ts_url(server), safe="")
        browser.goto(f"{pages.base}/rewinding.html?player=hls&url={address}")

        def look():
            state = browser.evaluate("window.look ? look() : null") or {"errors": [], "time": 0,
                                                                        "frames": 0}
            expect(not state["errors"], str(state["errors"]))
            return state

        def playing(seconds, timeout=40):
            begin = look()
            return wait_for(lambda: look()["time"] > begin["time"] + seconds and
                            look()["frames"] > begin["frames"] + 10 * seconds and look(), timeout,
                            f"hls.js to play {seconds} s")

        wait_for(lambda: look()["time"] > 0, 30, "hls.js to begin")
        playing(4)
        asked = [url for url in browser.requests if url.endswith(".ts")]
        expect(asked and not any(url.endswith(".m4s") for url in browser.requests), str(asked))
        first.stop(signal.SIGKILL)
        wait_for(lambda: server.channels()["one"]["holding"], 20, "the picture to be held")
        time.sleep(2)
        publishers.ffmpeg_small(case, server, "secret-one")
        playing(12, 60)
        expect(not browser.exceptions(), str(browser.exceptions()))
        case.note(f"{len([u for u in browser.requests if u.endswith('.ts')])} segments")


@test(timeout=120)
def a_rung_is_encoded_for_who_asks_for_its_ts(case):
    server = case.server({**LADDER, "hls": {"ts": True}})
    publishers.ffmpeg_small(case, server, "secret-ladder")
    server.wait_playable("ladder", renditions=4)
    wait_listed(server, 5, "ladder")
    expect(idle(server) == {"180p", "90p"}, f"idle are {idle(server)}")
    listed = httpc.fetch(ts_url(server, "ladder")).text
    expect(all(f"{name}/ts.m3u8" in listed for name in ("source", "180p", "90p")), listed)
    url = f"{server.base}/live/ladder/180p/ts.m3u8"
    first = httpc.fetch(url)
    expect(first.status == 200, f"{first.status} {first.text}")
    expect(idle(server) == {"90p"}, f"idle are {idle(server)}")
    wait_for(lambda: sum(not s.gap for s in parse_media(httpc.fetch(url).text).segments) >= 3, 30,
             "three segments of the rung", 0.5)
    said = decode.ffmpeg_reads(url, 4.0)
    expect(not said, said)
