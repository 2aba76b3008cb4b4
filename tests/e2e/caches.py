"""Caches in front of a server, as a CDN's edge is, from the very files of docs/cdn."""
import pathlib
import shutil

from harness import ROOT, Skip, expect, free_port, wait_for
import httpc

_NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/millrace.conf;
}}
"""

_NGINX_STREAM = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 1024; }}
include {folder}/millrace-stream.conf;
"""


class Cache:
    def __init__(self, port, tls_port=None):
        self.base = f"http://127.0.0.1:{port}"
        self.tls_base = f"https://localhost:{tls_port}"


def _program(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if not found:
        raise Skip(f"no {name}: scripts/setup test installs it")
    return found


def _changed(text, changes):
    """With each of these pieces, which must be there once, in place of the other."""
    for old, new in changes.items():
        expect(text.count(old) == 1, f"{old!r} is {text.count(old)} times in the documented file")
        text = text.replace(old, new)
    return text


def _wait(tool, base):
    def answers():
        expect(tool.running(), f"{tool.name} ended: {tool.text()}")
        try:
            return httpc.fetch(f"{base}/live/nobody/index.m3u8").status == 404
        except OSError:
            return False
    wait_for(answers, 10, f"{tool.name} to answer")


def nginx(case, server, certificate=None, changes=None):
    """docs/cdn/nginx.conf with the test's ports and paths. Without a certificate (its PEM file and
    its key's) it has no TLS. `changes` of the file make one that is set up badly."""
    port, tls_port = free_port(), free_port()
    folder = case.folder / f"nginx{len(case.tools)}"
    folder.mkdir()
    text = _changed((ROOT / "docs/cdn/nginx.conf").read_text("utf-8"), {
        "server 127.0.0.1:8080;": f"server 127.0.0.1:{server.http_port};",
        "/var/cache/nginx/millrace": f"{folder}/cache",
        "listen 80;": f"listen 127.0.0.1:{port};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{tls_port} ssl http2;" if certificate else "",
        "ssl_certificate /etc/nginx/millrace.pem;":
            f"ssl_certificate {certificate[0]};" if certificate else "",
        "ssl_certificate_key /etc/nginx/millrace.key;":
            f"ssl_certificate_key {certificate[1]};" if certificate else "",
        **(changes or {})})
    (folder / "millrace.conf").write_text(text)
    path = folder / "nginx.conf"
    path.write_text(_NGINX.format(folder=folder))
    tool = case.run("nginx", [_program("nginx"), "-c", path, "-p", folder])
    cache = Cache(port, tls_port)
    _wait(tool, cache.base)
    return cache


def nginx_stream(case, server):
    """docs/cdn/nginx-stream.conf with the test's ports, in front of `proxy_port` and
    `proxy_tls_port` of the server."""
    module = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")
    if not module.exists():
        raise Skip("no libnginx-mod-stream: scripts/setup test installs it")
    port, tls_port = free_port(), free_port()
    folder = case.folder / f"nginx{len(case.tools)}"
    folder.mkdir()
    text = _changed((ROOT / "docs/cdn/nginx-stream.conf").read_text("utf-8"), {
        "server 127.0.0.1:8081;": f"server 127.0.0.1:{server.proxy_port};",
        "server 127.0.0.1:8444;": f"server 127.0.0.1:{server.proxy_tls_port};",
        "listen 80;": f"listen 127.0.0.1:{port};",
        "listen 443;": f"listen 127.0.0.1:{tls_port};"})
    (folder / "millrace-stream.conf").write_text(text)
    path = folder / "nginx.conf"
    path.write_text(f"load_module {module};\n" + _NGINX_STREAM.format(folder=folder))
    tool = case.run("nginx", [_program("nginx"), "-c", path, "-p", folder])
    balancer = Cache(port, tls_port)
    _wait(tool, balancer.base)
    return balancer


def varnish(case, server):
    """docs/cdn/millrace.vcl with the test's ports."""
    port = free_port()
    folder = case.folder / f"varnish{len(case.tools)}"
    folder.mkdir()
    text = _changed((ROOT / "docs/cdn/millrace.vcl").read_text("utf-8"), {
        '.port = "8080";': f'.port = "{server.http_port}";'})
    path = folder / "millrace.vcl"
    path.write_text(text)
    tool = case.run("varnishd", [
        _program("varnishd"), "-F", "-f", path, "-n", folder / "work", "-a", f"127.0.0.1:{port}",
        "-T", "none", "-s", "malloc,128m", "-j", "none"])
    cache = Cache(port)
    _wait(tool, cache.base)
    return cache
