"""Publishers on bad networks: a server and a publisher in two network namespaces, and between them
a link that loses, delays and reorders."""
import threading
import time

from bad_network import SERVER, BadNetwork, is_possible
from harness import expect, test, wait_for
from llhls import Check


def small_picture(seconds, to):
    return ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-re", "-f", "lavfi", "-i",
            "testsrc2=size=640x360:rate=30", "-re", "-f", "lavfi", "-i",
            "sine=frequency=440:sample_rate=48000", "-c:v", "libx264", "-preset", "ultrafast",
            "-tune", "zerolatency", "-g", "60", "-keyint_min", "60", "-sc_threshold", "0", "-b:v",
            "2500k", "-minrate", "2500k", "-maxrate", "2500k", "-bufsize", "2500k", "-nal-hrd", "cbr",
            "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "96k", "-ac", "2", "-t", str(seconds), *to]


@test(timeout=150, alone=True)
def srt_delivers_every_frame_over_a_link_that_loses_a_tenth(case):
    """10 % loss, 40 ms +- 20 ms on the way in, 2.5 Mb/s, with 400 ms of SRT latency."""
    if not is_possible(case):
        return
    seconds = 300 if case.long else 20
    with BadNetwork(case, loss=0.1, delay=40, jitter=20, back_delay=5) as network:
        server = case.server({"srt": {"listen": [f"{SERVER}:9000"], "latency": "400ms"}})
        server.wait_ready()
        publisher = network.run("ffmpeg", small_picture(seconds, [
            "-f", "mpegts", f"srt://{SERVER}:9000?streamid=publish:secret-one&latency=400000"]))
        server.wait_playable("one", renditions=2)
        check = Check(server.url(), seconds - 8.0, True, False)
        check.run()
        broken = [l for l in check.report.lines() if l.startswith("FAIL")]
        expect(not broken, "\n".join(broken))
        names = ("millrace_srt_packets_lost_total", "millrace_srt_packets_retransmitted_total",
                 "millrace_srt_packets_dropped_total", "millrace_srt_packets_received_total",
                 "millrace_ts_faults_total")
        # What is lost when the encoder has gone is not sent again: the last half second before its
        # end is the encoder's.
        seen = [{}, {}]
        while publisher.running():
            seen = [seen[-1], {name: server.metric(name, channel="one") or 0 for name in names}]
            time.sleep(0.5)
        expect(publisher.wait(20) == 0, publisher.text())
        wait_for(lambda: server.channels()["one"]["state"] != "live", 10, "the end")
        read = seen[0].get
        frames = server.metric("millrace_ingest_packets_total", channel="one", kind="video")
        case.note(f"{frames:.0f} of {seconds * 30} pictures, lost "
                  f"{read('millrace_srt_packets_lost_total'):.0f}, retransmitted "
                  f"{read('millrace_srt_packets_retransmitted_total'):.0f}, dropped "
                  f"{read('millrace_srt_packets_dropped_total'):.0f} of "
                  f"{read('millrace_srt_packets_received_total'):.0f}")
        expect(read("millrace_srt_packets_lost_total") > 100, "the link loses nothing")
        expect(not read("millrace_srt_packets_dropped_total"), "packets did not come in time")
        expect(not read("millrace_ts_faults_total"), "the transport stream has holes")
        # What libsrt holds back, 400 ms, goes with the encoder's own end.
        expect(frames >= seconds * 30 - 18, f"{frames} pictures of {seconds * 30}")


@test(timeout=60, alone=True)
def srt_latency_follows_the_round_trip_from_the_second_connection_on(case):
    if not is_possible(case):
        return
    with BadNetwork(case, delay=60, back_delay=60) as network:
        server = case.server({"srt": {"listen": [f"{SERVER}:9000"], "latency": "120ms"}})
        server.wait_ready()
        latency = lambda: server.metric("millrace_srt_latency_seconds", channel="one")  # noqa: E731
        publish = small_picture(60, [
            "-f", "mpegts", f"srt://{SERVER}:9000?streamid=publish:secret-one&latency=120000"])
        first = network.run("ffmpeg", publish)
        server.wait_playable("one", renditions=2)
        time.sleep(4)
        expect(abs(latency() - 0.12) < 0.01, f"the first one's latency is {latency()}")
        first.stop()
        wait_for(lambda: server.channels()["one"]["state"] != "live", 10, "the first one's end")
        network.run("ffmpeg", publish)
        wait_for(lambda: latency() and latency() > 0.2, 15, "more latency")
        case.note(f"latency {latency():.3f} s at a round trip of "
                  f"{server.metric('millrace_srt_round_trip_seconds', channel='one'):.3f} s")
        expect(0.4 < latency() < 0.7, f"the second one's latency is {latency()}")


@test(timeout=90, alone=True)
def rtmp_goes_on_after_five_seconds_without_a_network(case):
    """The connection survives; viewers get the held picture, then the source again."""
    if not is_possible(case):
        return
    with BadNetwork(case, delay=20, back_delay=20) as network:
        server = case.server({"rtmp": {"listen": [f"{SERVER}:1935"]}})
        server.wait_ready()
        publisher = network.run("ffmpeg", small_picture(60, [
            "-f", "flv", f"rtmp://{SERVER}:1935/live/secret-one"]))
        server.wait_playable("one", renditions=2)
        time.sleep(6)
        check = Check(server.url(), 24.0, True, False)
        follow = threading.Thread(target=check.run)
        follow.start()
        time.sleep(2)
        network.say("down")
        wait_for(lambda: server.channels()["one"]["holding"], 4, "the picture to be held")
        time.sleep(5 - 1.5)
        network.say("up")
        back = time.monotonic()
        wait_for(lambda: not server.channels()["one"]["holding"], 15, "the source to be back")
        case.note(f"the source was back {time.monotonic() - back:.1f} s after the network")
        follow.join()
        broken = [l for l in check.report.lines() if l.startswith("FAIL") and "BR-02" not in l]
        expect(not broken, "\n".join(broken))
        pauses = [b - a for (a, *_), (b, *_) in zip(check.followers[0].edges,
                                                    check.followers[0].edges[1:])]
        case.note(f"playlists stood for {max(pauses):.2f} s at most")
        expect(max(pauses) < 2.0, f"playlists stood for {max(pauses):.2f} s")
        expect(publisher.running(), f"the publisher was cut: {publisher.text()}")
        expect(server.metric("millrace_ingest_publishers", channel="one") == 1, "it has gone")
