"""Ladders that another machine encodes: here its listener is a process beside the server."""
import signal
import subprocess
import time

import httpc
import publishers
from harness import expect, free_port, test, wait_for
from playlist import parse_media
from test_faults import workers
from test_worker_faults import GOP, LADDER, small_clip
from viewer import Viewer


class Authority:
    """One of the test's own, with the certificates that it has issued."""

    def __init__(self, case, name="authority"):
        self.folder = case.folder / name
        self.folder.mkdir()
        self._openssl("req", "-x509", *self.KEY, "-days", "30", "-subj", f"/CN={name}", "-keyout",
                      "ca.key", "-out", "ca.pem")
        (self.folder / "server.names").write_text("extendedKeyUsage=clientAuth")
        (self.folder / "host.names").write_text(
            "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth")
        for role in ("server", "host"):
            self._openssl("req", *self.KEY, "-subj", f"/CN={role}", "-keyout",
                          f"{role}.key", "-out", f"{role}.csr")
            self._openssl("x509", "-req", "-in", f"{role}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                          "-CAcreateserial", "-days", "30", "-extfile", f"{role}.names", "-out",
                          f"{role}.pem")

    KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

    def _openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True,
                              text=True, check=False)
        expect(done.returncode == 0, done.stderr)

    def listener(self, case, port, *more):
        tool = case.run("listener", [
            case.build / "millrace-transcoder", "--listen", f"127.0.0.1:{port}", "--certificate",
            self.folder / "host.pem", "--key", self.folder / "host.key", "--ca",
            self.folder / "ca.pem", *more])
        wait_for(lambda: "waiting for servers" in tool.text(), 10, "the listener")
        return tool

    def server(self, case, *ports, channels=("shop",)):
        return case.server({
            "ladder": LADDER["ladder"],
            "transcode": {"encode": "always", "max_load": 0,
                          "remote": [f"127.0.0.1:{port}" for port in ports],
                          "remote_certificate": str(self.folder / "server.pem"),
                          "remote_key": str(self.folder / "server.key"),
                          "remote_ca": str(self.folder / "ca.pem")},
            "channels": {name: {"keys": [f"key-{name}"], "ladder": "small"} for name in channels}})


def publish(case, server, channel="shop", clip=None):
    tool = publishers.ffmpeg_copy(case, clip or small_clip(case), server, f"key-{channel}")
    server.wait_playable(channel, renditions=3)
    return tool


def on_hosts(server, **labels):
    return server.metric("millrace_transcode_remote_workers", **labels)


def judge(source, rung, case):
    """The source never stood, and the rung for no longer than a group of pictures and a second."""
    for viewer in (source, rung):
        viewer.stop()
        expect(not viewer.errors, f"{viewer.url}: {viewer.errors}")
    case.note(f"source stood for {source.longest_wait:.2f} s at most, the rung for "
              f"{rung.longest_wait:.2f} s, {len(rung.gaps)} gaps")
    expect(not source.gaps, f"gaps in the source: {source.gaps}")
    expect(case.is_sanitized or source.longest_wait < 0.7,
           f"the source stood for {source.longest_wait:.2f} s")
    expect(case.is_sanitized or rung.longest_wait < GOP + 1, f"the rung stood for {rung.longest_wait:.2f} s")


def decodes(case, server, rendition):
    """Five seconds of it through FFmpeg, which knows no parts, without an error."""
    url = f"{server.base}/live/shop/{rendition}/index.m3u8"
    wait_for(lambda: any(not segment.gap for segment in parse_media(httpc.fetch(url).text).segments),
             20, "a whole segment")
    tool = case.run("ffmpeg", ["ffmpeg", "-nostdin", "-v", "error", "-i", url, "-t", "5", "-f",
                               "null", "-"])
    expect(tool.wait(40) == 0 and not tool.text(), f"{rendition}: {tool.text()}")


@test(timeout=100, alone=True, on="both")
def a_host_encodes_and_dies(case):
    """Killed in the middle, listener and workers: the rung goes on here, the source untouched."""
    authority, port = Authority(case), free_port()
    listener = authority.listener(case, port)
    server = authority.server(case, port)
    publish(case, server)
    wait_for(lambda: on_hosts(server) == 1, 10, "a worker on the host")
    expect(not workers(server), "there is a worker here as well")
    decodes(case, server, "180p")
    expect("worker begins remote=127.0.0.1:" in listener.text(), listener.text())
    source, rung = Viewer(server, "shop", "source"), Viewer(server, "shop", "180p")
    time.sleep(5)
    listener.stop(signal.SIGKILL)  # Its workers go with it.
    wait_for(lambda: workers(server), 10, "a worker here")
    time.sleep(6)
    judge(source, rung, case)
    expect(on_hosts(server) == 0, "a worker is still counted on the host")
    expect(server.metric("millrace_transcode_remote_failures_total") > 0, "no failure is counted")
    expect(f"host is left out host=127.0.0.1:{port}" in server.log(), server.log())
    decodes(case, server, "180p")


@test(timeout=100, alone=True, on="both")
def a_host_that_stands_is_left(case):
    """Its worker and its listener are stopped: no byte moves, and connections come to nothing."""
    authority, port = Authority(case), free_port()
    listener = authority.listener(case, port)
    server = authority.server(case, port)
    publish(case, server)
    wait_for(lambda: on_hosts(server) == 1, 10, "a worker on the host")
    source, rung = Viewer(server, "shop", "source"), Viewer(server, "shop", "180p")
    time.sleep(5)
    listener.process.send_signal(signal.SIGSTOP)
    for child in children(listener):
        subprocess.run(["kill", "-STOP", str(child)], check=True)
    wait_for(lambda: workers(server), 10, "a worker here")
    time.sleep(6)
    judge(source, rung, case)
    listener.stop(signal.SIGKILL)


def children(tool):
    path = f"/proc/{tool.process.pid}/task/{tool.process.pid}/children"
    with open(path, encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


@test(timeout=90)
def a_host_ends_and_another_takes_over(case):
    """SIGTERM is an end like any other, and clean; what is left goes to the other host."""
    authority, ports = Authority(case), (free_port(), free_port())
    first, second = (authority.listener(case, port) for port in ports)
    server = authority.server(case, *ports)
    publish(case, server)
    wait_for(lambda: on_hosts(server, host=f"127.0.0.1:{ports[0]}") == 1, 10, "the first host")
    expect(first.stop() == 0, f"it did not end well: {first.text()}")
    wait_for(lambda: on_hosts(server, host=f"127.0.0.1:{ports[1]}") == 1, 10, "the second host")
    decodes(case, server, "180p")
    expect(not workers(server), "there is a worker here")
    expect("worker begins" in second.text(), second.text())


@test(timeout=90)
def a_full_host_says_so(case):
    """One worker at a time: the second channel's ladder is encoded here, and the log says why."""
    authority, port = Authority(case), free_port()
    listener = authority.listener(case, port, "--max-workers", "1")
    server = authority.server(case, port, channels=("shop", "hall"))
    clip = small_clip(case)
    publish(case, server, "shop", clip)
    wait_for(lambda: on_hosts(server) == 1, 10, "a worker on the host")
    publish(case, server, "hall", clip)
    wait_for(lambda: len(workers(server)) == 1, 10, "a worker here")
    expect('why="full: 1 workers run"' in server.log(), server.log())
    expect("server is refused" in listener.text(), listener.text())
    expect(on_hosts(server) == 1, "the first one's worker has gone")
    server.stop()
    wait_for(lambda: "worker ended" in listener.text(), 10, "the worker's end")
    wait_for(lambda: not children(listener), 10, "its process to be gone")
    expect(listener.running() and listener.stop() == 0, listener.text())


@test(timeout=90)
def a_host_that_is_not_trusted_gets_nothing(case):
    """Either side's certificate is of another authority: the ladder is encoded here, and both say
    why."""
    authority, port = Authority(case), free_port()
    stranger = Authority(case, "stranger").listener(case, port)
    server = authority.server(case, port)
    publish(case, server)
    wait_for(lambda: workers(server), 10, "a worker here")
    expect("certificate verify failed" in server.log(), server.log())
    expect(on_hosts(server) == 0, "a worker on a stranger's machine")
    wait_for(lambda: "server is refused" in stranger.text(), 10, "the stranger's line")
    decodes(case, server, "180p")
    for words in (["--listen", "127.0.0.1:0"], ["--listen"], ["--port", "1"]):
        wrong = case.run("listener", [case.build / "millrace-transcoder", *words])
        expect(wrong.wait(10) == 1 and wrong.text(), f"{words} are taken")
