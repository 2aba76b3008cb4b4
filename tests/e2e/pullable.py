"""Foreign servers that a millrace pulls from, on 127.0.0.1."""
import http.server
import pathlib
import subprocess
import threading
import time

from harness import expect, wait_for

_FFMPEG = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning"]
sleep = time.sleep


def _loop(path):
    return [*_FFMPEG, "-re", "-stream_loop", "-1", "-i", path, "-c", "copy"]


def udp(case, path, port, host="127.0.0.1", query=""):
    return case.run("udp", [*_loop(path), "-f", "mpegts",
                            f"udp://{host}:{port}?pkt_size=1316{query}"])


def rtp(case, path, port):
    return case.run("rtp", [*_loop(path), "-f", "rtp_mpegts", f"rtp://127.0.0.1:{port}"])


def srt(case, path, port, **options):
    """The tool of the protocol's authors listens; it takes one caller after the other."""
    query = "".join(f"&{name}={value}" for name, value in options.items())
    script = (f'exec srt-live-transmit -q -chunk:1316 file://con '
              f'"srt://127.0.0.1:{port}?mode=listener&latency=120{query}" < <(exec ffmpeg -nostdin '
              f'-loglevel error -re -stream_loop -1 -i "{path}" -c copy -f mpegts -)')
    return case.run("srt", ["bash", "-c", script])


def rtsp(case, path, port, user="", password=""):
    """GStreamer's RTSP server, in a process of Debian's own Python, which has its bindings."""
    tool = case.run("rtsp", ["/usr/bin/python3", pathlib.Path(__file__).with_name("rtsp_server.py"),
                             path, port, user, password])
    wait_for(lambda: "ready" in tool.text() or not tool.running(), 15, "the RTSP server")
    expect(tool.running(), tool.text())
    return tool


def make_mp4(case, path, seconds):
    made = case.run("mp4", [*_FFMPEG, "-y", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30",
                            "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t",
                            seconds, "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g",
                            "60", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2", path])
    expect(made.wait(40) == 0, made.text())


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass


def _serve(handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def hls(case, path):
    """A live window that ffmpeg writes and Python's own server serves."""
    folder = case.folder / "hls"
    folder.mkdir()
    case.run("hls", [*_loop(path), "-f", "hls", "-hls_time", "2", "-hls_list_size", "6",
                     "-hls_flags", "delete_segments", folder / "index.m3u8"])
    wait_for(lambda: len(list(folder.glob("*.ts"))) > 3, 25, "the first segments")
    return _serve(lambda *more: _Quiet(*more, directory=str(folder)))


def http_ts(case, path):
    """Each request gets the stream as ffmpeg makes it, for as long as it listens."""
    class Handler(_Quiet):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.send_header("Connection", "close")
            self.end_headers()
            command = [str(word) for word in [*_loop(path), "-f", "mpegts", "-"]]
            with subprocess.Popen(command, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL) as made:
                try:
                    while block := made.stdout.read1(8192):
                        self.wfile.write(block)
                except OSError:
                    pass
                made.kill()
            self.close_connection = True
    return _serve(Handler)
