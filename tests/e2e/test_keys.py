"""Who may publish: keys of several channels, signed keys, limits, and what the encoder is told."""
import re
import subprocess
import sys
import time

import publishers
import rtmp
from harness import ROOT, expect, test, wait_for
from obs import Obs
from test_publish import PRODUCT

SECRET = "an-example-of-a-signing-secret"
SIGNED = {"auth": {"signing_keys": ["newer-secret-of-rotation", SECRET]}}


def example(language):
    """The program of that language in docs/publishing.md."""
    text = (ROOT / "docs/publishing.md").read_text()
    return re.search(rf"```{language}\n(.*?)```", text, re.DOTALL).group(1)


def printed(*command, standard_input=None):
    done = subprocess.run([str(word) for word in command], input=standard_input, timeout=60,
                          capture_output=True, text=True, check=False)
    expect(done.returncode == 0, f"{command[0]} says {done.stderr}")
    return done.stdout.strip()


def sign_in_python(channel, secret=SECRET):
    return printed(sys.executable, "-c", example("python"), channel, secret)


def sign_in_javascript(case, channel):
    program = case.folder / "sign.js"  # Its arguments are counted as those of a file.
    program.write_text(example("javascript"))
    return printed("node", program, channel, SECRET)


def percent_encoded(key):
    return key.replace("?", "%3F").replace("=", "%3D").replace("&", "%26")


def denied(server, why):
    return server.metric("millrace_auth_denied_total", why=why)


def refused_with(case, server, key, words):
    """FFmpeg ends, and shows what the server said."""
    tool = publishers.ffmpeg_small(case, server, key)
    expect(tool.wait(20) != 0, f"{words}: it was let in")
    expect(words in tool.text(), f"{words} is not in {tool.text()!r}")


@test(timeout=60)
def signed_key_of_the_python_example_by_rtmp(case):
    server = case.server(SIGNED)
    tool = publishers.ffmpeg_copy(case, case.file(PRODUCT), server, sign_in_python("shop"))
    server.wait_playable("shop", renditions=2)
    expect(tool.running(), tool.text())
    expect("sig=" not in server.log() and SECRET not in server.log(), "a secret is in the log")


@test(timeout=60)
def signed_key_of_the_javascript_example_by_srt(case):
    server = case.server(SIGNED)
    key = sign_in_javascript(case, "shop")
    tool = publishers.ffmpeg_srt(case, case.file(PRODUCT), server, percent_encoded(key))
    server.wait_playable("shop", renditions=2)
    expect(tool.running(), tool.text())


@test(timeout=60)
def signed_key_as_fields_of_a_stream_id(case):
    server = case.server(SIGNED)
    channel, query = sign_in_python("shop").split("?")
    fields = query.replace("&", ",")
    tool = publishers.srt_live_transmit(case, case.file(PRODUCT), server,
                                        f"#!::r={channel},m=publish,{fields}")
    server.wait_playable("shop", renditions=2)
    expect(tool.running(), tool.text())


@test(timeout=60)
def signed_key_with_its_signs_in_srt_live_transmit(case):
    server = case.server(SIGNED)
    tool = publishers.srt_live_transmit(case, case.file(PRODUCT), server,
                                        percent_encoded(sign_in_python("shop")))
    server.wait_playable("shop", renditions=2)
    expect(tool.running(), tool.text())


@test(timeout=60)
def signed_key_of_the_command_from_gstreamer(case):
    server = case.server(SIGNED)
    config = case.folder / "server0.yaml"
    key = printed(case.build / "millrace", "sign", "--config", config, "--channel", "shop",
                  "--expires-in", "1h", "--height", "1080")
    publishers.gst_rtmp2(case, case.file(PRODUCT), server, key)
    server.wait_playable("shop", renditions=2)


@test(timeout=120)
def obs_with_a_signed_key(case):
    server = case.server(SIGNED)
    studio = Obs(case, server.rtmp, sign_in_python("shop"))
    studio.wait_log(r"==== Streaming Start", 45)
    server.wait_playable("shop", renditions=2)
    studio.tool.stop()


@test(timeout=120)
def obs_with_a_signed_key_by_srt(case):
    server = case.server(SIGNED)
    studio = Obs(case, server.srt(percent_encoded(sign_in_python("shop"))), "")
    studio.wait_log(r"==== Streaming Start", 45)
    server.wait_playable("shop", renditions=2)
    studio.tool.stop()


@test(timeout=60)
def bad_signed_keys_are_refused_and_told_why(case):
    server = case.server(SIGNED)
    key = sign_in_python("shop")
    tampered = key.replace("shop?", "farm?")
    refused_with(case, server, tampered, "its signature is wrong")
    refused_with(case, server, sign_in_python("shop", "not-a-secret-of-it"),
                 "its signature is wrong")
    expect(denied(server, "bad_signature") == 2, "bad signatures are not counted")
    late = printed(sys.executable, "-c", example("python").replace("24 * 3600", "-60"), "shop",
                   SECRET)
    refused_with(case, server, late, "it expired 6")
    expect(denied(server, "expired") == 1, "the expired one is not counted")
    tool = publishers.ffmpeg_srt(case, case.file(PRODUCT), server, percent_encoded(late))
    expect(tool.wait(10) != 0, "an expired key was let in over SRT")
    expect(server.metric("millrace_srt_refused_total", code="1401") == 1, "no refusal with 1401")
    expect("sig=" not in server.log(), "a key is in the log")


@test(timeout=60)
def one_key_of_several_channels(case):
    """Alone it is refused with the remedy; with a channel's name it opens that one. Kept hashed."""
    hashed = printed(case.build / "millrace", "hash-key", standard_input="s3cret\n")
    salted = printed(case.build / "millrace", "hash-key", "--salt", standard_input="0ther\n")
    server = case.server({"channels": {"shop": {"keys": [hashed, salted], "ladder": "none"},
                                       "outlet": {"keys": [hashed], "ladder": "none"}}})
    refused_with(case, server, "s3cret", "send CHANNEL?key=KEY")
    refused_with(case, server, "outlet?key=0ther", "does not have this key")
    publishers.ffmpeg_small(case, server, "outlet?key=s3cret")
    publishers.ffmpeg_srt(case, case.file(PRODUCT), server, percent_encoded("shop?key=0ther"))
    server.wait_playable("outlet", renditions=2)
    server.wait_playable("shop", renditions=2)
    expect("s3cret" not in server.log() and "0ther" not in server.log(), "a key is in the log")


@test(timeout=60)
def key_file_changes_without_a_restart(case):
    path = case.folder / "keys"
    path.write_text("first-key farm\n")
    server = case.server({"auth": {"key_file": str(path)}})
    first = publishers.ffmpeg_small(case, server, "first-key")
    server.wait_playable("farm")
    fresh = case.folder / "keys.new"
    fresh.write_text("second-key shop\n")
    fresh.rename(path)
    wait_for(lambda: "key file read" in server.log(), 5, "the key file to be read")
    refused_with(case, server, "first-key", "no channel has this key")
    publishers.ffmpeg_small(case, server, "second-key")
    server.wait_playable("shop")
    expect(first.running(), "who was on air was cut off")
    path.write_text("third-key\n")
    wait_for(lambda: server.metric("millrace_auth_key_file_errors_total") == 1, 5, "the mistake")
    expect("line 1: the key has no channel" in server.log(), "the line is not named")
    expect("third-key" not in server.log(), "a key is in the log")


def cut_off(server, limit):
    return server.metric("millrace_publish_limited_total", channel="one", limit=limit) == 1


@test(timeout=60)
def bit_rate_limit_cuts_off_and_tells_the_encoder(case):
    server = case.server({"channels": {"one": {"keys": ["secret-one"], "ladder": "none",
                                               "limits": {"bitrate": "300k"}}}})
    tool = publishers.ffmpeg_small(case, server, "secret-one")
    server.wait_playable("one")
    expect(tool.wait(25) != 0, "it was not cut off")
    expect("The bit rate is too high: 300 kb/s are allowed." in tool.text(), tool.text())
    expect(cut_off(server, "bitrate"), "it is not counted")
    expect("The bit rate is too high" in server.log(), "it is not in the log")


@test(timeout=60)
def resolution_limit_of_a_signed_key(case):
    server = case.server(SIGNED)
    text = example("python").replace('bitrate="60M"', "height=240")
    key = printed(sys.executable, "-c", text, "one", SECRET)
    tool = publishers.ffmpeg_small(case, server, key)
    expect(tool.wait(20) != 0, "it was not cut off")
    expect("The picture of 640x360 is too large: any by 240 is allowed." in tool.text(),
           tool.text())
    expect(cut_off(server, "resolution"), "it is not counted")


@test(timeout=60)
def session_limit_by_srt(case):
    server = case.server({"limits": {"publish": {"session": "5s"}}})
    begin = time.monotonic()
    tool = publishers.ffmpeg_srt(case, case.file(PRODUCT), server, "secret-one")
    tool.wait(20)
    lasted = time.monotonic() - begin
    expect(lasted > 4.5, f"it lasted {lasted:.1f} s")
    expect(cut_off(server, "session"), "it is not counted")
    expect("The session is over: it may last 5 s." in server.log(), "it is not in the log")


@test(timeout=60)
def guesses_are_slowed_and_a_right_key_gets_in(case):
    server = case.server()
    waits = []
    for number in range(8):
        guess = rtmp.Publisher(server.rtmp_port, f"guess-{number}")
        begin = time.monotonic()
        expect(not guess.publish(), "a guess was let in")
        waits.append(time.monotonic() - begin)
        guess.close()
    # Five are free, the sixth is answered at once and makes the next wait.
    expect(max(waits[:6]) < 0.25, f"waits were {waits}")
    expect(waits[6] > 0.2 and waits[7] > 0.45, f"waits were {waits}")
    case.note("waits " + " ".join(f"{wait * 1000:.0f}" for wait in waits) + " ms")
    for number in range(2):  # Over SRT one is looked at, then nobody's for a while.
        publishers.ffmpeg_srt(case, case.file(PRODUCT), server, f"srt-guess-{number}").wait(10)
    expect(server.metric("millrace_srt_refused_total") == 2, "two callers are not refused")
    tool = publishers.ffmpeg_small(case, server, "secret-one")
    server.wait_playable("one")
    expect(tool.running(), tool.text())
    lines = [line for line in server.log().splitlines() if "publish denied" in line]
    expect(len(lines) == 1, f"log lines: {lines}")
    expect("guess" not in server.log(), "a key is in the log")
