"""The tests' own web pages with players, served from another origin than the channel's."""
import http.server
import threading

from harness import HERE, Skip

_LIBRARIES = {
    "shaka-player.js": HERE / "node_modules/shaka-player/dist/shaka-player.compiled.js",
    "video.js": HERE / "node_modules/video.js/dist/video.min.js",
    "hls.js": HERE.parents[1] / "app/console/node_modules/hls.js/dist/hls.min.js",
}


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def translate_path(self, path):
        name = path.partition("?")[0].strip("/")
        return str(_LIBRARIES.get(name, HERE / "pages" / name))


class Pages:
    """Use as a context manager."""

    def __enter__(self):
        if not all(path.exists() for path in _LIBRARIES.values()):
            raise Skip("no node_modules: scripts/setup test installs them")
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
