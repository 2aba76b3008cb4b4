"""Publishers over SRT: foreign senders, refusals, takeovers and losses."""
import signal

import decode
import publishers
from harness import expect, test, wait_for
from obs import Obs
from test_publish import PRODUCT, TALK, judge, readable


def lines_with(server, text):
    return [line for line in server.log().splitlines() if text in line]


@test(timeout=90, on="both")
def srt_from_ffmpeg_with_b_frames(case):
    server = case.server()
    # A sanitized worker is too slow for 1080 lines beside another test.
    channel, renditions = ("one", 2) if case.is_sanitized else ("ladder", 3)
    tool = publishers.ffmpeg_srt(case, case.file(TALK), server, f"publish:secret-{channel}")
    server.wait_playable(channel, renditions=renditions)
    judge(case, server, channel, 10.0)
    readable(server, channel)
    expect(tool.running(), f"ffmpeg ended: {tool.text()}")
    expect(server.channels()[channel]["publisher"]["protocol"] == "srt", "it is not SRT")
    expect(not server.metric("millrace_ts_faults_total"), "the transport stream had faults")
    expect(server.metric("millrace_srt_packets_received_total", channel=channel) > 1000,
           "the packets are not counted")


@test(timeout=60, on="both")
def srt_from_a_60_fps_transport_stream(case):
    server = case.server()
    publishers.ffmpeg_srt(case, case.file("anim_product_1080p60_obs_6000k.ts"), server,
                          "secret-one")
    server.wait_playable("one", renditions=2)
    judge(case, server, "one", 8.0)
    readable(server, "one")


@test(timeout=60)
def srt_carries_hevc(case):
    server = case.server()
    publishers.ffmpeg_srt(case, case.file("coffee_1080p30_hevc_4500k.mp4"), server, "secret-one")
    found = server.wait_playable("one", renditions=2)
    codecs = {r["kind"]: r["codecs"] for r in found["renditions"]}
    expect(codecs["video"].startswith("hvc1."), f"codecs are {codecs}")
    judge(case, server, "one", 5.0)
    said = decode.ffmpeg_reads(f"{server.base}/live/one/source/index.m3u8", 2.0)
    expect(not said, said)


@test(timeout=60)
def srt_from_srt_live_transmit_encrypted(case):
    server = case.server({"srt": {"passphrase": "correct-horse"}})
    tool = publishers.srt_live_transmit(case, case.file(PRODUCT), server,
                                        "#!::r=live/secret-one,m=publish",
                                        passphrase="correct-horse", pbkeylen=32)
    server.wait_playable("one", renditions=2)
    judge(case, server, "one", 6.0)
    expect(tool.running(), tool.text())


@test(timeout=60)
def srt_from_gstreamer(case):
    server = case.server()
    tool = publishers.gst_srtsink(case, case.file(PRODUCT), server, "publish:secret-one")
    server.wait_playable("one", renditions=2)
    judge(case, server, "one", 5.0)
    expect(tool.wait(20) == 0, tool.text())
    wait_for(lambda: server.channels()["one"]["state"] != "live", 5, "the channel to end")


@test(timeout=120)
def srt_from_obs(case):
    """Encrypted; with another passphrase OBS says that it was refused."""
    server = case.server({"channels": {
        "one": {"keys": ["secret-one"], "srt_passphrase": "correct-horse", "srt_key_length": 32}}})
    url = server.srt("publish:secret-one")
    wrong = Obs(case, f"{url}&passphrase=wrong-battery&pbkeylen=32", "", reconnect="false")
    wrong.wait_log(r"Connection rejected, wrong password", 45)
    expect("one" not in server.channels() or server.channels()["one"]["state"] != "live",
           "OBS was let in with the wrong passphrase")
    wrong.tool.stop()
    studio = Obs(case, f"{url}&passphrase=correct-horse&pbkeylen=32", "")
    studio.wait_log(r"==== Streaming Start", 45)
    server.wait_playable("one", renditions=2)
    judge(case, server, "one", 8.0)
    readable(server, "one", 2.0)
    studio.tool.stop()
    wait_for(lambda: server.channels()["one"]["state"] != "live", 10, "the channel to end")


@test(timeout=60)
def srt_refusals(case):
    """Each caller gets its own code, is counted, and is logged without the key; a channel that is
    live beside it does not notice."""
    server = case.server({"channels": {
        "one": {"keys": ["secret-one"], "ladder": "none"},
        "two": {"keys": ["secret-two"], "ladder": "none", "srt_passphrase": "correct-horse"}}})
    bystander = publishers.ffmpeg_srt(case, case.file(PRODUCT), server, "secret-one")
    server.wait_playable("one", renditions=2)
    cases = [("not-the-key", {}, "1401"), ("%23!::r=secret-one,m=request", {}, "1405"),
             ("%23!::m=publish", {}, "1401")]
    for stream_id, options, code in cases:
        before = server.metric("millrace_srt_refused_total", code=code)
        tool = publishers.ffmpeg_srt(case, case.file(PRODUCT), server, stream_id, **options)
        expect(tool.wait(10) != 0, f"{stream_id} was let in")
        expect("rror" in tool.text() or "REJECT" in tool.text(), f"it says {tool.text()!r}")
        after = server.metric("millrace_srt_refused_total", code=code)
        expect(after == before + 1, f"{stream_id}: {after - before} refusals with {code}")
    for options in ({}, {"passphrase": "wrong-passphrase"}):
        tool = publishers.ffmpeg_srt(case, case.file(PRODUCT), server, "secret-two", **options)
        expect(tool.wait(10) != 0, f"let in with {options}")
    wait_for(lambda: server.metric("millrace_srt_refused_total", code="handshake") == 2, 5,
             "both passphrases to be counted")
    # One line for an address, however often it comes.
    refused = lines_with(server, "srt: refused")
    expect(len(refused) == 1, f"log lines: {refused}")
    for secret in ("not-the-key", "correct-horse", "secret-two"):
        expect(secret not in server.log(), f"{secret} is in the log")
    tool = publishers.ffmpeg_srt(case, case.file(PRODUCT), server, "secret-two",
                                 passphrase="correct-horse")
    server.wait_playable("two", renditions=2)
    expect(tool.running() and bystander.running(), "a publisher was cut")
    expect(server.channels()["one"]["state"] == "live", "the bystander's channel ended")


@test(timeout=60, on="both")
def srt_and_rtmp_take_over_from_each_other(case):
    server = case.server()
    path = case.file(PRODUCT)
    first = publishers.ffmpeg_copy(case, path, server, "secret-one")
    server.wait_playable("one", renditions=2)
    publishers.ffmpeg_srt(case, path, server, "secret-one")
    first.wait(10)
    wait_for(lambda: server.channels()["one"]["publisher"]["protocol"] == "srt", 5, "SRT")
    third = publishers.ffmpeg_copy(case, path, server, "secret-one")
    wait_for(lambda: server.channels()["one"]["publisher"]["protocol"] == "rtmp", 10, "RTMP")
    judge(case, server, "one", 6.0)
    expect(third.running(), f"the third was cut: {third.text()}")
    expect(len(lines_with(server, "publisher taken over")) == 2, "two takeovers in the log")


@test(timeout=60)
def srt_publisher_killed_and_back(case):
    """No packet says that it has gone: found out by its silence, after srt.peer_timeout."""
    server = case.server()
    first = publishers.ffmpeg_srt(case, case.file(PRODUCT), server, "secret-one")
    server.wait_playable("one", renditions=2)
    first.stop(signal.SIGKILL)
    wait_for(lambda: server.channels()["one"]["state"] == "waiting", 9, "the loss to be noticed")
    publishers.ffmpeg_srt(case, case.file(PRODUCT), server, "secret-one")
    wait_for(lambda: server.channels()["one"]["state"] == "live", 5, "the channel to be live")
    judge(case, server, "one", 6.0)
