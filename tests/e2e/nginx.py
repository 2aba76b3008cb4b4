"""nginx as a cache in front of a server, as a CDN's edge is: by the origin's own cache headers."""
import shutil

from harness import Skip, expect, free_port, wait_for
import httpc

_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_cache_path {folder}/cache keys_zone=live:8m max_size=200m use_temp_path=off;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {origin};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache live;
      proxy_cache_key $uri$is_args$args;
      proxy_cache_lock on;
      proxy_cache_lock_timeout 15s;
      proxy_read_timeout 30s;
      add_header X-Cache $upstream_cache_status;
    }}
  }}
}}
"""


def in_front_of(case, server):
    """Its base address."""
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    if not shutil.which(binary):
        raise Skip("no nginx: scripts/setup test installs it")
    port, folder = free_port(), case.folder / "nginx"
    folder.mkdir(exist_ok=True)
    path = folder / "nginx.conf"
    path.write_text(_CONFIGURATION.format(folder=folder, port=port, origin=server.base))
    nginx = case.run("nginx", [binary, "-c", path, "-p", folder])
    base = f"http://127.0.0.1:{port}"

    def answers():
        expect(nginx.running(), f"nginx ended: {nginx.text()}")
        try:
            return httpc.fetch(f"{base}/healthz").status == 200
        except OSError:
            return False

    wait_for(answers, 10, "nginx to answer")
    return base
