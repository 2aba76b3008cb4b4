"""Viewers over HTTPS and HTTP/2: curl, h2load and Chromium, and a client that takes everything back."""
import base64
import hashlib
import re
import socket
import struct
import subprocess
import threading
import time

import httpc
import publishers
from browser import Browser
from certificates import Certificates
from harness import expect, test, wait_for
from playlist import parse_media
from test_players import fatal_or_decode, wait_playing, watch

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, RST_STREAM, SETTINGS, GOAWAY = 1, 3, 4, 7
ENHANCE_YOUR_CALM = 11


def live_server(case, **http):
    """With a certificate for 127.0.0.1, and channel `one` on air."""
    certificates = Certificates(case)
    server = case.server({"tls": certificates.keys(), "http": http})
    publishers.ffmpeg_small(case, server, "secret-one")
    server.wait_playable("one", renditions=2)
    return server, certificates


class Curl:
    def __init__(self, server, certificates, version):
        plain = version == "prior-knowledge"
        self.base = server.base if plain else f"https://127.0.0.1:{server.https_port}"
        self.body = certificates.folder / "body"
        self.command = ["curl", "-s", "-S", "-m", "15", "-D", "-", "-o", str(self.body), "-w",
                        "%{http_version}", "--cacert", str(certificates.trusted / "ca.pem"),
                        "--http2-prior-knowledge" if plain else f"--http{version}"]

    def get(self, path, *options):
        """(status, version, header, body)"""
        self.body.write_bytes(b"")
        done = subprocess.run([*self.command, *options, self.base + path], capture_output=True,
                              text=True, check=False)
        expect(done.returncode == 0, f"curl {path}: {done.stderr}")
        head, _, version = done.stdout.rpartition("\n\n")
        lines = head.split("\n")
        header = dict(line.lower().split(": ", 1) for line in lines[1:])
        return int(lines[0].split()[1]), version, header, self.body.read_bytes()


@test(timeout=60)
def curl_gets_the_same_by_every_version(case):
    server, certificates = live_server(case)
    media = "/live/one/source/index.m3u8"
    segment = None
    for version, told in (("1.1", "1.1"), ("2", "2"), ("prior-knowledge", "2")):
        curl = Curl(server, certificates, version)
        status, spoken, header, body = curl.get(media)
        expect((status, spoken) == (200, told), f"{version}: {status} by HTTP/{spoken}")
        expect(header["access-control-allow-origin"] == "*", f"{version}: {header}")
        playlist = parse_media(body.decode())
        if segment is None:  # The same one for all.
            segment = "/live/one/source/" + next(
                s.uri for s in reversed(playlist.segments) if s.uri)
            whole = httpc.fetch(server.base + segment).body
        status, _, header, body = curl.get(segment)
        expect(status == 200 and body == whole, f"{version}: {status}, {len(body)} bytes")
        status, _, header, body = curl.get(segment, "-r", "100-299")
        expect(status == 206 and body == whole[100:300], f"{version}: range {status}")
        status, _, again, body = curl.get(segment, "-H", f"If-None-Match: {header['etag']}")
        expect(status == 304 and not body, f"{version}: conditional {status}")
        status, _, header, _ = curl.get(segment, "-I")  # A body would be an error to curl.
        expect(status == 200 and header["content-length"] == str(len(whole)),
               f"{version}: HEAD {status} {header}")
        status, _, _, body = curl.get(media, "--compressed")
        expect(status == 200 and body.startswith(b"#EXTM3U"), f"{version}: compressed {status}")
        expect(curl.get("/live/nobody/index.m3u8")[0] == 404, f"{version}: no 404")
        # Held until its part is there.
        latest = parse_media(curl.get(media)[3].decode())
        asked_at = time.monotonic()
        status, _, _, body = curl.get(f"{media}?_HLS_msn={latest.last_complete + 2}")
        held = parse_media(body.decode())
        expect(status == 200 and held.last_complete >= latest.last_complete + 2,
               f"{version}: held {status}")
        expect(time.monotonic() - asked_at > 0.3, f"{version}: it was not held")
    for version, tls in (("1", "yes"), ("2", "yes"), ("2", "no")):
        expect(server.metric("millrace_http_version_requests_total", version=version, tls=tls) >= 8,
               f"requests of HTTP/{version}, TLS {tls}, are not counted")


@test(timeout=60)
def h2load_opens_many_streams(case):
    """A thousand requests a connection, a hundred at a time, while a viewer's are held."""
    server, certificates = live_server(case)
    media = httpc.fetch(f"{server.base}/live/one/source/index.m3u8").text
    segment = next(s.uri for s in reversed(parse_media(media).segments) if s.uri)
    figures = []
    for base in (f"https://127.0.0.1:{server.https_port}", server.base):
        tool = case.run("h2load", ["h2load", "-n", "2000", "-c", "4", "-m", "100",
                                   f"{base}/live/one/source/index.m3u8",
                                   f"{base}/live/one/source/{segment}"])
        expect(tool.wait(40) == 0, tool.text())
        expect("2000 succeeded, 0 failed, 0 errored" in tool.text(), tool.text())
        expect("status codes: 2000 2xx" in tool.text(), tool.text())
        figures.append(re.search(r"finished in ([^,]*), ([^,]*), ([^\n]*)", tool.text())[2])
    case.note(f"{figures[0]} over TLS, {figures[1]} without")
    # Streams that are held, hundreds of them: each is answered.
    curl = Curl(server, certificates, "2")
    last = parse_media(curl.get("/live/one/source/index.m3u8")[3].decode()).last_complete
    tool = case.run("h2load", ["h2load", "-n", "400", "-c", "4", "-m", "100",
                               f"https://127.0.0.1:{server.https_port}/live/one/source/index.m3u8"
                               f"?_HLS_msn={last + 2}"])
    wait_for(lambda: server.metric("millrace_hls_parked_requests") >= 300, 10, "parked requests")
    expect(tool.wait(20) == 0 and "status codes: 400 2xx" in tool.text(), tool.text())
    wait_for(lambda: server.metric("millrace_http2_streams") == 0, 5, "the streams to end")


@test(timeout=60)
def nghttp_and_h2load_have_no_complaint(case):
    """The library's own clients, in ways that players do not go: padding, no tables for headers,
    small windows, a body that waits for 100; and HTTP/1.1 beside it."""
    server, _ = live_server(case)
    media = "/live/one/source/index.m3u8"
    segment = wait_for(lambda: [s.uri for s in parse_media(
        httpc.fetch(server.base + media).text).segments if s.uri], 10, "a segment")[-1]
    for base in (f"https://127.0.0.1:{server.https_port}", server.base):
        urls = [f"{base}/live/one/index.m3u8", base + media, f"{base}/live/one/source/{segment}"]
        for options in (["-m", "20"], ["-b", "200"], ["-c", "0"], ["-w", "10", "-W", "12"],
                        ["-H", "priority: u=0, i"], ["--no-push"],
                        ["--expect-continue", "-d", "/etc/hostname"]):
            # A body is what none of these takes.
            status, wanted = (405, 1) if "-d" in options else (200, len(urls))
            tool = case.run("nghttp", ["nghttp", "-v", "-n", "-y", "-t", "10", *options,
                                       *urls[:wanted]])
            expect(tool.wait(20) == 0, f"nghttp {options}: {tool.text()[-800:]}")
            said = re.sub(r"\x1b\[[0-9;]*m", "", tool.text())
            answers = said.count(f":status: {status}")
            expect(answers >= wanted, f"nghttp {options} {base}: not {status}: {said[-2000:]}")
            broken = re.search(r"\[ERROR\]|recv RST_STREAM.*\n.*error_code=(?!NO_ERROR)|"
                               r"recv GOAWAY.*\n.*error_code=(?!NO_ERROR)|not complete|failed", said)
            expect(not broken, f"nghttp {options} {base}: {said[-2000:]}")
        for options in (["--h1"], ["-m", "10", "-w", "10", "-W", "10"], ["-m", "10", "-r", "4"],
                        ["--header-table-size=0", "--encoder-header-table-size=0"]):
            tool = case.run("h2load", ["h2load", "-n", "60", "-c", "4", *options, *urls])
            expect(tool.wait(30) == 0 and "60 succeeded, 0 failed, 0 errored" in tool.text() and
                   "status codes: 60 2xx" in tool.text(), f"h2load {options} {base}: {tool.text()}")
    refused = server.metric("millrace_http_clients_closed_total", why="refused")
    expect(not refused, f"{refused} connections broke the protocol")


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + \
        struct.pack(">I", stream) + payload


def take_back(server, requests, path):
    """Asks and takes it back at once, again and again; the error code of GOAWAY, or None."""
    header = b"\x82\x86\x04" + bytes([len(path)]) + path + b"\x01\x01a"
    with socket.create_connection(("127.0.0.1", server.http_port), 10) as connection:
        connection.sendall(PREFACE + frame(SETTINGS, 0, 0))
        try:
            for i in range(requests):
                connection.sendall(frame(HEADERS, 5, 2 * i + 1, header) +
                                   frame(RST_STREAM, 0, 2 * i + 1, struct.pack(">I", 8)))
        except ConnectionError:
            pass
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except (ConnectionError, TimeoutError):
            pass
    while len(received) >= 9:
        size, kind = int.from_bytes(received[:3], "big"), received[3]
        if kind == GOAWAY:
            return int.from_bytes(received[13:17], "big")
        received = received[9 + size:]
    return None


@test(timeout=60)
def rapid_reset_ends_its_connection_alone(case):
    """CVE-2023-44487 with held requests; a viewer beside it does not notice."""
    server, certificates = live_server(case)
    viewer = Curl(server, certificates, "2")
    last = parse_media(viewer.get("/live/one/source/index.m3u8")[3].decode()).last_complete
    path = f"/live/one/source/index.m3u8?_HLS_msn={last + 2}".encode()
    codes = []
    attackers = [threading.Thread(target=lambda: codes.append(take_back(server, 100_000, path)))
                 for _ in range(4)]
    for attacker in attackers:
        attacker.start()
    while any(attacker.is_alive() for attacker in attackers):
        expect(viewer.get("/live/one/source/index.m3u8")[0] == 200, "the viewer is not served")
    for attacker in attackers:
        attacker.join()
    expect(server.metric("millrace_http_clients_closed_total", why="flood") == 4,
           f"not all were closed: {codes}")
    expect(ENHANCE_YOUR_CALM in codes, f"nobody was told: {codes}")
    expect(server.metric("millrace_http2_streams_cut_total", why="client") < 4 * 400, "too late")
    expect("a flood of HTTP/2 frames" in server.log(), "nothing in the log")
    wait_for(lambda: server.metric("millrace_hls_parked_requests") == 0, 5, "abandoned requests")
    expect(viewer.get("/live/one/source/index.m3u8")[1] == "2", "the viewer was cut")


def key_hash(certificates):
    """What Chromium takes a certificate for, whoever signed it."""
    key = subprocess.run("openssl x509 -in server.pem -pubkey -noout | "
                         "openssl pkey -pubin -outform der", shell=True, check=True,
                         cwd=certificates.folder, capture_output=True).stdout
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


@test(timeout=90, alone=True, on="sanitized")
def page_plays_over_http2(case):
    """Chromium and hls.js, all over one connection that TLS agreed upon."""
    server, certificates = live_server(case)
    flags = [f"--ignore-certificate-errors-spki-list={key_hash(certificates)}"]
    with Browser(case.folder / "chromium.log", flags) as browser:
        browser.goto(f"https://127.0.0.1:{server.https_port}/?channel=one")
        wait_playing(browser, 30)
        seen = watch(browser, 5)
        expect(not fatal_or_decode(seen[-1]), str(fatal_or_decode(seen[-1])))
        expect(seen[-1]["time"] > seen[0]["time"] + 2, "it stands still")
        spoken = browser.evaluate("[...new Set(performance.getEntriesByType('resource')"
                                  ".filter(entry => entry.name.startsWith('https'))"
                                  ".map(entry => entry.nextHopProtocol))].join()")
        expect(spoken == "h2", f"it spoke {spoken}")
        connections = server.metric("millrace_http_version_connections", version="2", tls="yes")
        expect(1 <= connections <= 3, f"{connections} connections")
    case.note(f"live latency {seen[-1]['latency']:.2f} s")
    expect(server.metric("millrace_http_version_requests_total", version="2", tls="yes") > 20,
           "few requests")
