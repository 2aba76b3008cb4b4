"""The stream report of foreign encoders, and picture and sound together at the player."""
import re
import subprocess

import publishers
from harness import expect, test, wait_for
from test_publish import judge

# A flash and a beep every two seconds, at the same time.
_FLASH = ("color=black:size=320x180:rate=30,drawbox=color=white:t=fill:"
          "enable='lt(mod(t,2),0.2)',format=yuv420p")
_BEEP = "aevalsrc='if(lt(mod(t,2),0.2),0.5*sin(880*2*PI*t),0)':s=48000:c=stereo"
# Where a 33-bit clock of 90 kHz begins anew.
_TS_WRAP = 2**33 / 90000


def codes(server, channel="one"):
    return {finding["code"]: finding for finding in server.channels()[channel]["report"]}


def av_offset(source, seconds):
    """Beeps less flashes in seconds, each in its own right, as FFmpeg decodes them."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-hide_banner", "-i", source, "-t", str(seconds),
         "-vf", "blackdetect=d=0.5:pix_th=0.5", "-af", "silencedetect=noise=-30dB:d=0.5",
         "-f", "null", "-"], capture_output=True, timeout=60, check=False)
    text = done.stderr.decode("utf-8", "replace")
    expect(done.returncode == 0, f"ffmpeg ended with {done.returncode}: {text[-600:]}")
    flashes = [float(x) for x in re.findall(r"black_end:([\d.]+)", text)]
    beeps = [float(x) for x in re.findall(r"silence_end: ([\d.]+)", text)]
    # Both filters also say so where the reading ends in the dark.
    offsets = [beep - flash for flash in flashes for beep in beeps
               if abs(beep - flash) < 0.9 and flash < seconds - 0.3]
    expect(len(offsets) >= 2, f"flashes {flashes}, beeps {beeps}: {text[-600:]}")
    return offsets


def flash_and_beep(case, seconds=40):
    path = case.folder / "flash.mkv"
    made = case.run("ffmpeg", [
        "ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-f", "lavfi", "-i", _FLASH, "-f",
        "lavfi", "-i", _BEEP, "-t", seconds, "-c:v", "libx264", "-preset", "ultrafast", "-tune",
        "zerolatency", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0", "-c:a", "aac",
        "-b:a", "96k", path])
    expect(made.wait(60) == 0, made.text())
    return path


def publish(case, path, server, over, extra=()):
    to = (["flv", f"{server.rtmp}/secret-one"] if over == "rtmp"
          else ["mpegts", server.srt("secret-one")])
    return case.run("ffmpeg", ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-re",
                               "-i", path, "-c", "copy", *extra, "-f", *to])


def compare(case, server, path, what, seconds=7, channel="one", within=0.020):
    """The served offset is the source's, within 20 ms or as said."""
    own = av_offset(path, 12)
    reference = sum(own) / len(own)
    served = av_offset(f"{server.base}/live/{channel}/index.m3u8", seconds)
    worst = max((offset - reference for offset in served), key=abs)
    (case.folder / "offsets.txt").open("a").write(f"{what}: {served}, source {reference}\n")
    case.note(f"{what}: {worst * 1000:+.0f} ms")
    expect(abs(worst) <= within, f"{what}: served {served}, source {reference}")


def wait_for_frames(server, more):
    def frames():
        return server.metric("millrace_ingest_frames_total", channel="one")
    wanted = frames() + more
    wait_for(lambda: frames() >= wanted, 25, f"{more} more pictures")


def republish(case, path, server, over="rtmp"):
    """Until a player that joins sees nothing of the publisher before."""
    publish(case, path, server, over)
    wait_for_frames(server, 300)


def passed_on(case):
    return case.server({"transcode": {"enabled": False}})


@test(timeout=90)
def long_groups_of_pictures_and_b_frames_are_reported(case):
    server = passed_on(case)
    tool = case.run("ffmpeg", [
        "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-re", "-f", "lavfi", "-i",
        "testsrc2=size=320x180:rate=30", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2",
        "-g", "180", "-keyint_min", "180", "-sc_threshold", "0", "-pix_fmt", "yuv420p", "-f",
        "flv", f"{server.rtmp}/secret-one"])
    server.wait_playable("one", renditions=1)
    wait_for(lambda: {"key_frame_interval", "b_frames", "no_audio"} <= set(codes(server)), 20,
             "the report")
    found = codes(server)["key_frame_interval"]
    expect(found["remedy"] and found["severity"] == "warning", f"found {found}")
    wait_for(lambda: abs(codes(server)["key_frame_interval"]["value"] - 6) < 0.1, 10, "6 s")
    expect("slow_upload" not in codes(server), f"codes are {codes(server)}")
    expect(abs(server.metric("millrace_ingest_frame_rate", channel="one") - 30) < 1,
           "the frame rate is not measured")
    tool.stop()
    wait_for(lambda: not codes(server), 10, "an empty report")


@test(timeout=60)
def a_good_source_has_an_empty_report(case):
    server = passed_on(case)
    publishers.ffmpeg_small(case, server, "secret-one")
    server.wait_playable("one", renditions=2)
    judge(case, server, "one", 8.0)
    expect(not codes(server), f"codes are {codes(server)}")


@test(timeout=120, on="release")
def picture_and_sound_stay_together_over_rtmp(case):
    """At first, after a reconnect, and after a takeover."""
    path, server = flash_and_beep(case), passed_on(case)
    first = publish(case, path, server, "rtmp")
    server.wait_playable("one", renditions=2)
    compare(case, server, path, "at first")
    first.stop()
    republish(case, path, server)
    compare(case, server, path, "after a reconnect")
    republish(case, path, server)
    compare(case, server, path, "after a takeover")


@test(timeout=90)
def picture_and_sound_stay_together_over_srt_and_its_wrap(case):
    path, server = flash_and_beep(case), passed_on(case)
    first = publish(case, path, server, "srt",
                    ("-output_ts_offset", f"{_TS_WRAP - 10:.3f}"))
    server.wait_playable("one", renditions=2)
    # Right at the first segment FFmpeg has been seen to end with neither picture nor sound.
    wait_for_frames(server, 120)
    compare(case, server, path, "across the wrap", 14)
    expect(not server.metric("millrace_timeline_events_total", event="jump"), "the wrap is a jump")
    expect("timestamp_jumps" not in codes(server), f"codes are {codes(server)}")
    if not case.long:
        return
    first.stop()
    republish(case, path, server, "srt")
    compare(case, server, path, "after a reconnect")
    republish(case, path, server, "srt")
    compare(case, server, path, "after a takeover")
