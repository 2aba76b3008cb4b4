"""Channels that are pulled: every scheme against foreign servers, failover, and publishers."""
import signal

import httpc
import publishers
import pullable
from harness import expect, free_port, test, wait_for
from test_publish import PRODUCT, TALK, judge, readable

# What a test waits for comes sooner than an operator would want it.
QUICK = {"retry": "200ms", "longest_retry": "1s", "silence_timeout": "2s", "start_timeout": "8s",
         "return_after": "2s"}


def pulling(case, *sources, **more):
    channel = {"keys": ["secret-one"], "ladder": "none", "sources": list(sources), **more}
    return case.server({"pull": QUICK, "channels": {"one": channel}})


def on_air(server):
    return server.metric("millrace_pull_active_source", channel="one")


def plays(case, server, seconds=6.0, renditions=2):
    server.wait_playable("one", renditions=renditions, timeout=30.0)
    judge(case, server, "one", seconds)
    readable(server, "one", 2.0)
    expect(server.channels()["one"]["publisher"]["protocol"] == "pull", "it is not pulled")
    expect(on_air(server) == 0, f"on air: {on_air(server)}")


@test(timeout=90)
def pull_test_picture_with_b_frames(case):
    server = pulling(case, "test://?size=640x360&fps=25&bframes=2&bitrate=600")
    plays(case, server)


@test(timeout=90)
def pull_udp_transport_stream_with_b_frames(case):
    port = free_port()
    server = pulling(case, f"udp://127.0.0.1:{port}")
    pullable.udp(case, case.file(TALK), port)
    plays(case, server)
    expect(not server.metric("millrace_ts_faults_total", kind="lost_sync"), "sync was lost")


@test(timeout=90)
def pull_udp_multicast(case):
    port = free_port()
    server = pulling(case, f"udp://239.255.77.1:{port}?interface=lo")
    pullable.udp(case, case.file(PRODUCT), port, host="239.255.77.1", query="&localaddr=127.0.0.1")
    plays(case, server, 5.0)


@test(timeout=90)
def pull_rtp_transport_stream(case):
    port = free_port()
    server = pulling(case, f"rtp://127.0.0.1:{port}")
    pullable.rtp(case, case.file(PRODUCT), port)
    plays(case, server)


@test(timeout=90, on="both")
def pull_rtsp_over_tcp_with_b_frames(case):
    port = free_port()
    pullable.rtsp(case, case.file(TALK), port, user="viewer", password="s3cret-pw")
    server = pulling(case, f"rtsp://viewer:s3cret-pw@127.0.0.1:{port}/live")
    plays(case, server)
    expect("s3cret-pw" not in server.log(), "the password is in the log")
    expect("s3cret-pw" not in str(server.channels()), "the password is in the API")


@test(timeout=90)
def pull_rtsp_over_udp(case):
    port = free_port()
    pullable.rtsp(case, case.file(PRODUCT), port)
    plays(case, pulling(case, f"rtsp+udp://127.0.0.1:{port}/live"))


@test(timeout=90)
def pull_hls(case):
    base = pullable.hls(case, case.file(PRODUCT))
    plays(case, pulling(case, f"{base}/index.m3u8"))


@test(timeout=90)
def pull_http_transport_stream(case):
    base = pullable.http_ts(case, case.file(TALK))
    plays(case, pulling(case, f"{base}/stream?token=sesame-open"))
    expect("sesame-open" not in case.servers[0].log(), "the token is in the log")


@test(timeout=90)
def pull_file_over_and_over(case):
    path = case.folder / "short.mp4"
    pullable.make_mp4(case, path, seconds=6)
    server = pulling(case, f"file://{path}")
    server.wait_playable("one", renditions=2, timeout=30.0)
    judge(case, server, "one", 9.0)
    starts = [line for line in server.log().splitlines() if "pull source on air" in line]
    expect(len(starts) >= 2, f"it was not begun anew: {starts}")
    expect(not server.metric("millrace_pull_failures_total"), "its end counts as a failure")


@test(timeout=90)
def pull_srt_encrypted(case):
    port = free_port()
    pullable.srt(case, case.file(TALK), port, passphrase="correct-horse")
    server = pulling(case, f"srt://127.0.0.1:{port}?streamid=read:film-7&latency=120"
                           "&passphrase=correct-horse")
    plays(case, server)
    expect(server.metric("millrace_srt_packets_received_total", channel="one", source="0") > 500,
           "its packets are not counted")
    for secret in ("correct-horse", "film-7"):
        expect(secret not in server.log(), f"{secret} is in the log")


@test(timeout=90)
def pull_srt_refused_and_back(case):
    """A wrong passphrase is said and tried again; no listener at all likewise."""
    port = free_port()
    server = pulling(case, f"srt://127.0.0.1:{port}?passphrase=correct-horse")
    wait_for(lambda: "pull source failed" in server.log(), 20, "the first failure")
    wrong = pullable.srt(case, case.file(PRODUCT), port, passphrase="wrong-battery")
    wait_for(lambda: "passphrase" in server.log(), 20, "the refusal")
    wrong.stop(signal.SIGKILL)
    pullable.srt(case, case.file(PRODUCT), port, passphrase="correct-horse")
    server.wait_playable("one", renditions=2, timeout=30.0)
    judge(case, server, "one", 5.0)


@test(timeout=120)
def pull_fails_over_and_returns(case):
    primary, backup = free_port(), free_port()
    server = pulling(case, f"udp://127.0.0.1:{primary}", f"udp://127.0.0.1:{backup}")
    first = pullable.udp(case, case.file(PRODUCT), primary)
    pullable.udp(case, case.file(PRODUCT), backup)
    server.wait_playable("one", renditions=2, timeout=30.0)
    expect(on_air(server) == 0, "the primary is not on air")
    first.stop(signal.SIGKILL)
    wait_for(lambda: on_air(server) == 1, 8, "the backup to be on air")
    judge(case, server, "one", 5.0)
    pullable.udp(case, case.file(PRODUCT), primary)
    wait_for(lambda: server.metric("millrace_pull_state", source="0") == 3, 8, "the probe")
    expect(on_air(server) == 1, "it went back before the primary was good")
    wait_for(lambda: on_air(server) == 0, 10, "the return to the primary")
    judge(case, server, "one", 5.0)
    expect(server.metric("millrace_pull_failures_total", source="0", why="silence") == 1,
           "the failure is not counted")
    expect(not server.metric("millrace_pull_failures_total", source="1"), "the backup failed")
    expect(server.channels()["one"]["state"] == "live", "the channel is not live")


@test(timeout=90)
def pull_gives_way_to_a_publisher(case):
    port = free_port()
    server = pulling(case, f"udp://127.0.0.1:{port}")
    pullable.udp(case, case.file(PRODUCT), port)
    server.wait_playable("one", renditions=2, timeout=30.0)
    tool = publishers.ffmpeg_copy(case, case.file(PRODUCT), server, "secret-one")
    wait_for(lambda: server.channels()["one"]["publisher"]["protocol"] == "rtmp", 15, "RTMP")
    wait_for(lambda: server.metric("millrace_pull_state", source="0") == 0, 5, "the source to rest")
    judge(case, server, "one", 5.0)
    expect(tool.running(), f"the publisher was cut: {tool.text()}")
    expect(on_air(server) == -1, "a source is on air beside the publisher")
    tool.stop()
    wait_for(lambda: on_air(server) == 0, 15, "the source to come back")
    # It is on air before its first part is there: until then the publisher's show has ended.
    url = f"{server.base}/live/one/source/index.m3u8"
    wait_for(lambda: "EXT-X-ENDLIST" not in httpc.fetch(url).text, 10, "the show to go on")
    judge(case, server, "one", 5.0)


@test(timeout=60)
def pull_sources_never_end_their_channel(case):
    """With every source away for longer than the grace, the show goes on when one is back."""
    port = free_port()
    server = pulling(case, f"udp://127.0.0.1:{port}", grace="1s")
    first = pullable.udp(case, case.file(PRODUCT), port)
    server.wait_playable("one", renditions=2, timeout=30.0)
    first.stop(signal.SIGKILL)
    wait_for(lambda: on_air(server) == -1, 8, "the failure")
    pullable.sleep(3.0)
    expect(server.channels()["one"]["state"] == "live", "the channel has ended")
    expect("show ended" not in server.log(), "the show has ended")
    pullable.udp(case, case.file(PRODUCT), port)
    wait_for(lambda: on_air(server) == 0, 10, "the source to be back")
    judge(case, server, "one", 5.0)
