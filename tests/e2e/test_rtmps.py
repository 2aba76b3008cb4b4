"""Publishers over RTMPS: foreign encoders, the certificate's change, and what is no TLS."""
import os
import shutil
import signal
import socket
import time

import publishers
from certificates import Certificates
from harness import Skip, expect, free_port, test, wait_for
from obs import Obs
from test_publish import PRODUCT, judge


def settings(certificates, port, **others):
    return {"tls": certificates.keys(),
            "rtmp": {"listen_tls": [f"127.0.0.1:{port}"], **others}}


def secure_server(case):
    certificates, port = Certificates(case), free_port()
    server = case.server(settings(certificates, port))
    server.wait_ready()
    return server, certificates, port


def ffmpeg_rtmps(case, port, key):
    return case.run("ffmpeg", ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-re",
                               "-stream_loop", "-1", "-i", case.file(PRODUCT), "-c", "copy", "-f",
                               "flv", f"rtmps://localhost:{port}/live/{key}"])


@test(timeout=60)
def rtmps_from_ffmpeg(case):
    server, _, port = secure_server(case)
    tool = ffmpeg_rtmps(case, port, "secret-one")
    server.wait_playable("one", renditions=2)
    judge(case, server, "one", 8.0)
    expect(tool.running(), f"ffmpeg ended: {tool.text()}")
    expect(server.metric("millrace_tls_certificate_expiry_timestamp_seconds") > time.time() + 86400,
           "the certificate's end is not told")
    wrong = ffmpeg_rtmps(case, port, "not-the-key")
    expect(wrong.wait(15) != 0, "ffmpeg does not mind")
    expect("no channel has this key" in wrong.text(), wrong.text())


@test(timeout=60)
def rtmps_from_gstreamer(case):
    server, _, port = secure_server(case)
    tool = case.run("rtmp2sink", [
        "gst-launch-1.0", "-q", *publishers._gst_mux(case.file(PRODUCT)), "rtmp2sink",
        f"location=rtmps://localhost:{port}/live/secret-one", "tls-validation-flags=0"])
    server.wait_playable("one", renditions=2)
    judge(case, server, "one", 6.0)
    expect(tool.running(), tool.text())


@test(timeout=90, alone=True)
def rtmps_from_obs(case):
    """It verifies the certificate, against an authority that is put before the system's."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        raise Skip("needs root, for an authority that only this OBS trusts")
    server, certificates, port = secure_server(case)
    studio = Obs(case, f"rtmps://localhost:{port}/live", "secret-one", trusted=certificates.trusted)
    studio.wait_log("Streaming Start", 30)
    server.wait_playable("one", renditions=2)
    judge(case, server, "one", 8.0)
    expect("obs" in server.log().lower(), "the encoder's name is not in the log")
    stranger = Obs(case, f"rtmps://localhost:{port}/live", "secret-two", reconnect="false")
    wait_for(lambda: server.metric("millrace_tls_handshake_failures_total"), 30,
             "an OBS that does not trust it to say so")
    expect(server.channels().get("two") is None, "it published all the same")
    stranger.tool.stop(signal.SIGKILL)


@test(timeout=60)
def rtmps_certificate_changes_under_a_publisher(case):
    server, certificates, port = secure_server(case)
    tool = ffmpeg_rtmps(case, port, "secret-one")
    server.wait_playable("one", renditions=2)
    expect(certificates.seen_by_a_client(port) == "one", "another certificate")
    certificates.issue("two")
    wait_for(lambda: certificates.seen_by_a_client(port) == "two", 10, "the new certificate", 0.3)
    (certificates.folder / "server.pem").write_text("nothing")
    wait_for(lambda: server.metric("millrace_tls_reloads_total", result="failed"), 10,
             "the bad one to be told", 0.3)
    expect(certificates.seen_by_a_client(port) == "two", "the old certificate is not there any more")
    judge(case, server, "one", 4.0)
    expect(tool.running(), f"the publisher was cut: {tool.text()}")


@test(timeout=60)
def what_is_no_tls_ends_by_itself(case):
    """Plain RTMP, garbage, half a handshake, an end in the middle: each only its own connection."""
    certificates, port = Certificates(case), free_port()
    server = case.server(settings(certificates, port, handshake_timeout="2s"))
    server.wait_ready()
    tool = ffmpeg_rtmps(case, port, "secret-one")
    server.wait_playable("one", renditions=2)
    plain = case.run("ffmpeg", ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-i",
                                case.file(PRODUCT), "-c", "copy", "-f", "flv",
                                f"rtmp://127.0.0.1:{port}/live/secret-two"])
    expect(plain.wait(15) != 0, "plain RTMP got through")
    wait_for(lambda: "plain RTMP came to an RTMPS port" in server.log(), 5, "the line about it")
    failures = server.metric("millrace_tls_handshake_failures_total")
    for _ in range(5):  # As a health check does.
        socket.create_connection(("127.0.0.1", port)).close()
    wait_for(lambda: server.metric("millrace_rtmp_connections") == 1, 5, "the lookers to be gone")
    expect(server.metric("millrace_tls_handshake_failures_total") == failures,
           "a port that is only looked at is a failure")
    silent = socket.create_connection(("127.0.0.1", port))
    for data in (os.urandom(2000), b"GET / HTTP/1.1\r\n\r\n", bytes([22, 3, 1, 2, 0, 1, 0])):
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(data)
            stranger.shutdown(socket.SHUT_WR)
            stranger.settimeout(5)
            while True:
                try:
                    if not stranger.recv(4096):
                        break
                except ConnectionError:
                    break
    silent.settimeout(6)
    expect(silent.recv(16) == b"", "half a handshake is waited for")
    wait_for(lambda: (server.metric("millrace_tls_handshake_failures_total") or 0) >= 3, 5,
             "the failures to be counted")
    wait_for(lambda: server.metric("millrace_rtmp_connections") == 1, 5, "the strangers to be gone")
    judge(case, server, "one", 4.0)
    expect(tool.running(), f"the publisher was cut: {tool.text()}")
