"""Load balancers and proxies that are trusted tell who the client is, and nobody else does."""
import re
import socket
import struct
import subprocess

import caches
import httpc
from certificates import Certificates
from harness import expect, free_port, test, wait_for

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n"


def proxy_server(case, trusted=("127.0.0.1",), **http):
    """With a certificate, and ports for load balancers."""
    certificates = Certificates(case)
    ports = free_port(), free_port()
    server = case.server({"tls": certificates.keys(), "http": {
        "trusted_proxies": list(trusted), "listen_proxy": [f"127.0.0.1:{ports[0]}"],
        "listen_proxy_tls": [f"127.0.0.1:{ports[1]}"], **http}})
    server.proxy_port, server.proxy_tls_port = ports
    return server, certificates


def connect(port, source="127.0.0.1"):
    """From another address of this machine where it is said."""
    connection = socket.create_connection(("127.0.0.1", port), 10, source_address=(source, 0))
    connection.settimeout(10)
    return connection


def proxied_from(address, port=51423, rest=b"", command=0x21):
    """Version 2, as nginx does not send it."""
    body = socket.inet_aton(address) * 2 + struct.pack(">HH", port, 443) + rest
    return SIGNATURE + struct.pack(">BBH", command, 0x11, len(body)) + body


def answer(connection, sent):
    """The status of what comes for it; 0 where the connection ends."""
    received = b""
    try:
        connection.sendall(sent)
        while b"\r\n\r\nok" not in received:
            more = connection.recv(4096)
            if not more:
                break
            received += more
    except ConnectionError:
        pass
    return int(received.split()[1]) if received else 0


def refused(server, reason):
    return server.metric("millrace_http_proxy_refused_total", reason=reason)


@test(timeout=60)
def nginx_passes_connections_through_and_tells_the_client(case):
    """The documented file: clear text and TLS, each client with its own share of connections."""
    server, certificates = proxy_server(case, max_connections_per_address=3)
    balancer = caches.nginx_stream(case, server)
    for base, options in ((balancer.base, []), (balancer.tls_base, [
            "--cacert", str(certificates.trusted / "ca.pem")])):
        done = subprocess.run(["curl", "-s", "-S", "-m", "15", "-w", "%{http_code} %{http_version}",
                               "--interface", "127.0.0.4", *options, f"{base}/healthz"],
                              capture_output=True, text=True, check=False)
        told = "2" if options else "1.1"
        expect(done.stdout.split() == ["ok", "200", told], f"{base}: {done.stdout}{done.stderr}")
    port = int(balancer.base.rpartition(":")[2])
    # All of nginx's come from 127.0.0.1, which the cap would count as one.
    first = [connect(port, "127.0.0.2") for _ in range(3)]
    expect([answer(one, REQUEST) for one in first] == [200] * 3, "three of one client are answered")
    with connect(port, "127.0.0.2") as fourth:
        expect(answer(fourth, REQUEST) == 0, "a fourth of the same client was answered")
    others = [connect(port, "127.0.0.3") for _ in range(3)]
    expect([answer(one, REQUEST) for one in others] == [200] * 3, "another client is refused")
    expect(server.metric("millrace_http_clients_closed_total", why="too_many") == 1, "refusals")
    expect(re.search(r"too many connections, one is refused remote=127\.0\.0\.2:\d+", server.log()),
           f"the log does not name the client: {server.log()}")
    for connection in first + others:
        connection.close()
    for reason in ("untrusted", "missing", "malformed", "too_long", "timed_out", "cut"):
        expect(refused(server, reason) == 0, f"{reason}: {server.log()}")


@test(timeout=60)
def version_2_of_the_proxy_protocol_is_understood(case):
    server, _ = proxy_server(case, max_connections_per_address=1)
    with connect(server.proxy_port) as one, connect(server.proxy_port) as other, \
            connect(server.proxy_port) as third:
        expect(answer(one, proxied_from("192.0.2.7", rest=b"\x04\x00\x01x") + REQUEST) == 200, "v2")
        expect(answer(other, proxied_from("192.0.2.7") + REQUEST) == 0, "one connection too many")
        expect(answer(third, proxied_from("192.0.2.8") + REQUEST) == 200, "another client")
    expect("remote=192.0.2.7:51423" in server.log(), server.log())
    with connect(server.proxy_port) as health_check:
        expect(answer(health_check, SIGNATURE + b"\x20\0\0\0" + REQUEST) == 200, "LOCAL")


@test(timeout=60)
def bad_and_strange_proxies_are_closed(case):
    server, _ = proxy_server(case, header_timeout="1s")
    for sent, reason in ((REQUEST, "missing"), (b"PROXY TCP4 1.2.3.4\r\n" + REQUEST, "malformed"),
                         (b"PROXY UNKNOWN " + b"x" * 200, "too_long"), (b"PROXY ", "timed_out"),
                         (proxied_from("192.0.2.7", command=0x31) + REQUEST, "malformed")):
        before = refused(server, reason)
        with connect(server.proxy_port) as connection:
            expect(answer(connection, sent) == 0, f"{sent} was answered")
        wait_for(lambda r=reason, b=before: refused(server, r) == b + 1, 5, f"{reason} to count")
    with connect(server.proxy_port, "127.0.0.9") as stranger:
        expect(answer(stranger, proxied_from("192.0.2.7") + REQUEST) == 0, "a stranger is believed")
    wait_for(lambda: refused(server, "untrusted") == 1, 5, "the stranger to count")
    with connect(server.http_port) as viewer:
        expect(answer(viewer, proxied_from("192.0.2.7") + REQUEST) != 200, "it was guessed")
    expect(httpc.fetch(f"{server.base}/healthz").status == 200, "viewers are not served")


@test(timeout=60)
def forwarded_for_is_believed_of_trusted_proxies_alone(case):
    """Seen in the log, by requests of HTTP/2 that are refused for their body."""
    server, _ = proxy_server(case, trusted=["127.0.0.2", "10.0.0.0/8"])
    (case.folder / "body").write_bytes(b"x" * 100_000)

    def remote_of(source, forwarded):
        had = len(server.log())

        def refused_request():  # Again until there is a line on one: there is one a second at most.
            done = subprocess.run([
                "curl", "-s", "-m", "15", "--http2-prior-knowledge", "--interface", source, "-o",
                "/dev/null", "-w", "%{http_code}", "-H", f"X-Forwarded-For: {forwarded}",
                "--data-binary", f"@{case.folder / 'body'}", f"{server.base}/healthz"],
                capture_output=True, text=True, check=False)
            if done.stdout == "000":  # The connection ended while the body was on its way.
                return None
            expect(done.stdout == "413", f"curl: {done.stdout} {done.stderr}")
            return re.search(r"request refused status=413 remote=(\S+)", server.log()[had:])
        return wait_for(refused_request, 10, "a line in the log", step=0.2)[1]

    expect(remote_of("127.0.0.2", "203.0.113.1, 192.0.2.7, 10.0.0.1") == "192.0.2.7", "trusted")
    told = remote_of("127.0.0.3", "203.0.113.1")
    expect(told.startswith("127.0.0.3:"), f"a stranger is believed: {told}")
    told = remote_of("127.0.0.2", "192.0.2.7, unknown")
    expect(told.startswith("127.0.0.2:"), f"what is no address is believed: {told}")
