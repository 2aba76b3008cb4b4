"""What the tests of the rewind window have in common: a server that has one, and its playlists."""
import httpc
from harness import expect
from playlist import parse_media


def with_dvr(case, window="1m"):
    return {"hls": {"state_file": str(case.folder / "state"), "window": "4s",
                    "dvr": {"window": window, "folder": str(case.folder / "dvr")}},
            "packager": {"segment": "1s"}}


def publish(case, server, key="secret-one"):
    """Segments of one second: the live window is six of them."""
    return case.run("ffmpeg", [
        "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning", "-re", "-f", "lavfi", "-i",
        "testsrc2=size=320x180:rate=25", "-re", "-f", "lavfi", "-i",
        "sine=frequency=440:sample_rate=48000", "-c:v", "libx264", "-preset", "ultrafast", "-tune",
        "zerolatency", "-g", "25", "-keyint_min", "25", "-sc_threshold", "0", "-b:v", "200k",
        "-pix_fmt", "yuv420p", "-profile:v", "baseline", "-c:a", "aac", "-b:a", "64k", "-f", "flv",
        f"{server.rtmp}/{key}"])


def media_playlist(server, rendition, query="", file="index.m3u8", channel="one"):
    answer = httpc.fetch(f"{server.base}/live/{channel}/{rendition}/{file}{query}")
    expect(answer.status == 200, f"{rendition}/{file}{query}: {answer.status} {answer.text}")
    found = parse_media(answer.text)
    expect(not found.faults, f"{rendition}/{file}{query}: {found.faults}")
    return found


def fetch_media(server, rendition, uri):
    return httpc.fetch(f"{server.base}/live/one/{rendition}/{uri}")
