"""What bench/system/origin asks with and compares with: h2load, and nginx with the same bytes."""
import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from load import Failure, expect, usage

import harness  # Of tests/e2e, where load has looked.
import httpc

# As much as a server of files can be told about speed. Files in memory, opened once; what millrace
# says of its answers is said here too, so that heads are equally long.
_NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
worker_rlimit_nofile 4096;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  types {{ application/vnd.apple.mpegurl m3u8; video/mp4 m4s; }}
  sendfile off;  # From memory it is the faster way, by a third for what is small.
  output_buffers 2 512k;
  open_file_cache max=1000 inactive=1h;
  open_file_cache_valid 1h;
  open_file_cache_errors on;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  ssl_certificate {certificate};
  ssl_certificate_key {key};
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_prefer_server_ciphers on;
  server {{
    listen 127.0.0.1:{http1};
    listen 127.0.0.1:{http2} http2;
    listen 127.0.0.1:{tls} ssl http2;
    root {root};
    add_header Cache-Control "public, max-age=3600, immutable";
    add_header Access-Control-Allow-Origin "*";
    add_header Access-Control-Expose-Headers "Age, Content-Length, Content-Range, Date, ETag";
    location ~ m3u8$ {{ gzip_static on; }}
  }}
}}
"""


@contextlib.contextmanager
def on_core(core):
    """What is started meanwhile stays on it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Nginx:
    """One worker. A file is one that was put there."""

    def __init__(self, case, certificate, root):
        found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        expect(found, "no nginx: scripts/setup test installs it")
        self.root = pathlib.Path(root)
        self.ports = [harness.free_port() for _ in range(3)]
        config = case.folder / "nginx.conf"
        config.write_text(_NGINX.format(folder=case.folder, root=root, http1=self.ports[0],
                                        http2=self.ports[1], tls=self.ports[2], **certificate))
        self.tool = case.run("nginx", [found, "-c", config, "-p", case.folder])
        self.pid = self.tool.process.pid
        harness.wait_for(self._answers, 10, "nginx to answer")

    def _answers(self):
        expect(self.tool.running(), f"nginx ended: {self.tool.text()}")
        with contextlib.suppress(OSError):
            return httpc.fetch(f"http://127.0.0.1:{self.ports[0]}/").status
        return None

    def put(self, path, body, is_gzip=False):
        """The size of what is served then: an open file is not looked at again, so that a playlist
        stays the first."""
        file = self.root / (path.lstrip("/") + (".gz" if is_gzip else ""))
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_bytes(body)
        return file.stat().st_size

    def base(self, version, is_tls):
        return f"https://localhost:{self.ports[2]}" if is_tls else \
            f"http://127.0.0.1:{self.ports[version - 1]}"


@contextlib.contextmanager
def folder_in_memory():
    expect(os.path.ismount("/dev/shm"), "no memory file system at /dev/shm")
    with tempfile.TemporaryDirectory(prefix="millrace-origin-", dir="/dev/shm") as folder:
        yield folder


@dataclasses.dataclass
class Asked:
    requests: int
    seconds: float  # Of h2load.
    body_bytes: int
    cipher: str  # Of TLS; empty without.
    server: object  # What the server's process used: load.Usage.


def ask(pid, url, version, requests, connections, headers=(), rate=None):
    """So many requests, one at a time on each connection, as fast as they are answered or `rate`
    of them a second; Failure unless all are answered with 200."""
    found = shutil.which("h2load")
    expect(found, "no h2load: scripts/setup test installs it")
    command = [found, "-n", str(requests), "-c", str(connections)]
    command += ["--h1"] if version == 1 else []
    command += [f"--rps={rate / connections:g}"] if rate else []
    command += [word for header in headers for word in ("-H", header)]
    before = usage(pid)
    text = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    used = usage(pid).since(before)

    def number(pattern):
        match = re.search(pattern, text)
        if not match:
            raise Failure(f"h2load says nothing like {pattern}: {text[-400:]}")
        return match[1]
    expect(int(number(r"status codes: (\d+) 2xx")) == requests, f"{url}: {text[-600:]}")
    seconds, unit = re.search(r"finished in ([\d.]+)(us|ms|s|)", text).groups()
    return Asked(requests, float(seconds) * {"us": 1e-6, "ms": 1e-3}.get(unit, 1),
                 int(number(r"\((\d+)\) data")),
                 number(r"Cipher: (\S+)") if url.startswith("https") else "", used)
