"""Sources that do not qualify for the passthrough rung: encoded in its place, refused, or told."""
import signal
import threading
import time

import decode
import httpc
import publishers
from harness import expect, test, wait_for
from llhls import Check
from playlist import parse_multivariant
from test_publish import judge
from test_report import codes


def strict(**source):
    """A server whose channel has the source under these limits, and a small rung."""
    return {"ladder": {"two": [{"name": "source", "passthrough": True, **source},
                               {"name": "90p", "height": 90, "bitrate": "100k"}]},
            "transcode": {"encode": "always"}}


def hevc_clip(case):
    path = case.folder / "hevc.ts"
    made = case.run("ffmpeg", [
        "ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-f", "lavfi", "-i",
        "testsrc2=size=320x180:rate=30", "-f", "lavfi", "-i", "sine=sample_rate=48000", "-t", "40",
        "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
        "log-level=none:keyint=60:scenecut=0:bframes=0", "-b:v", "300k", "-c:a", "aac", path])
    expect(made.wait(60) == 0, made.text())
    return path


def listed_codecs(server):
    text = httpc.fetch(server.url("ladder")).text
    return [variant["CODECS"] for variant in parse_multivariant(text).variants]


def video_of(server, rendition="source"):
    streams, _ = decode.probe(f"{server.base}/live/ladder/{rendition}/index.m3u8")
    return streams[0]


def unqualified(server, reason):
    return server.metric("millrace_passthrough_unqualified_total", channel="ladder", reason=reason)


@test(timeout=120, alone=True)
def hevc_is_encoded_where_only_h264_is_passed_on(case):
    """Then H.264 takes over, and is passed through, in the same rendition."""
    server = case.server(strict(codecs=["h264"], otherwise="encode", bitrate="400k"))
    publishers.ffmpeg_srt(case, hevc_clip(case), server, "secret-ladder")
    server.wait_playable("ladder", renditions=3)
    codecs = listed_codecs(server)
    expect(len(codecs) == 2 and all("avc1." in one for one in codecs), f"codecs are {codecs}")
    video = video_of(server)
    expect(video["codec_name"] == "h264" and (video["width"], video["height"]) == (320, 180),
           f"the source is {video}")
    judge(case, server, "ladder", 8.0)
    found = codes(server, "ladder")["unqualified_codec"]
    expect("hevc" in found["text"] and found["remedy"] == "Send h264.", f"found {found}")
    expect(unqualified(server, "codec") == 1, "it was not counted")

    taking_over = threading.Timer(
        4, lambda: publishers.ffmpeg_small(case, server, "secret-ladder"))
    taking_over.start()
    report = Check(server.url("ladder"), 14.0, lenient_timing=True, with_probes=False).run()
    # The multivariant playlist that the checker got at first said the codec of before.
    expect(set(report.rules("FAIL")) <= {"MV-06"}, report.text())
    video = video_of(server)
    expect("Baseline" in video["profile"] and video["height"] == 360, f"the source is {video}")
    expect("unqualified_codec" not in codes(server, "ladder"), "it is still told")


@test(timeout=90, alone=True)
def hevc_that_takes_over_from_h264_is_encoded(case):
    """In the same rendition, behind a discontinuity like any other."""
    server = case.server(strict(codecs=["h264"], otherwise="encode", bitrate="400k"))
    clip = hevc_clip(case)
    publishers.ffmpeg_small(case, server, "secret-ladder")
    server.wait_playable("ladder", renditions=3)
    taking_over = threading.Timer(
        4, lambda: publishers.ffmpeg_srt(case, clip, server, "secret-ladder"))
    taking_over.start()
    report = Check(server.url("ladder"), 14.0, lenient_timing=True, with_probes=False).run()
    expect(set(report.rules("FAIL")) <= {"MV-06"}, report.text())
    wait_for(lambda: all("avc1." in one for one in listed_codecs(server)), 5, "H.264 alone")
    video = video_of(server)
    expect(video["codec_name"] == "h264" and video["height"] == 180, f"the source is {video}")


@test(timeout=60)
def too_large_a_source_is_refused_with_the_reason(case):
    server = case.server(strict(max_height=180, otherwise="refuse"))
    tool = publishers.ffmpeg_small(case, server, "secret-ladder")
    expect(tool.wait(20) != 0, "it was let in")
    reason = "The picture of 640x360 is too large"
    expect(reason in tool.text(), f"the encoder says {tool.text()!r}")
    expect(f"reason={reason}" in server.log(), "the reason is not in the log")
    expect(unqualified(server, "height") == 1, "it was not counted")
    channel = server.channels()["ladder"]
    expect(not channel["playable"], f"it is on air: {channel}")


@test(timeout=90)
def hevc_over_srt_is_refused_with_the_reason(case):
    server = case.server(strict(codecs=["h264"], otherwise="refuse"))
    tool = publishers.ffmpeg_srt(case, hevc_clip(case), server, "secret-ladder")
    expect(tool.wait(20) != 0, "it was let in")
    expect('is cut off channel=ladder' in server.log() and
           "The picture is hevc, and the channel passes on h264" in server.log(),
           "the reason is not in the log")


@test(timeout=90, alone=True)
def long_groups_of_pictures_are_told_and_encoded_from_the_next_publish_on(case):
    server = case.server(strict(max_gop="1s", otherwise="encode", bitrate="600k"))
    tool = publishers.ffmpeg_small(case, server, "secret-ladder")
    server.wait_playable("ladder", renditions=3)
    wait_for(lambda: "unqualified_gop" in codes(server, "ladder"), 15, "the report")
    expect("Baseline" in video_of(server)["profile"], "it is not passed through")
    expect(tool.running() and unqualified(server, "gop") == 1, tool.text())
    tool.stop()
    wait_for(lambda: not codes(server, "ladder"), 10, "the publisher to be gone")
    publishers.ffmpeg_small(case, server, "secret-ladder")
    wait_for(lambda: server.metric("millrace_transcode_frames_total", channel="ladder",
                                   rung="source") > 150, 25, "five seconds of an encoded source")
    expect("source is encoded, not passed through channel=ladder" in server.log(), "no word of it")
    expect("Baseline" not in video_of(server)["profile"], "it is passed through")


@test(timeout=90, alone=True)
def a_picture_is_held_in_the_place_of_an_encoded_source(case):
    """A publisher is killed while its source is encoded; one that is passed through comes after."""
    server = case.server(strict(codecs=["h264"], otherwise="encode", bitrate="400k"))
    first = publishers.ffmpeg_srt(case, hevc_clip(case), server, "secret-ladder")
    server.wait_playable("ladder", renditions=3)
    check = Check(server.url("ladder"), 22.0, lenient_timing=True, with_probes=False)
    follow = threading.Thread(target=check.run)
    follow.start()
    time.sleep(4)
    first.stop(signal.SIGKILL)
    wait_for(lambda: server.channels()["ladder"]["holding"], 10, "a held picture")
    time.sleep(4)
    publishers.ffmpeg_small(case, server, "secret-ladder")
    wait_for(lambda: not server.channels()["ladder"]["holding"], 10, "the source to be back")
    follow.join()
    expect(set(check.report.rules("FAIL")) <= {"MV-06"}, check.report.text())
    expect("Baseline" in video_of(server)["profile"], "it is not passed through")
