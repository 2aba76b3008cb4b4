"""Whatever comes in on a port, that one connection ends and no other channel notices."""
import os
import random
import signal
import socket
import struct
import threading
import time

import decode
import httpc
import publishers
import rtmp
from harness import expect, test, wait_for
from llhls import Check
from playlist import parse_media


PRODUCT = "product_1080p30_zerolat_4500k.flv"


class Bystander:
    """Channel "two" beside the trouble: live all the while, nothing wrong in it. A context."""

    def __init__(self, case, server, seconds=6.0):
        self.case, self.server, self.seconds = case, server, seconds

    def __enter__(self):
        publishers.ffmpeg_small(self.case, self.server, "secret-two")
        self.server.wait_playable("two", renditions=2)
        self.check = Check(self.server.url("two"), self.seconds, True, False)
        self.thread = threading.Thread(target=self.check.run)
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.thread.join()
        if kind is None:
            broken = [l for l in self.check.report.lines() if l.startswith("FAIL")]
            expect(not broken, "the other channel noticed: " + "\n".join(broken))


def lines_with(server, *words):
    return [line for line in server.log().splitlines() if all(word in line for word in words)]


def errors(server):
    return server.metric("millrace_errors_total")


@test(timeout=60)
def wrong_key(case):
    server = case.server()
    with Bystander(case, server, 4.0):
        tool = publishers.ffmpeg_small(case, server, "not-the-key")
        code = tool.wait(15)
        expect(code != 0, "ffmpeg took a wrong key for a right one")
        refused = wait_for(lambda: errors(server), 5, "the refusal to be counted")
        expect(refused == 1, f"{refused} errors counted for one wrong key")
        lines = [l for l in server.log().splitlines() if "no channel has this key" in l]
        expect(len(lines) == 1, f"{len(lines)} log lines: {lines}")
        expect("not-the-key" not in server.log(), "the key is in the log")
    raw = rtmp.Publisher(server.rtmp_port, "not-the-key")
    expect(not raw.publish(), "published with a wrong key")
    # OBS shows what the server says under this code.
    refusals = (b"NetStream.Publish.BadName", b"NetStream.Publish.Denied",
                b"NetConnection.Connect.Rejected")
    expect(any(word in raw.answers for word in refusals), f"no refusal said: {raw.answers!r}")
    raw.close()
    expect("not-the-key" not in server.log(), "the key is in the log")


@test(timeout=60)
def garbage_on_every_port(case):
    server = case.server()
    chance = random.Random(20261124)
    samples = [bytes(chance.randrange(256) for _ in range(n)) for n in (1, 64, 1600, 5000)]
    samples += [b"\x03" + bytes(5000), b"\x06" + bytes(1536), b"\xff" * 4000]
    lines = [b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\n\r\n", b"GET /" + b"a" * 70000,
             b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 9000,
             b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
             b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
             b"zz\r\n"]
    with Bystander(case, server):
        for data in samples:
            try:
                httpc.raw("127.0.0.1", server.rtmp_port, data, timeout=0.3)
            except OSError:
                pass  # Closed in our face: as good an end as any.
        for port in (server.http_port, server.api_port):
            for data in samples + lines:
                try:
                    httpc.raw("127.0.0.1", port, data, timeout=0.3)
                except OSError:
                    pass
        expect(server.alive(), "the server died")
        expect(errors(server) > 0, "no error counted")
    said = len(server.log().splitlines())
    expect(said < 120, f"{said} log lines for {len(samples) * 3 + len(lines) * 2} connections")


@test(timeout=60)
def half_a_handshake(case):
    server = case.server({"rtmp": {"handshake_timeout": "1s", "publish_timeout": "2s"},
                          "http": {"header_timeout": "1s"}})
    with Bystander(case, server, 5.0):
        hanging = []
        for data in (b"", b"\x03", b"\x03" + bytes(700)):
            connection = socket.create_connection(("127.0.0.1", server.rtmp_port))
            connection.sendall(data)
            hanging.append((time.monotonic(), connection))
        web = socket.create_connection(("127.0.0.1", server.http_port))
        web.sendall(b"GET / HTTP/1.1\r\nHo")
        hanging.append((time.monotonic(), web))
        for began, connection in hanging:
            connection.settimeout(6)
            try:
                while connection.recv(4096):
                    pass
            except ConnectionError:
                pass
            took = time.monotonic() - began
            expect(took < 4.0, f"a half handshake was kept for {took:.1f} s")
            connection.close()
        # Handshake done, nothing published.
        idle = rtmp.Publisher(server.rtmp_port, "secret-one")
        idle.handshake()
        began = time.monotonic()
        idle.wait_answer(b"never said", 6)
        expect(time.monotonic() - began < 5, "a connection that publishes nothing is kept")
        expect(errors(server) > 0, "no error counted")


@test(timeout=60)
def sixteen_megabyte_message(case):
    server = case.server()
    with Bystander(case, server, 5.0):
        sender = rtmp.Publisher(server.rtmp_port, "secret-one")
        expect(sender.publish(), f"refused: {sender.answers!r}")
        before, errors_before = resident(server), errors(server)
        head = b"\x06" + bytes(3) + b"\xff\xff\xff" + b"\x09" + struct.pack("<I", 1)
        began = time.monotonic()
        try:
            sender.socket.sendall(head)
            for index in range(0xFFFFFF // 4096):
                sender.socket.sendall((b"\xc6" if index else b"") + bytes(4096))
        except (ConnectionError, TimeoutError):
            pass
        sender.wait_answer(b"never said", 6)
        expect(time.monotonic() - began < 5, "the connection is kept")
        wait_for(lambda: errors(server) > errors_before, 5, "the error to be counted")
        grown = resident(server) - before
        expect(grown < 64 << 20, f"the server grew by {grown >> 20} MiB")
        sender.close()
    lines = lines_with(server, "16777215")
    expect(len(lines) == 1, f"one log line with the size expected: {lines}")


def resident(server):
    for line in open(f"/proc/{server.process.pid}/status", encoding="ascii"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) << 10
    return 0


@test(timeout=90)
def publisher_dies_in_mid_message_and_comes_back(case):
    server = case.server()
    tags = list(rtmp.flv_tags(case.file("product_1080p30_zerolat_4500k.flv")))
    with Bystander(case, server, 14.0):
        sender = rtmp.Publisher(server.rtmp_port, "secret-one")
        expect(sender.publish(), f"refused: {sender.answers!r}")
        rtmp.send_paced(sender, tags, 5.0)
        before = parse_media(httpc.fetch(server.url().replace("index", "source/index")).text)
        # Half a message, then the end of the process: its socket is reset.
        sender.socket.sendall(sender.message(9, bytes(20000), 1, 5100, 6)[:9000])
        sender.close(reset=True)
        wait_for(lambda: server.channels()["one"]["state"] == "waiting", 5, "the loss to show")
        again = rtmp.Publisher(server.rtmp_port, "secret-one")
        expect(again.publish(), f"refused: {again.answers!r}")
        rtmp.send_paced(again, tags, 6.0)
        after = parse_media(httpc.fetch(server.url().replace("index", "source/index")).text)
        again.close()
    expect(after.last_complete > before.last_complete, "numbering does not go on")
    cuts = [s.msn for s in after.segments + ([after.open] if after.open else []) if s.discontinuity]
    expect(len(cuts) == 1, f"discontinuities at {cuts}, one expected")
    numbers = [s.msn for s in after.segments]
    expect(numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"numbers {numbers}")
    known = {s.msn: s.uri for s in before.segments}
    expect(all(known.get(s.msn, s.uri) == s.uri for s in after.segments), "a URI changed")


@test(timeout=60)
def publisher_killed_by_the_system(case):
    """ffmpeg ends by SIGKILL, another follows; readers see one discontinuity and no error."""
    server = case.server()
    path = case.file("product_1080p30_zerolat_4500k.flv")
    first = publishers.ffmpeg_copy(case, path, server, "secret-one")
    server.wait_playable("one", renditions=2)
    check = Check(server.url(), 11.0, True, False)
    follow = threading.Thread(target=check.run)
    follow.start()
    time.sleep(3)
    first.stop(signal.SIGKILL)
    publishers.ffmpeg_copy(case, path, server, "secret-one")
    follow.join()
    broken = [l for l in check.report.lines() if l.startswith("FAIL") and "BR-02" not in l]
    expect(not broken, "\n".join(broken))
    latest = check.followers[0].latest
    listed = latest.segments + ([latest.open] if latest.open else [])
    cuts = [s.msn for s in listed if s.discontinuity]
    expect(len(cuts) == 1, f"discontinuities at {cuts}, one expected")


@test(timeout=60)
def takeover_by_the_same_key(case):
    server = case.server()
    path = case.file("product_1080p30_zerolat_4500k.flv")
    first = publishers.ffmpeg_copy(case, path, server, "secret-one")
    server.wait_playable("one", renditions=2)
    before = parse_media(httpc.fetch(server.url().replace("index", "source/index")).text)
    second = publishers.ffmpeg_copy(case, path, server, "secret-one")
    first.wait(10)
    url = server.url().replace("index", "source/index")
    wait_for(lambda: parse_media(httpc.fetch(url).text).last_complete > before.last_complete + 1,
             15, "the second to be on air")
    expect(second.running(), f"the second was cut: {second.text()}")
    expect(server.channels()["one"]["state"] == "live", "the channel is not live")
    lines = lines_with(server, "publisher taken over")
    expect(len(lines) == 1, f"one log line about the takeover expected: {lines}")


@test(timeout=60)
def viewer_that_never_reads(case):
    server = case.server({"http": {"write_timeout": "2s"}})
    publishers.ffmpeg_copy(case, case.file(PRODUCT), server, "secret-one")
    server.wait_playable("one", renditions=2)
    with Bystander(case, server, 9.0):
        playlist = wait_for(lambda: parse_media(httpc.fetch(
            server.url().replace("index", "source/index")).text).segments, 10, "a segment")
        target = f"/live/one/source/{playlist[-1].uri}"
        request = f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        deaf = []
        for _ in range(5):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.http_port))
            try:
                connection.sendall(request * 40)
            except ConnectionError:
                pass
            deaf.append(connection)
        wait_for(lambda: server.metric("millrace_http_clients_closed_total", why="slow") >= 5, 12,
                 "the deaf viewers to be closed")
        for connection in deaf:
            connection.close()
    expect(resident(server) < 1 << 30, "the server grew for viewers that do not read")


def workers(server):
    """Process ids of the server's transcoders."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            status = open(f"/proc/{name}/stat", encoding="utf-8", errors="replace").read()
        except OSError:
            continue
        parent = int(status.rpartition(")")[2].split()[1])
        if parent == server.process.pid and "millrace-trans" in status:
            found.append(int(name))
    return found


@test(timeout=90, alone=True)
def transcoder_killed(case):
    """The source rung plays on as if nothing were; the encoded one is back after a GOP or so."""
    server, (_, low) = publishers.two_rungs(case)
    rung = f"{server.base}/live/ladder/{low}p/index.m3u8"
    wait_for(lambda: len(parse_media(httpc.fetch(rung).text).segments) >= 2, 20, "the rung to run")
    check = Check(server.url("ladder"), 12.0, True, False)
    follow = threading.Thread(target=check.run)
    follow.start()
    time.sleep(3)
    victim = wait_for(lambda: workers(server), 5, "a transcoder")
    os.kill(victim[0], signal.SIGKILL)
    killed = time.monotonic()
    wait_for(lambda: set(workers(server)) - set(victim), 10, "another transcoder")
    follow.join()
    source = next(f for f in check.followers if f.where == "source")
    gaps = [b - a for (a, *_), (b, *_) in zip(source.edges, source.edges[1:])]
    expect(max(gaps) < 1.0, f"the source rung paused for {max(gaps):.2f} s")
    encoded = next(f for f in check.followers if f.where == f"{low}p")
    back = [t for t, *_ in encoded.edges if t > killed + 0.5]
    expect(back and back[-1] > killed + 3, "the encoded rung did not come back")
    missing = max(b - a for (a, *_), (b, *_) in zip(encoded.edges, encoded.edges[1:]))
    case.note(f"source paused at most {max(gaps):.2f} s, the rung {missing:.1f} s")
    expect(missing < 6.0, f"the encoded rung was away for {missing:.1f} s")
    listed = [s.msn for s in encoded.latest.segments]
    expect(listed == list(range(listed[0], listed[0] + len(listed))), f"the rung has {listed}")
    broken = [l for l in check.report.lines() if l.startswith("FAIL") and "[source]" in l]
    expect(not broken, "\n".join(broken))
    said = decode.ffmpeg_reads(f"{server.base}/live/ladder/source/index.m3u8", 2.0)
    expect(not said, said)


@test(timeout=60)
def many_parked_requests_end_with_the_server(case):
    """A clean stop answers who waits; nobody hangs."""
    server = case.server()
    publishers.ffmpeg_small(case, server, "secret-one")
    server.wait_playable("one", renditions=2)
    url, ended = server.url().replace("index", "source/index"), []
    last = parse_media(httpc.fetch(url).text).last_complete

    def hold():
        try:
            ended.append(httpc.fetch(f"{url}?_HLS_msn={last + 2}", timeout=15).status)
        except Exception as error:
            ended.append(type(error).__name__)

    threads = [threading.Thread(target=hold) for _ in range(50)]
    for thread in threads:
        thread.start()
    wait_for(lambda: server.metric("millrace_http_connections") >= 50, 10, "50 held requests")
    server.stop()
    for thread in threads:
        thread.join(10)
    expect(len(ended) == 50, f"{50 - len(ended)} requests still hang")
